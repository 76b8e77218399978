//! `examples/teleport/`: a manifest for each kind, free of mistakes, which refer to each other and to nothing else.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use teleport_operator::mapping;
use teleport_operator::translate::desired;

/// All documents of the folder, with the names of their files.
fn documents() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/teleport");
    let mut documents = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a readable file");
        let found: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        documents.extend(found.into_iter().map(|document| (file.clone(), document)));
    }
    documents
}

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn every_kind_has_an_example_and_all_translate_without_a_word() {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let documents = documents();
    let mut seen = BTreeSet::new();
    let mut references = Vec::new();
    for (file, document) in &documents {
        assert!(document.pointer("/metadata/namespace").is_none(), "{file} names a namespace");
        let Some(kind) = target.kind_of(text(document, "/apiVersion"), text(document, "/kind")) else {
            assert_eq!(text(document, "/kind"), "Secret", "{file} has something else");
            continue;
        };
        let translated = desired(kind, &target.words, &target.ownership, document);
        assert_eq!(translated.diagnostics, [], "{file}");
        references.extend(translated.secrets.into_iter().map(|s| (text(document, "/metadata/name"), s)));
        seen.insert(kind.kubernetes.kind.as_str());
    }
    let all: BTreeSet<&str> = target.kinds.iter().map(|kind| kind.kubernetes.kind.as_str()).collect();
    assert_eq!(seen, all);

    assert!(!references.is_empty(), "an example shows a reference to a Secret");
    for (reader, reference) in references {
        let is_meant = |document: &&Value| {
            text(document, "/kind") == "Secret" && text(document, "/metadata/name") == reference.name
        };
        let secret =
            documents.iter().map(|(_, document)| document).find(is_meant).expect("the Secret is there");
        assert!(secret["stringData"][&reference.key].is_string(), "{}", reference.path);
        assert_eq!(secret["metadata"]["annotations"][&target.words.lookup], reader);
    }
}

#[test]
fn every_role_and_user_referred_to_is_there() {
    let documents = documents();
    let named = |prefix: &str| -> BTreeSet<&str> {
        let of_kind = documents.iter().filter(|(_, document)| text(document, "/kind").starts_with(prefix));
        of_kind.map(|(_, document)| text(document, "/metadata/name")).collect()
    };
    let (roles, users, bots) = (named("TeleportRole"), named("TeleportUser"), named("TeleportBot"));
    for (file, document) in &documents {
        let mut used = BTreeSet::new();
        collect("roles", document, &mut used);
        // A token's roles are those of Teleport's own services.
        used.retain(|role| !["Bot", "Node"].contains(role));
        assert!(used.is_subset(&roles), "{file}: {used:?}");
        let owners = document.pointer("/spec/owners").and_then(Value::as_array).into_iter().flatten();
        owners.for_each(|owner| assert!(users.contains(text(owner, "/name")), "{file}: {owner}"));
        let bot = text(document, "/spec/bot_name");
        assert!(bot.is_empty() || bots.contains(bot), "{file}: {bot}");
    }
}

/// The strings of all lists of that name.
fn collect<'a>(name: &str, value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            into.extend(
                members.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str),
            );
            members.values().for_each(|member| collect(name, member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, into)),
        _ => {}
    }
}
