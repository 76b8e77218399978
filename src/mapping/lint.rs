//! Puts a target together from its files: each one is read and resolved, then what only shows across files is checked.
//! All mistakes are reported at once.
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::grammar;
use super::kind::{self, Context};
use super::plan::{Kind, Target};
use super::raw::{self, Document, Node, Table};
use super::stream;
use super::target;
use super::types::{self, Types};
use crate::diagnostic::{Diagnostic, Source, refused};
use crate::schema::Schema;

const TARGET_FILE: &str = "target.toml";
const TYPES_FILE: &str = "types.toml";

/// A target, and warnings about its files; or all mistakes.
///
/// Files are told apart by the last part of their names: `target.toml`, `types.toml`, and mappings. They come in layers:
/// what a later layer says of a Kubernetes kind, of the target or of one type replaces what an earlier one says.
///
/// # Errors
/// All diagnostics, when at least one is an error.
pub fn load(layers: &[Vec<Source>], schema: &Schema) -> Result<(Target, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let target = resolve(layers, schema, &mut problems);
    problems.sort_by_key(|problem| problem.at.as_ref().map(|(source, at)| (source.name.clone(), at.start)));
    match target {
        Some(target) if !refused(&problems) => Ok((target, problems)),
        _ => Err(problems),
    }
}

/// None where what is wrong keeps the rest from being looked at.
fn resolve(layers: &[Vec<Source>], schema: &Schema, problems: &mut Vec<Diagnostic>) -> Option<Target> {
    let mut mappings = documents(layers, None, grammar::MAPPING, problems);
    drop_replaced(&mut mappings);
    let types = all_types(layers, schema, problems);
    let target_file = last_target(layers, problems)?;
    // Whatever is wrong with the files that all mappings build on would be wrong with each of them.
    let common = target::resolve(&target_file, schema, problems)?;
    if types.is_broken {
        return None;
    }
    let kubernetes = target_file.table.table("kubernetes");
    let word = |key| kubernetes.text(key).map(|text| text.text).unwrap_or_default();
    let (group, prefix) = (word("group"), word("kind-prefix"));
    let features = common.features.paths.keys().cloned().collect();
    let context = Context {
        schema,
        types: &types,
        target: &target_file.table,
        group: &group,
        prefix: &prefix,
        features,
        stream: common.stream.as_ref(),
    };
    let mut kinds: Vec<(usize, Kind)> = Vec::new();
    for (index, (_, document)) in mappings.iter().enumerate() {
        kinds.extend(kind::resolve(document, &context, problems).into_iter().map(|kind| (index, kind)));
    }
    let kinds = replace(kinds, &mappings, problems);
    collisions(&kinds, &mappings, problems);
    not_absent(&kinds, &target_file, problems);
    if let Some(stream) = &common.stream {
        stream::check_deletions(stream, mappings.iter().map(|(_, document)| document), problems);
    }
    let mut kinds: Vec<_> = kinds.into_iter().map(|(_, kind)| Arc::new(kind)).collect();
    kinds.sort_by(|a, b| a.kubernetes.kind.cmp(&b.kubernetes.kind));
    let name = folder(&target_file.source.name).rsplit('/').next().unwrap_or_default().to_owned();
    Some(Target { name, kinds, ..common })
}

/// The files of that name, or those without a name of their own: the mappings; each with its layer.
fn documents(
    layers: &[Vec<Source>],
    name: Option<&str>,
    grammar: &[grammar::Key],
    problems: &mut Vec<Diagnostic>,
) -> Vec<(usize, Document)> {
    let files = layers.iter().enumerate();
    let files = files.flat_map(|(layer, files)| files.iter().map(move |file| (layer, file)));
    let wanted = files.filter(|(_, file)| match (name, file_name(file)) {
        (Some(name), found) => found == name,
        (None, found) => found != TARGET_FILE && found != TYPES_FILE,
    });
    wanted.map(|(layer, file)| (layer, raw::read(Arc::new(file.clone()), grammar, problems))).collect()
}

/// The `target.toml` that counts.
pub(super) fn last_target(layers: &[Vec<Source>], problems: &mut Vec<Diagnostic>) -> Option<Document> {
    let last = documents(layers, Some(TARGET_FILE), grammar::TARGET, problems).pop();
    if last.is_none() {
        problems.push(Diagnostic::error(format!("there is no {TARGET_FILE}")));
    }
    last.map(|(_, document)| document)
}

/// The rules of every `types.toml`, later ones before earlier ones.
pub(super) fn all_types(layers: &[Vec<Source>], schema: &Schema, problems: &mut Vec<Diagnostic>) -> Types {
    let mut types = Types::default();
    for (_, document) in documents(layers, Some(TYPES_FILE), grammar::TYPES, problems) {
        types::read(&document, schema, &mut types, problems);
    }
    types
}

fn file_name(source: &Source) -> &str {
    source.name.rsplit('/').next().unwrap_or_default()
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A mapping whose Kubernetes kinds all stand in later layers too is no part of the target: its mistakes are nobody's.
fn drop_replaced(mappings: &mut Vec<(usize, Document)>) {
    let kinds = |document: &Document| -> Vec<String> {
        let kinds = document.table.list("kubernetes").iter();
        kinds.filter_map(|node| Some(node.table()?.text("kind")?.text)).collect()
    };
    let mut last: HashMap<String, usize> = HashMap::new();
    for (layer, document) in mappings.iter() {
        last.extend(kinds(document).into_iter().map(|kind| (kind, *layer)));
    }
    mappings.retain(|(layer, document)| {
        let kinds = kinds(document);
        kinds.is_empty() || kinds.iter().any(|kind| last.get(kind) == Some(layer))
    });
}

/// A kind of a later layer replaces one of an earlier layer; within a layer, two of a name are a mistake.
fn replace(
    kinds: Vec<(usize, Kind)>,
    mappings: &[(usize, Document)],
    problems: &mut Vec<Diagnostic>,
) -> Vec<(usize, Kind)> {
    let mut kept: Vec<(usize, Kind)> = Vec::new();
    for (index, kind) in kinds {
        let same = kept.iter().position(|(_, other)| other.kubernetes.kind == kind.kubernetes.kind);
        let Some(same) = same else {
            kept.push((index, kind));
            continue;
        };
        let ((earlier_layer, earlier), (layer, document)) = (&mappings[kept[same].0], &mappings[index]);
        if earlier_layer == layer {
            let (kind, earlier) = (&kind.kubernetes.kind, &earlier.source.name);
            let message = format!("{kind} already stands for a resource, in {earlier}");
            problems.push(Diagnostic::error(message).at(&document.source, kind_span(document, kind)));
        }
        kept[same] = (index, kind);
    }
    kept
}

/// Names by which `kubectl` finds a kind must be one kind's alone.
fn collisions(kinds: &[(usize, Kind)], mappings: &[(usize, Document)], problems: &mut Vec<Diagnostic>) {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for (index, kind) in kinds {
        let k = &kind.kubernetes;
        let mut own: Vec<&String> = k.short_names.iter().chain([&k.plural, &k.singular]).collect();
        own.sort();
        own.dedup();
        for name in own {
            let Some(other) = taken.insert(name, &k.kind) else { continue };
            let message = format!("the name `{name}` of {} is also one of {other}", k.kind);
            let document = &mappings[*index].1;
            let at = name_span(document, &k.kind, name);
            let help = "give `short-names` or `plural`";
            problems.push(Diagnostic::error(message).at(&document.source, at).help(help));
        }
    }
}

/// What is said to have no mapping must have none.
fn not_absent(kinds: &[(usize, Kind)], target: &Document, problems: &mut Vec<Diagnostic>) {
    let is_mapped = |name: &str| {
        let mut constants = kinds.iter().flat_map(|(_, kind)| &kind.constants);
        constants.any(|constant| constant.json == "kind" && constant.value == name)
    };
    for (name, _) in target.table.table("absent").entries().filter(|(name, _)| is_mapped(&name.text)) {
        let message = format!("`{}` has a mapping", name.text);
        problems.push(Diagnostic::error(message).at(&target.source, name.span.clone()));
    }
}

/// Where a name of a kind stands: itself if it is written, else the kind.
fn name_span(document: &Document, kind: &str, name: &str) -> Range<usize> {
    let is_kind = |table: &&Table| table.text("kind").is_some_and(|text| text.text == kind);
    let table = document.table.list("kubernetes").iter().filter_map(Node::table).find(is_kind);
    let names = table
        .into_iter()
        .flat_map(|table| table.texts("short-names").into_iter().chain(table.text("plural")));
    let written = names.filter(|text| text.text == name).map(|text| text.span).next();
    written.unwrap_or_else(|| kind_span(document, kind))
}

/// Where a kind stands; the last time, if it does so twice.
fn kind_span(document: &Document, kind: &str) -> Range<usize> {
    let kinds = document.table.list("kubernetes").iter();
    let texts = kinds.filter_map(|node| node.table()?.text("kind"));
    texts.filter(|text| text.text == kind).map(|text| text.span).next_back().unwrap_or(0..0)
}
