//! `kinds`: lists what the target's mappings cover: Kubernetes kinds, the resources they stand for, and the calls made.
use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::choose::Choice;
use crate::mapping::plan::{Call, Kind, Target};

/// List the Kubernetes kinds and the resources that they stand for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to write them
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Which kinds to list
    #[command(flatten)]
    pub choice: Choice,
}

/// How the list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// A line each, for people
    #[default]
    Table,
    /// A JSON array, with all calls in order of preference
    Json,
}

/// Prints the list.
///
/// # Errors
/// When the output can't be written.
pub fn run(args: &Args, target: &Target, out: &mut impl Write) -> io::Result<()> {
    match args.output {
        Format::Table => table(target, out),
        Format::Json => {
            let kinds: Vec<Value> = target.kinds.iter().map(|kind| details(kind)).collect();
            writeln!(out, "{:#}", Value::from(kinds))
        }
    }
}

const HEADINGS: [&str; 7] = ["KIND", "VERSIONS", "SHORT NAMES", "RESOURCE", "ONLY NAME", "REQUIRES", "CALLS"];

fn table(target: &Target, out: &mut impl Write) -> io::Result<()> {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(target.kinds.iter().map(|kind| row(kind)));
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("   ").trim_end())?;
    }
    Ok(())
}

/// The calls are those tried first; further ones are for older servers.
fn row(kind: &Kind) -> [String; HEADINGS.len()] {
    let (kubernetes, resource) = (&kind.kubernetes, &kind.resource);
    let constants: Vec<&str> = kind.constants.iter().map(|constant| constant.value.as_str()).collect();
    let calls: Vec<&str> =
        calls(kind).iter().filter_map(|(_, calls)| Some(calls.first()?.method.name())).collect();
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        kubernetes.kind.clone(),
        kubernetes.versions.join(", "),
        or_none(kubernetes.short_names.join(", ")),
        constants.join(" "),
        or_none(resource.singleton.clone().unwrap_or_default()),
        or_none(resource.requires.join(" or ")),
        calls.join(", "),
    ]
}

fn details(kind: &Kind) -> Value {
    let (kubernetes, resource) = (&kind.kubernetes, &kind.resource);
    let constants: serde_json::Map<String, Value> = kind
        .constants
        .iter()
        .map(|constant| (constant.json.clone(), constant.value.clone().into()))
        .collect();
    let calls: serde_json::Map<String, Value> =
        calls(kind).iter().map(|(operation, calls)| ((*operation).to_owned(), methods(calls))).collect();
    json!({
        "group": kubernetes.group,
        "versions": kubernetes.versions,
        "kind": kubernetes.kind,
        "plural": kubernetes.plural,
        "singular": kubernetes.singular,
        "shortNames": kubernetes.short_names,
        "mapping": resource.name,
        "message": resource.message.full_name(),
        "resource": constants,
        "onlyName": resource.singleton,
        "requiresOneOf": resource.requires,
        "calls": calls,
    })
}

fn calls(kind: &Kind) -> [(&'static str, &[Call]); 6] {
    let calls = &kind.resource.calls;
    [
        ("get", &calls.get),
        ("list", &calls.list),
        ("create", &calls.create),
        ("update", &calls.update),
        ("upsert", &calls.upsert),
        ("delete", &calls.delete),
    ]
}

fn methods(calls: &[Call]) -> Value {
    let name = |call: &Call| format!("{}/{}", call.method.parent_service().full_name(), call.method.name());
    calls.iter().map(name).collect()
}
