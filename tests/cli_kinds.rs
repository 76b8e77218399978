//! The subcommands that say which kinds there are: `crds` and `kinds`.
use std::fs;

use serde_json::{Value, json};
use teleport_operator::cli::choose::Choice;
use teleport_operator::cli::{crds, kinds};
use teleport_operator::crd::crd;
use teleport_operator::mapping::{self, plan::Target};

fn target() -> Target {
    mapping::embedded().expect("the embedded mappings are sound")
}

fn asked(patterns: &[&str], output: crds::Format) -> crds::Args {
    crds::Args {
        kinds: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        output,
        dir: None,
        choice: Choice::default(),
    }
}

/// What `crds` prints, which must be free of mistakes.
fn printed(patterns: &[&str], output: crds::Format) -> String {
    let mut out = Vec::new();
    let mistakes = crds::run(&asked(patterns, output), &target(), &mut out).expect("memory can be written");
    assert_eq!(mistakes, []);
    String::from_utf8(out).expect("UTF-8")
}

fn kinds_of(stream: &str) -> Vec<String> {
    let documents = serde_json::Deserializer::from_str(stream).into_iter::<Value>();
    documents
        .map(|crd| crd.expect("JSON")["spec"]["names"]["kind"].as_str().expect("a kind").to_owned())
        .collect()
}

#[test]
fn kinds_are_picked_by_name_and_pattern_in_any_case() {
    assert_eq!(kinds_of(&printed(&["teleportuser"], crds::Format::Json)), ["TeleportUser"]);
    let roles = kinds_of(&printed(&["*ROLEV?", "TeleportRole"], crds::Format::Json));
    let versions = ["TeleportRole", "TeleportRoleV6", "TeleportRoleV7", "TeleportRoleV8", "TeleportRoleV9"];
    assert_eq!(roles[..5], versions);
    assert_eq!(roles[5..], ["TeleportScopedRoleV1"]);
    assert_eq!(kinds_of(&printed(&[], crds::Format::Json)).len(), target().kinds.len());
}

#[test]
fn yaml_says_the_same_as_json() {
    let target = target();
    let yaml = printed(&[], crds::Format::Yaml);
    let documents: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    let expected: Vec<Value> = target.kinds.iter().map(|kind| crd(kind, &target.words)).collect();
    assert_eq!(documents, expected);
}

#[test]
fn all_unknown_kinds_are_mistakes_and_nothing_is_printed() {
    let mut out = Vec::new();
    let args = asked(&["TeleportUsr", "Widget*", "TeleportUser", "["], crds::Format::Yaml);
    let mistakes = crds::run(&args, &target(), &mut out).expect("memory can be written");
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "there is no kind `TeleportUsr` (did you mean `TeleportUser`?)");
    assert_eq!(lines[1], "there is no kind `Widget*` (`kinds` lists them)");
    assert!(lines[2].starts_with("`[`: "), "{}", lines[2]);
    assert_eq!(out, b"");
}

#[test]
fn a_folder_gets_the_official_file_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("new/crds");
    let args = crds::Args { dir: Some(dir.clone()), ..asked(&["*role", "*botv1"], crds::Format::Yaml) };
    let mut out = Vec::new();
    assert_eq!(crds::run(&args, &target(), &mut out).expect("the folder can be written"), []);
    let paths: Vec<_> = ["resources.teleport.dev_botsv1.yaml", "resources.teleport.dev_roles.yaml"]
        .map(|name| dir.join(name))
        .into();
    let mut found: Vec<_> = fs::read_dir(&dir)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    assert_eq!(found, paths);
    let said = String::from_utf8(out).expect("UTF-8");
    paths.iter().for_each(|path| assert!(said.contains(&path.display().to_string()), "{said}"));
}

#[test]
fn the_table_has_a_line_a_kind_and_the_json_all_calls() {
    let target = target();
    let mut out = Vec::new();
    kinds::run(&kinds::Args { output: kinds::Format::Table, choice: Choice::default() }, &target, &mut out)
        .expect("memory can be written");
    let table = String::from_utf8(out).expect("UTF-8");
    assert_eq!(table.lines().count(), target.kinds.len() + 1);
    let user = table.lines().find(|line| line.starts_with("TeleportUser ")).expect("a line for users");
    assert!(
        user.contains("user, users") && user.contains("user v2") && user.contains("CreateUser"),
        "{user}"
    );

    let mut out = Vec::new();
    kinds::run(&kinds::Args { output: kinds::Format::Json, choice: Choice::default() }, &target, &mut out)
        .expect("memory can be written");
    let list: Vec<Value> = serde_json::from_slice(&out).expect("JSON");
    let user = list.iter().find(|kind| kind["kind"] == "TeleportUser").expect("users");
    assert_eq!(
        user["calls"]["create"],
        json!(["teleport.users.v1.UsersService/CreateUser", "proto.AuthService/CreateUser"])
    );
    assert_eq!(user["resource"], json!({ "kind": "user", "version": "v2" }));
}
