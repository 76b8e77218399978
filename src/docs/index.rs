//! The list of all kinds, and of the mappings that they come from.
use std::collections::BTreeMap;

use crate::diagnostic::Source;
use crate::mapping::plan::{Call, Kind, Target};

use super::page::deleting;
use super::{GENERATED, code, codes, file_name, table};

/// The list of a target's kinds; `folder` is where their pages are, as a link from here, and `mappings` the mapping files.
pub fn index(target: &Target, folder: &str, mappings: &[Source]) -> String {
    let rows: Vec<_> = target.kinds.iter().map(|kind| row(kind, folder)).collect();
    let headings = ["Kubernetes kind", "Resource", "Only name", "Created and updated by", "Deleting it"];
    let mut text = format!(
        "{GENERATED}# Kinds\n\n{} Kubernetes kinds, each with a page of its fields.\n\n{}",
        rows.len(),
        table(headings, &rows)
    );
    text += &format!(
        "## Mappings\n\nEach kind of resource is one file; lines that are empty or only a comment are not counted.\n\n{}",
        table(["Mapping", "Lines", "Kubernetes kinds"], &lines(target, mappings))
    );
    if !target.absent.is_empty() {
        let absent: Vec<_> = target.absent.iter().map(|(kind, why)| [code(kind), why.clone()]).collect();
        text += &format!("## Left out\n\n{}", table(["Resource", "Why"], &absent));
    }
    text.trim_end().to_owned() + "\n"
}

fn row(kind: &Kind, folder: &str) -> [String; 5] {
    let (kubernetes, resource) = (&kind.kubernetes, &kind.resource);
    let constants: Vec<&str> = kind.constants.iter().map(|constant| constant.value.as_str()).collect();
    let first = |calls: &[Call]| calls.first().map(|call| call.method.name().to_owned());
    let (creating, updating) = (first(resource.calls.creating()), first(resource.calls.updating()));
    let writing = creating.iter().chain(updating.iter().filter(|call| creating.as_ref() != Some(call)));
    [
        format!("[{}]({folder}/{})", kubernetes.kind, file_name(kind)),
        constants.join(" "),
        resource.singleton.as_deref().map(code).unwrap_or_default(),
        codes(writing),
        deleting(&resource.calls.delete),
    ]
}

fn lines(target: &Target, mappings: &[Source]) -> Vec<[String; 3]> {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for kind in &target.kinds {
        kinds.entry(&kind.resource.name).or_default().push(kind.kubernetes.kind.clone());
    }
    let row = |(name, kinds): (&str, Vec<String>)| {
        let count = mapping_of(name, mappings).map(|source| count(&source.text).to_string());
        [code(name), count.unwrap_or_default(), kinds.join(", ")]
    };
    kinds.into_iter().map(row).collect()
}

/// The file of a mapping; one given later stands before an earlier one.
fn mapping_of<'a>(name: &str, mappings: &'a [Source]) -> Option<&'a Source> {
    mappings.iter().rev().find(|source| source.stem() == name)
}

fn count(text: &str) -> usize {
    let is_content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    text.lines().filter(is_content).count()
}
