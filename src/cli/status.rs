//! `status`: reads the statuses of all objects, page by page, and prints how the fleet stands.
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::fleet::Fleet;
use crate::kube::errors::Class;
use crate::kube::{connect, object};
use crate::mapping::plan::Target;
use crate::sync::cluster::api_resource;

/// Print the objects of the cluster by kind and state, and those that need a person
///
/// All of it is out of the objects' own statuses: neither the target nor an operator that runs is asked. Exits with 1
/// where something needs a person.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Namespace of the objects, several separated by commas [default: all]
    #[arg(short, long, value_delimiter = ',', value_name = "NAMESPACE")]
    pub namespace: Vec<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Kubeconfig file [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    pub context: Option<String>,
}

/// How the fleet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// A table and a line each, for people
    #[default]
    Text,
    /// A JSON object
    Json,
}

/// Reads and prints; gives whether nothing needs a person.
///
/// # Errors
/// When there is no way to Kubernetes, or the output can't be written.
pub fn run(args: &Args, target: &Target, out: &mut impl Write) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fleet = runtime.block_on(read(args, target))?;
    match args.output {
        Format::Text => write!(out, "{}", fleet.text())?,
        Format::Json => writeln!(out, "{:#}", fleet.json())?,
    }
    out.flush()?;
    Ok(fleet.is_well())
}

async fn read(args: &Args, target: &Target) -> Result<Fleet> {
    let client = connect::client(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
    let mut namespaces: Vec<&str> = args.namespace.iter().map(|name| name.trim()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    if namespaces.is_empty() || namespaces.contains(&"*") {
        namespaces = vec![""];
    }
    let mut fleet = Fleet::default();
    for kind in &target.kinds {
        let (name, resource) = (kind.kubernetes.kind.as_str(), api_resource(&kind.kubernetes));
        match read_kind(&client, &resource, name, &namespaces, &mut fleet).await {
            Ok(()) => {}
            Err(error) if error.class == Class::Gone => fleet.missing.push(name.to_owned()),
            Err(error) => drop(fleet.unread.insert(name.to_owned(), error.to_string())),
        }
    }
    Ok(fleet)
}

/// How often a list that grew too old while it was read is begun again.
const TRIES: usize = 3;

async fn read_kind(
    client: &kube::Client,
    resource: &kube::api::ApiResource,
    kind: &str,
    namespaces: &[&str],
    fleet: &mut Fleet,
) -> Result<(), crate::kube::errors::Error> {
    for namespace in namespaces {
        let (mut token, mut tries) = (String::new(), 0);
        let mut objects = Vec::new();
        loop {
            match object::page(client, resource, namespace, &token).await {
                Ok((page, next)) => {
                    objects.extend(page.iter().map(Fleet::seen));
                    token = next;
                }
                // The server remembers only for so long where a list goes on.
                Err(error) if !token.is_empty() && error.class == Class::Gone && tries < TRIES => {
                    (token, tries) = (String::new(), tries + 1);
                    objects.clear();
                    continue;
                }
                Err(error) => return Err(error),
            }
            if token.is_empty() {
                break;
            }
        }
        fleet.add(kind, objects);
    }
    Ok(())
}
