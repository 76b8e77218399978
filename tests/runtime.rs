//! Kinds given at run time: how they lie over those that the program carries, what is said of mistakes, and how a running
//! operator takes a kind that comes later or that its server does not have.
#[path = "support/kubernetes.rs"]
mod kubernetes;
#[path = "support/operator.rs"]
mod operator;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kubernetes::Kubernetes;
use operator::{Operator, PROGRAM};
use serde_json::Value;
use teleport_operator::cli::choose::Choice;
use teleport_operator::cli::source::Given;
use teleport_operator::diagnostic::{Diagnostic, Source};
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::mapping::scaffold::scaffold;
use teleport_operator::mapping::{self, embedded_schema, embedded_sources};
use teleport_operator::sandbox::server::Sandbox;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::Code;

/// Files of a user's own.
struct Files(TempDir);

const SHELF: &str = r#"syntax = "proto3";
package acme.v1;
import "google/protobuf/empty.proto";
import "teleport/header/v1/metadata.proto";
message Shelf {
  string kind = 1;
  string version = 2;
  teleport.header.v1.Metadata metadata = 3;
  ShelfSpec spec = 4;
}
message ShelfSpec { repeated string books = 1; Wood wood = 2; }
enum Wood { WOOD_UNSPECIFIED = 0; WOOD_OAK = 1; }
message ShelfName { string name = 1; }
service Shelves {
  rpc GetShelf(ShelfName) returns (Shelf);
  rpc CreateShelf(Shelf) returns (Shelf);
  rpc UpdateShelf(Shelf) returns (Shelf);
  rpc DeleteShelf(ShelfName) returns (google.protobuf.Empty);
}
"#;

const SHELF_TOML: &str = r#"[resource]
message = "acme.v1.Shelf"
kind    = "shelf"
version = "v1"
[[kubernetes]]
kind = "TeleportShelfV1"
[rpc]
get    = ["acme.v1.Shelves/GetShelf"]
create = ["acme.v1.Shelves/CreateShelf"]
update = ["acme.v1.Shelves/UpdateShelf"]
delete = ["acme.v1.Shelves/DeleteShelf"]
"#;

/// A bot under the program's own name for it, with another short name.
const BOT_TOML: &str = r#"[resource]
message = "teleport.machineid.v1.Bot"
kind    = "bot"
version = "v1"
[[kubernetes]]
kind        = "TeleportBotV1"
short-names = ["robot"]
[rpc]
get    = [{ call = "teleport.machineid.v1.BotService/GetBot", request = { bot_name = "{name}" } }]
upsert = ["teleport.machineid.v1.BotService/UpsertBot"]
delete = [{ call = "teleport.machineid.v1.BotService/DeleteBot", request = { bot_name = "{name}" } }]
"#;

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What is given on the command line, by names of these files.
    fn given(&self, mappings: &[&str], descriptors: &[&str]) -> Given {
        let paths = |names: &[&str]| names.iter().map(|name| self.path(name)).collect();
        Given { mappings: paths(mappings), descriptors: paths(descriptors), ..Given::default() }
    }

    /// The target, or one line for each mistake, with its place, and without the folder's name.
    fn target(&self, mappings: &[&str], descriptors: &[&str]) -> Result<Target, Vec<String>> {
        let given = self.given(mappings, descriptors).target();
        given.map(|(target, _)| target).map_err(|problems| problems.iter().map(|p| self.line(p)).collect())
    }

    /// The mistakes that there must be. (A target is not to be shown: its descriptors refer to each other for ever.)
    fn mistakes(&self, mappings: &[&str], descriptors: &[&str]) -> Vec<String> {
        self.target(mappings, descriptors).map(drop).expect_err("there are mistakes")
    }

    fn line(&self, problem: &Diagnostic) -> String {
        let place = problem.at.as_ref().map(|(source, span)| {
            let line = source.text[..span.start].matches('\n').count() + 1;
            format!("{}:{line}: ", source.name)
        });
        let line = format!("{}{problem}", place.unwrap_or_default());
        line.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn kind<'a>(target: &'a Target, name: &str) -> Option<&'a Arc<Kind>> {
    target.kinds.iter().find(|kind| kind.kubernetes.kind == name)
}

fn embedded() -> Target {
    mapping::embedded().expect("the embedded mappings are sound")
}

#[test]
fn a_kind_is_added_with_each_form_of_descriptors() {
    let files = Files::new(&[("protos/acme/shelf.proto", SHELF), ("kinds/shelf.toml", SHELF_TOML)]);
    let set = files.path("set.binpb");
    let mut compiler = protox::Compiler::new([
        files.path("protos"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/teleport/official"),
    ])
    .expect("folders");
    compiler.include_imports(true).open_file("acme/shelf.proto").expect("compiles");
    fs::write(&set, compiler.encode_file_descriptor_set()).expect("a file");
    for descriptors in ["protos", "protos/acme/shelf.proto", "set.binpb"] {
        let target =
            files.target(&["kinds"], &[descriptors]).unwrap_or_else(|e| panic!("{descriptors}: {e:?}"));
        assert!(kind(&target, "TeleportShelfV1").is_some(), "{descriptors}");
        assert_eq!(target.kinds.len(), embedded().kinds.len() + 1, "{descriptors}");
    }
}

#[test]
fn the_last_layer_counts_for_a_kind_and_no_other() {
    let files = Files::new(&[
        ("one/bot.toml", BOT_TOML),
        ("two/bot.toml", &BOT_TOML.replace("robot", "automaton")),
        ("kinds/shelf.toml", SHELF_TOML),
        ("protos/shelf.proto", SHELF),
        (
            "words/types.toml",
            "[enum.\"acme.v1.Wood\"]\nrepr = \"enum-words\"\nwords = { oak = 1 }\nprint = { 1 = \"oak\" }\n",
        ),
    ]);
    let short = |layers: &[&str]| {
        let target = files.target(layers, &[]).expect("sound");
        assert_eq!(target.kinds.len(), embedded().kinds.len());
        kind(&target, "TeleportBotV1").expect("bots").kubernetes.short_names.clone()
    };
    assert_eq!(short(&["one"]), ["robot"]);
    assert_eq!(short(&["one", "two"]), ["automaton"]);
    assert_eq!(short(&["two", "one"]), ["robot"]);

    // Rules for types add to those below them: the embedded kinds could not be resolved without theirs.
    let target = files.target(&["kinds", "words"], &["protos"]).expect("sound");
    let shelf = kind(&target, "TeleportShelfV1").expect("shelves");
    let explained = mapping::explain::explain(shelf);
    assert_eq!(explained["members"]["$.spec.wood"], "enum-words, field wood");
    let role = |target: &Target| mapping::explain::explain(kind(target, "TeleportRoleV7").expect("roles"));
    assert_eq!(role(&target), role(&embedded()));
}

#[test]
fn a_mapping_that_is_replaced_has_no_say() {
    // With this the embedded mapping of bots does not hold: there are no labels any more in their messages.
    let bot = "syntax = \"proto3\";\npackage teleport.machineid.v1;\nmessage Bot { string kind = 1; }\n";
    let path = "teleport/machineid/v1/bot.proto";
    let files = Files::new(&[(&format!("protos/{path}"), bot), ("kinds/shelf.toml", SHELF_TOML)]);
    let mistakes = files.mistakes(&[], &["protos"]);
    assert!(mistakes.iter().all(|line| line.starts_with("mappings/teleport/bot.toml:")), "{mistakes:?}");
    let instead = SHELF_TOML.replace("TeleportShelfV1", "TeleportBotV1");
    let files = Files::new(&[
        (&format!("protos/{path}"), bot),
        ("protos/acme/shelf.proto", SHELF),
        ("kinds/bot.toml", &instead),
    ]);
    let target = files.target(&["kinds"], &["protos"]).expect("nobody needs the broken message");
    assert_eq!(kind(&target, "TeleportBotV1").expect("bots").resource.message.full_name(), "acme.v1.Shelf");
}

#[test]
fn all_mistakes_are_said_at_once_each_in_its_place() {
    let files = Files::new(&[
        ("bad/acme/a.proto", "syntax = \"proto3\";\npackage acme;\nimport \"acme/none.proto\";\n"),
        (
            "bad/acme/b.proto",
            "syntax = \"proto3\";\nmessage B { strin% x = 1; }\nmessage C { string y = 1 }\n",
        ),
        ("bad/acme/c.proto", "syntax = \"proto3\";\nimport \"acme/b.proto\";\n"),
        ("again/own.proto", "syntax = \"proto3\";\npackage teleport.header.v1;\nmessage Metadata {}\n"),
        ("empty/README.md", ""),
        ("text.binpb", "no set"),
        ("kinds/shelf.toml", SHELF_TOML),
        ("twice/a.toml", SHELF_TOML),
        ("twice/b.toml", SHELF_TOML),
        ("protos/shelf.proto", SHELF),
    ]);
    let table: [(&[&str], &[&str], &[&str]); 6] = [
        (
            &[],
            &["bad"],
            &[
                "bad/acme/a.proto:3: import 'acme/none.proto' not found",
                "bad/acme/b.proto:2: invalid token",
                "bad/acme/b.proto:3: expected ';' or '[', but found '}'",
            ],
        ),
        (
            &[],
            &["again"],
            &["again/own.proto:3: name 'teleport.header.v1.Metadata' is already defined in file \
             'teleport/header/v1/metadata.proto'"],
        ),
        (
            &["nowhere", "empty"],
            &["nowhere.proto", "empty", "text.binpb"],
            &[
                "the descriptors in nowhere.proto can't be read: ",
                "empty has no .proto files",
                "text.binpb: this is no descriptor set: ",
                "the mappings in nowhere can't be read: ",
                "empty has no mappings (.toml)",
            ],
        ),
        (
            &["kinds"],
            &[],
            &["kinds/shelf.toml:2: there is no message `acme.v1.Shelf` (the binary carries what its own"],
        ),
        (&["twice"], &["protos"], &["twice/b.toml:6: TeleportShelfV1 already stands for a resource, in "]),
        (
            &["kinds", "twice"],
            &["protos"],
            &["twice/b.toml:6: TeleportShelfV1 already stands for a resource, in "],
        ),
    ];
    for (mappings, descriptors, expected) in table {
        let found = files.mistakes(mappings, descriptors);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (line, begins) in found.iter().zip(expected) {
            assert!(line.starts_with(begins), "{line}\ndoes not begin with\n{begins}");
        }
    }
}

#[test]
fn a_mounted_configmap_is_read_once_and_what_is_hidden_not_at_all() {
    let files = Files::new(&[
        ("kinds/..2026_01_01/shelf.toml", SHELF_TOML),
        ("kinds/.#shelf.toml", "what an editor leaves"),
        ("protos/..2026_01_01/shelf.proto", SHELF),
    ]);
    for (folder, file) in [("kinds", "shelf.toml"), ("protos", "shelf.proto")] {
        let link = |to: &str, from: &str| {
            std::os::unix::fs::symlink(to, files.path(folder).join(from)).expect("a link")
        };
        link("..2026_01_01", "..data");
        link(&format!("..data/{file}"), file);
    }
    let target = files.target(&["kinds"], &["protos"]).expect("sound");
    assert!(kind(&target, "TeleportShelfV1").is_some());
}

#[test]
fn kinds_are_chosen_by_patterns() {
    let choose = |kinds: &[&str], exclude: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let chosen = Choice { kinds: texts(kinds), exclude_kinds: texts(exclude) }.apply(embedded());
        chosen
            .map(|target| target.kinds.iter().map(|kind| kind.kubernetes.kind.clone()).collect::<Vec<_>>())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(choose(&[], &[]).expect("all").len(), embedded().kinds.len());
    assert_eq!(
        choose(&["*portrolev?", "TeleportUser"], &["*v7", "*V9"]).expect("some"),
        ["TeleportRoleV6", "TeleportRoleV8", "TeleportUser"]
    );
    assert_eq!(choose(&[""], &[""]).expect("all").len(), embedded().kinds.len());
    let none = choose(&["TeleportUser"], &["TeleportUser*"]).expect_err("none is left");
    assert!(none[0].starts_with("no kind is left to work on"), "{none:?}");
    let unknown = choose(&["TeleportUsr", "Teleport*"], &["Widget"]).expect_err("two are unknown");
    assert_eq!(unknown[0], "there is no kind `TeleportUsr` (did you mean `TeleportUser`?)");
    assert_eq!(unknown[1], "there is no kind `Widget` (`kinds` lists them)");
}

/// The program, with variables.
fn said(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output =
        Command::new(PROGRAM).args(arguments).envs(variables.iter().copied()).output().expect("it starts");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn variables_stand_for_flags_and_flags_go_before_them() {
    let files = Files::new(&[("kinds/shelf.toml", SHELF_TOML), ("protos/shelf.proto", SHELF)]);
    let (kinds, protos) =
        (files.path("kinds").display().to_string(), files.path("protos").display().to_string());
    let own =
        [("TELEPORT_OPERATOR_MAPPINGS", kinds.as_str()), ("TELEPORT_OPERATOR_DESCRIPTORS", protos.as_str())];
    let (code, crd) = said(&["crds", "TeleportShelfV1"], &own);
    assert_eq!(code, Some(0));
    assert!(crd.contains("name: teleportshelvesv1.") || crd.contains("name: teleportshelfsv1."), "{crd}");
    let nowhere = [("TELEPORT_OPERATOR_MAPPINGS", "nowhere"), own[1]];
    assert_eq!(said(&["crds", "TeleportShelfV1"], &nowhere).0, Some(1));
    assert_eq!(said(&["crds", "TeleportShelfV1", "--mappings", &kinds], &nowhere).0, Some(0));
    assert_eq!(said(&["kinds"], &[("TELEPORT_OPERATOR_KINDS", "TeleportUsr")]).0, Some(2));
    let (code, list) =
        said(&["kinds"], &[("TELEPORT_OPERATOR_MAPPINGS", ""), ("TELEPORT_OPERATOR_KINDS", "TeleportUser")]);
    assert_eq!((code, list.lines().count()), (Some(0), 2));
}

#[test]
fn what_is_scaffolded_for_the_embedded_kinds_is_a_sound_mapping() {
    let (target, schema) = (embedded(), embedded_schema().expect("sound"));
    let mut seen = BTreeSet::new();
    let (mut unsound, mut open) = (Vec::new(), Vec::new());
    for kind in &target.kinds {
        let message = kind.resource.message.full_name();
        if !seen.insert(message) {
            continue;
        }
        let name = format!("{}Scaffolded", target.words.kind_prefix);
        let text = scaffold(&[embedded_sources()], &schema, message, Some(&name)).expect("has calls");
        let file = Source { name: "scaffolded.toml".to_owned(), text: text.clone() };
        if let Err(mistakes) = mapping::load(&[embedded_sources(), vec![file]], &schema) {
            let says: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            // A call that names don't give away is asked for in the mapping itself.
            let is_open =
                text.contains("must be one") && says.iter().all(|line| line.starts_with("nothing here "));
            let which = if is_open { &mut open } else { &mut unsound };
            which.push(format!("{message}: {says:#?}\n{text}"));
        }
    }
    assert!(unsound.is_empty(), "{}", unsound.join("\n"));
    assert!(open.len() * 10 <= seen.len(), "{}", open.join("\n"));
}

/// Asks until there is an answer.
fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_kind_is_taken_when_it_is_installed_and_says_what_the_server_lacks() {
    let files = Files::new(&[("kinds/shelf.toml", SHELF_TOML), ("protos/shelf.proto", SHELF)]);
    let (target, _) = files.given(&["kinds"], &["protos"]).target().expect("sound");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let sandbox = Sandbox::new(Arc::new(target));
    runtime.spawn(Arc::clone(&sandbox).serve(listener, std::future::pending()));

    let cluster = Kubernetes::shared();
    cluster.namespace("runtime");
    let install = |kind: &str| {
        let (kinds, protos) =
            (files.path("kinds").display().to_string(), files.path("protos").display().to_string());
        let (code, crd) = said(&["crds", kind, "--mappings", &kinds, "--descriptors", &protos], &[]);
        assert_eq!(code, Some(0));
        cluster.kubectl_with(&["apply", "-f", "-"], &crd);
    };
    install("TeleportBotV1");
    let flags = [
        "--insecure-plaintext",
        "--no-leader-election",
        "--namespace",
        "runtime",
        "--auth-server",
        &address,
        "--kubeconfig",
        &cluster.kubeconfig().display().to_string(),
        "--mappings",
        &files.path("kinds").display().to_string(),
        "--descriptors",
        &files.path("protos").display().to_string(),
        "--kinds",
        "TeleportBotV1,TeleportShelfV1",
    ]
    .map(str::to_owned);
    let operator = Operator::start(&files.path("log"), &flags);
    until("the operator is ready without the definition", || {
        operator.health("/readyz").filter(|(code, _)| *code == 200)
    });
    assert!(operator.log().contains("CRD not deployed"), "{}", operator.log());

    let resource = "teleportshelfv1.resources.teleport.dev";
    let condition = |name: &str, type_: &str| {
        let text = cluster.kubectl(&["-n", "runtime", "get", resource, name, "-o", "json"]);
        let object: Value = serde_json::from_str(&text).expect("JSON");
        let conditions = object.pointer("/status/conditions")?.as_array()?.clone();
        let found = conditions.into_iter().find(|condition| condition["type"] == type_)?;
        Some((found["status"].as_str()?.to_owned(), found["message"].as_str()?.to_owned()))
    };
    let apply = |name: &str| {
        let manifest = format!(
            "apiVersion: resources.teleport.dev/v1\nkind: TeleportShelfV1\nmetadata: {{name: {name}}}\n\
             spec: {{books: [Emma], wood: WOOD_OAK}}\n"
        );
        until("the new kind is served", || {
            let done = cluster.try_kubectl(&["-n", "runtime", "apply", "-f", "-"], &manifest);
            done.status.success().then_some(())
        });
    };
    install("TeleportShelfV1");
    apply("first");
    until("the new kind is synced", || condition("first", "Ready").filter(|(status, _)| status == "True"));
    assert!(sandbox.snapshot()["acme.v1.Shelf"].contains_key("first"));

    for call in ["GetShelf", "CreateShelf", "UpdateShelf"] {
        sandbox.refuse(
            &format!("acme.v1.Shelves/{call}"),
            Code::Unimplemented,
            "unknown service acme.v1.Shelves",
        );
    }
    apply("second");
    let (_, says) = until("the object says that the server lacks its calls", || {
        condition("second", "SuccessfullyReconciled").filter(|(status, _)| status == "False")
    });
    assert!(says.contains("unknown service acme.v1.Shelves"), "{says}");
    assert_eq!(condition("second", "Ready").map(|(status, _)| status).as_deref(), Some("False"));
}
