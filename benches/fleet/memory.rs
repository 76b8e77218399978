//! What very many objects in sync take of the operator's memory: streamed by an API server that makes them up, and held
//! against a target in this process that has a resource for each, so that scans are real.
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::Value;
use teleport_operator::app::{Connect, connection};
use teleport_operator::mapping;
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::sandbox::server::Sandbox;
use teleport_operator::sync::decide::Record;
use teleport_operator::target::call::Options;
use teleport_operator::target::client::Client;
use teleport_operator::target::gate::{Gate, Write};
use teleport_operator::target::proof::Vacant;
use teleport_operator::translate::{compare, desired};
use tokio::net::TcpListener;

use crate::operator::Operator;
use crate::process::{Cpu, Memory};
use crate::quiet::until_quiet;
use crate::roles::{API, name, role};
use crate::synthetic::{Synthetic, kubeconfig};
use crate::table::{Figure, Table};

/// How long the first scan may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Until what was freed is given back.
const REST: Duration = Duration::from_secs(7);
/// Calls at once that fill the target.
const PARALLEL: usize = 32;

/// Has the operator hold so many objects like `like`.
pub fn hold(size: usize, like: &Value, table: &mut Table) {
    eprintln!("{size} in memory:");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let target = Arc::new(mapping::embedded().expect("the embedded mappings are sound"));
    let sandbox = Sandbox::new(Arc::clone(&target));
    let listen = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let (ours, theirs) = (listen(), listen());
    let address = |listener: &TcpListener| listener.local_addr().expect("its address").to_string();
    let (kubernetes, teleport) = (address(&ours), address(&theirs));
    runtime.spawn(Arc::clone(&sandbox).serve(theirs, std::future::pending()));
    let records = runtime.block_on(fill(&target, &teleport, size));
    let server = Synthetic::new(like, records);
    runtime.spawn(Arc::clone(&server).serve(ours));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("kubeconfig");
    kubeconfig(&kubernetes, &config);
    let (writes, began) = (target_writes(&sandbox), Instant::now());
    let operator = start(folder.path(), &config, &teleport);
    let quiet = until_quiet(&operator, size);
    let pid = operator.pid();
    table.seconds(size, Figure::QuietCpu, Cpu::of(pid).so_far());
    table.seconds(size, Figure::Quiet, quiet - began);
    until_scanned(&sandbox, size, &target);
    sleep(REST);
    let memory = Memory::of(pid);
    table.memory(size, Figure::Rss, memory.resident);
    table.memory(size, Figure::Anonymous, memory.anonymous);
    table.memory(size, Figure::Peak, memory.peak);
    table.put(size, Figure::RestartWrites, server.writes() as f64);
    table.put(size, Figure::RestartTargetWrites, (target_writes(&sandbox) - writes) as f64);
}

fn start(folder: &Path, config: &Path, teleport: &str) -> Operator {
    let config = config.display().to_string();
    let flags = ["--kubeconfig", &config, "--namespace", "fleet", "--no-leader-election"];
    let target = ["--auth-server", teleport, "--insecure-plaintext", "--log-level", "INFO"];
    let flags: Vec<_> = flags.into_iter().chain(target).map(str::to_owned).collect();
    Operator::start(&folder.join("operator.log"), &flags)
}

fn kind(target: &Target) -> &Kind {
    let (api, kind, _) = API;
    target.kind_of(api, kind).expect("roles have a mapping")
}

/// Makes the resources, as the operator would; gives what it would have recorded.
async fn fill(target: &Arc<Target>, address: &str, size: usize) -> Vec<Record> {
    let (way, _) = connection(Connect::Plaintext(address.to_owned())).expect("an address");
    let client = Client::new(target, way, Options::default());
    let (gate, kind) = (Gate::new(client, Arc::new(|| Ok(()))), kind(target));
    let make = |index: usize| {
        let gate = &gate;
        async move {
            let made = desired(kind, &target.words, &target.ownership, &role(index));
            let hash = compare::hash(&kind.resource, &made.message);
            let write = Write::Create(made.message, Vacant::unread());
            let live =
                gate.write(kind, &name(index), &[], write).await.expect("it is made").expect("it is shown");
            let revision =
                kind.resource.metadata.revision.as_ref().map(|path| path.text(&live)).unwrap_or_default();
            Record {
                desired: hash.into(),
                live: compare::hash(&kind.resource, &live).into(),
                revision: revision.into(),
            }
        }
    };
    stream::iter(0..size).map(make).buffered(PARALLEL).collect().await
}

fn target_writes(sandbox: &Sandbox) -> u64 {
    let counts = sandbox.counts();
    let writes = counts.iter().filter(|(method, _)| {
        let (_, call) = method.rsplit_once('/').unwrap_or_default();
        ["Create", "Update", "Upsert", "Delete"].iter().any(|verb| call.starts_with(verb))
    });
    writes.map(|(_, count)| count).sum()
}

/// Waits until all pages of a scan were asked for.
fn until_scanned(sandbox: &Sandbox, size: usize, target: &Target) {
    let page = usize::try_from(target.limits.page_size).expect("a page has a size");
    let began = Instant::now();
    let listed = || {
        let counts = sandbox.counts();
        counts
            .iter()
            .filter(|(method, _)| method.ends_with("/ListRoles"))
            .map(|(_, count)| *count)
            .sum::<u64>()
    };
    while (listed() as usize) < size.div_ceil(page) {
        assert!(began.elapsed() < PATIENCE, "no scan after {PATIENCE:?}");
        sleep(Duration::from_millis(200));
    }
}
