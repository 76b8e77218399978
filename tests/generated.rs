//! Files that are made from the plans and from the grammar of mappings: they are current, and they say what is so.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};
use teleport_operator::cli::choose::Choice;
use teleport_operator::cli::rbac::Side;
use teleport_operator::cli::{crds, docs, rbac};
use teleport_operator::mapping::json_schema::json_schemas;
use teleport_operator::mapping::repr::Json;
use teleport_operator::mapping::{self, plan::Target};
use teleport_operator::translate::desired;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target() -> Target {
    mapping::embedded().expect("the embedded mappings are sound")
}

fn made(dir: &Path, check: bool) -> docs::Args {
    docs::Args {
        dir: Some(dir.join("docs")),
        examples: Some(root().join("examples/teleport")),
        younger: Some(root().join("proto/teleport/younger.toml")),
        observed: Some(root().join("tests/vectors")),
        schemas: Some(dir.join("mappings")),
        chart: None,
        check,
    }
}

/// Whether all is as it should be, and what is printed.
fn run(args: &docs::Args) -> (bool, String) {
    let mut out = Vec::new();
    let is_current = docs::run(args, &target(), &mapping::embedded_sources(), &mut out).expect("files");
    (is_current, String::from_utf8(out).expect("UTF-8"))
}

#[test]
fn what_is_kept_here_is_current() {
    let chart = Some(root().join("charts/teleport-operator"));
    let (is_current, said) = run(&docs::Args { chart, ..made(root(), true) });
    assert!(is_current, "run `make generate`:\n{said}");
}

#[test]
fn what_is_not_current_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (check, write) = (made(folder.path(), true), made(folder.path(), false));
    let (is_current, said) = run(&check);
    assert!(!is_current && said.contains("docs/kinds.md is missing"), "{said}");
    assert_eq!(run(&write), (true, String::new()));
    assert_eq!(run(&check), (true, String::new()));

    let pages = folder.path().join("docs/kinds");
    let page = fs::read_dir(&pages).expect("pages").next().expect("a page").expect("an entry").path();
    fs::write(&page, "old").expect("written");
    fs::write(pages.join("of-a-former-kind.md"), "").expect("written");
    let (is_current, said) = run(&check);
    let expected = [page.display().to_string() + " is not current", "is of no kind: remove it".to_owned()];
    assert!(!is_current && expected.iter().all(|line| said.contains(line)), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

/// Lines that say something, by mapping.
fn lines() -> BTreeMap<String, usize> {
    let count = |text: &str| {
        let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        text.lines().filter(says).count()
    };
    mapping::embedded_sources().iter().map(|source| (source.stem().to_owned(), count(&source.text))).collect()
}

#[test]
fn mappings_are_short() {
    /// One message stands for five versions of a role, each with a Kubernetes kind of its own.
    const MORE: &str = "role";
    let (lines, target) = (lines(), target());
    let mut long = Vec::new();
    for kind in &target.kinds {
        let resource = &kind.resource;
        let limit = match resource.shapes.root().json {
            Json::Proto => 15,
            Json::Go => 30,
        };
        let found = lines[&resource.name];
        if found > limit && resource.name != MORE {
            long.push(format!("{}: {found} lines, and {limit} must do", resource.name));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
    let index = fs::read_to_string(root().join("docs/kinds.md")).expect("the list of kinds");
    for kind in &target.kinds {
        let name = &kind.resource.name;
        let row = format!("| `{name}` | {} |", lines[name]);
        assert!(index.contains(&row), "docs/kinds.md has no row {row}");
    }
}

#[test]
fn pages_say_what_older_servers_lack_and_why_a_kind_is_left_out() {
    let pages = |name: &str| fs::read_to_string(root().join("docs").join(name)).expect("a page");
    let (mut newer, mut new) = (0, 0);
    for kind in &target().kinds {
        let page = pages(&format!("kinds/{}", teleport_operator::docs::file_name(kind)));
        newer += page.lines().filter(|line| line.starts_with("| `") && line.contains("*newer*")).count();
        new += usize::from(page.contains("does not have it yet"));
    }
    assert!(newer > 60 && new > 6, "{newer} fields and {new} kinds came later");
    let index = pages("kinds.md");
    assert!(!target().absent.is_empty());
    for (kind, why) in target().absent {
        assert!(index.contains(&format!("| `{kind}` | {why} |")), "{kind}");
    }
}

#[test]
fn a_page_has_all_fields_of_its_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&made(folder.path(), false));
    let target = target();
    for kind in &target.kinds {
        let path = folder.path().join("docs/kinds").join(teleport_operator::docs::file_name(kind));
        let page = fs::read_to_string(&path).expect("a page of every kind");
        let schema = teleport_operator::crd::jsonschema(kind, &target.words, &kind.kubernetes.versions[0]);
        let mut paths = Vec::new();
        members("spec", &schema["properties"]["spec"], &mut paths);
        assert!(!paths.is_empty());
        for path in paths {
            assert!(page.contains(&format!("| `{path}` |")), "{}: {path}", kind.kubernetes.kind);
        }
        assert!(page.contains("## Example\n"), "{}", kind.kubernetes.kind);
        // What became of the resource when its object goes, and where nothing does, that.
        assert!(page.contains("| Deleting it | "), "{}", kind.kubernetes.kind);
    }
}

/// Paths as the pages write them.
fn members(at: &str, schema: &Value, into: &mut Vec<String>) {
    let each = [("items", "[]"), ("additionalProperties", ".*")];
    for (below, step) in each.iter().filter(|(below, _)| schema[*below]["properties"].is_object()) {
        members(&format!("{at}{step}"), &schema[*below], into);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}.{name}");
        into.push(path.clone());
        members(&path, schema, into);
    }
}

/// Schemas of manifests by API version and kind, as `crds` prints them.
fn manifest_schemas() -> BTreeMap<(String, String), Validator> {
    let folder = tempfile::tempdir().expect("a folder");
    let args = crds::Args {
        kinds: Vec::new(),
        output: crds::Format::Jsonschema,
        dir: Some(folder.path().to_owned()),
    };
    assert_eq!(crds::run(&args, &target(), &mut Vec::new()).expect("files"), []);
    let read = |path: PathBuf| {
        let schema: Value = serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON");
        let constant = |member: &str| text(&schema["properties"][member]["const"]);
        ((constant("apiVersion"), constant("kind")), jsonschema::validator_for(&schema).expect("a schema"))
    };
    fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| read(entry.expect("an entry").path()))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

#[test]
fn editors_take_every_example_and_vector() {
    let schemas = manifest_schemas();
    let target = target();
    assert_eq!(schemas.len(), target.kinds.iter().map(|kind| kind.kubernetes.versions.len()).sum::<usize>());
    let mut checked = 0;
    for (name, mut manifest) in examples().into_iter().chain(vectors()) {
        let of = (text(&manifest["apiVersion"]), text(&manifest["kind"]));
        let Some(schema) = schemas.get(&of) else { continue };
        let kind = target.kind_of(&of.0, &of.1).expect("a kind with a schema");
        // The vectors are about specifications: they have names that nobody could give to the only one of its kind.
        if let Some(only) = &kind.resource.singleton {
            manifest["metadata"]["name"] = json!(only);
        }
        // What is dropped with a warning, an editor may well underline.
        if !desired(kind, &target.words, &target.ownership, &manifest).diagnostics.is_empty() {
            continue;
        }
        let problems: Vec<_> =
            schema.iter_errors(&manifest).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        checked += 1;
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn editors_see_slips_in_manifests() {
    let schemas = manifest_schemas();
    let seen = |change: fn(&mut Value)| {
        let (_, mut manifest) = examples()
            .into_iter()
            .find(|(_, manifest)| manifest["spec"]["allow"].is_object())
            .expect("an example with rules");
        let schema = &schemas[&(text(&manifest["apiVersion"]), text(&manifest["kind"]))];
        assert!(schema.is_valid(&manifest));
        change(&mut manifest);
        !schema.is_valid(&manifest)
    };
    assert!(seen(|manifest| manifest["spec"]["alow"] = json!({})), "an unknown member");
    assert!(seen(|manifest| manifest["spec"]["allow"] = json!([])), "a list for an object");
    assert!(seen(|manifest| manifest["specs"] = json!({})), "an unknown member at the root");
    assert!(seen(|manifest| drop(manifest.as_object_mut().expect("an object").remove("metadata"))));
    assert!(!seen(|manifest| manifest["spec"]["allow"] = Value::Null), "null is absence");
}

fn examples() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("examples/teleport")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&fs::read_to_string(&path).expect("a file")).expect("YAML");
        found.extend(documents.into_iter().map(|document| (path.display().to_string(), document)));
    }
    found
}

/// Custom resources of the conformance vectors, the good ones.
fn vectors() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("tests/vectors")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_wanted = path.extension().is_some_and(|extension| extension == "json")
            && path.file_stem().is_some_and(|stem| stem != "bad");
        if !is_wanted {
            continue;
        }
        let vectors: Vec<Value> =
            serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
        let name = |vector: &Value| format!("{}: {}", path.display(), vector["name"]);
        found.extend(vectors.iter().map(|vector| (name(vector), vector["cr"].clone())));
    }
    found
}

/// The schema of a mapping file, by its name.
fn mapping_schema(file: &str) -> Validator {
    let name = match file {
        "target.toml" => "schema.target.json",
        "types.toml" => "schema.types.json",
        _ => "schema.json",
    };
    let schemas = json_schemas();
    let (_, schema) = schemas.iter().find(|(found, _)| *found == name).expect("a schema");
    jsonschema::validator_for(schema).expect("a schema")
}

#[test]
fn editors_take_every_mapping_and_see_slips_in_it() {
    for source in mapping::embedded_sources() {
        let file = source.name.rsplit('/').next().expect("a name");
        let mut mapping: Value = toml::from_str(&source.text).expect("TOML");
        let schema = mapping_schema(file);
        let problems: Vec<_> = schema.iter_errors(&mapping).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{file}: {problems:?}");
        mapping["unknown"] = json!({});
        assert!(!schema.is_valid(&mapping), "{file}: an unknown table");
    }
    let slip = |text: &str| mapping_schema("x.toml").is_valid(&toml::from_str(text).expect("TOML"));
    let good = "[resource]\nmessage = 'a.B'\nkind = 'b'\n[[kubernetes]]\nkind = 'B'\n[rpc]\nget = ['a.S/G']\n\
                delete = [{ call = 'a.S/D', request = { id = '{name}' } }]\n";
    assert!(slip(good));
    for (is, was) in [("json = 'rust'\nkind = 'b'", "kind = 'b'"), ("get = 'a.S/G'", "get = ['a.S/G']")] {
        assert!(good.contains(was) && !slip(&good.replace(was, is)), "{is}");
    }
}

fn asked(kinds: &[&str], side: Side) -> rbac::Args {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let name = "operator".to_owned();
    rbac::Args { kinds, choice: Choice::default(), side, cluster: false, name }
}

/// What `rbac` prints for these kinds.
fn role(kinds: &[&str], side: Side) -> Value {
    let mut out = Vec::new();
    assert_eq!(rbac::run(&asked(kinds, side), &target(), &mut out).expect("memory can be written"), []);
    serde_saphyr::from_slice(&out).expect("YAML")
}

#[test]
fn the_charts_role_is_current() {
    let kept =
        fs::read_to_string(root().join("charts/teleport-operator/operator-role.yaml")).expect("a file");
    let args = rbac::Args { name: env!("CARGO_PKG_NAME").to_owned(), ..asked(&[], Side::Kubernetes) };
    let mut fresh = Vec::new();
    assert_eq!(rbac::run(&args, &target(), &mut fresh).expect("memory can be written"), []);
    assert_eq!(kept, String::from_utf8(fresh).expect("UTF-8"), "`make generate` makes it anew");
}

#[test]
fn a_role_is_for_the_kinds_asked_for() {
    let role_of_users = role(&["TeleportUser"], Side::Kubernetes);
    assert_eq!(role_of_users["rules"][0]["resources"], json!(["teleportusers"]));
    assert_eq!(role_of_users["rules"][1]["resources"], json!(["teleportusers/status"]));
    let all = role(&[], Side::Kubernetes);
    assert_eq!(all["rules"][0]["resources"].as_array().map(Vec::len), Some(target().kinds.len()));

    let role_of_users = role(&["TeleportUser"], Side::Target);
    let verbs = ["create", "delete", "list", "read", "update"];
    assert_eq!(
        role_of_users["spec"]["allow"],
        json!({ "rules": [{ "resources": ["user"], "verbs": verbs }] })
    );
    let of_nodes = role(&["*OpenSSH*Server*"], Side::Target);
    assert_eq!(of_nodes["spec"]["allow"]["node_labels"], json!({ "*": ["*"] }));
    let of_connectors = &role(&["*Connector"], Side::Target)["spec"]["allow"]["rules"];
    assert_eq!(of_connectors.as_array().map(Vec::len), Some(1), "one rule for all of them");
    assert_eq!(of_connectors[0]["resources"], json!(["auth_connector"]));
    // It is made, read, changed and removed, but never listed: there is one.
    let of_the_only_one = role(&["*AutoupdateConfig*"], Side::Target);
    let verbs = ["create", "delete", "read", "update"];
    assert_eq!(of_the_only_one["spec"]["allow"]["rules"][0]["verbs"], json!(verbs));
}

#[test]
fn a_role_of_unknown_kinds_is_a_mistake() {
    let mut out = Vec::new();
    let mistakes = rbac::run(&asked(&["TeleportUsr"], Side::Target), &target(), &mut out)
        .expect("memory can be written");
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].to_string().contains("did you mean `TeleportUser`?"), "{}", mistakes[0]);
    assert_eq!(out, b"");
}

/// A row of a page's fields, as far as defaults go.
struct Row {
    path: String,
    default: String,
    is_servers: bool,
}

/// The fields of a page that have none below them, where the page has defaults at all.
fn rows(page: &str) -> Vec<Row> {
    let rows: Vec<Row> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `spec.")?.split(" | ").collect();
            let [path, _, _, default, notes] = cells.as_slice() else { return None };
            let (path, is_servers) = (path.trim_end_matches('`'), notes.contains("set by the server"));
            Some(Row { path: path.to_owned(), default: (*default).to_owned(), is_servers })
        })
        .collect();
    let paths: Vec<String> = rows.iter().map(|row| row.path.clone()).collect();
    let is_parent = |path: &str| {
        let below = [".", "[]", ".*"].map(|more| format!("{path}{more}"));
        paths.iter().any(|other| below.iter().any(|below| other.starts_with(below)))
    };
    rows.into_iter().filter(|row| !is_parent(&row.path)).collect()
}

/// What the official types have at a path where the custom resource has nothing.
fn left_out<'a>(path: &str, given: &Value, made: &'a Value, found: &mut Vec<&'a Value>) {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let name = step.trim_end_matches("[]");
    match (rest, step) {
        (Some(rest), "*") => {
            let made = made.as_object().into_iter().flatten();
            made.for_each(|(key, made)| left_out(rest, &given[key], made, found));
        }
        (Some(rest), _) if step != name => {
            let (Some(given), Some(made)) = (given[name].as_array(), made[name].as_array()) else { return };
            given.iter().zip(made).for_each(|(given, made)| left_out(rest, given, made, found));
        }
        (Some(rest), _) if !made[name].is_null() => left_out(rest, &given[name], &made[name], found),
        (None, _) if given[name].is_null() => found.push(&made[name]),
        _ => {}
    }
}

/// Nothing, or what the official types print for it.
fn is_nothing(value: &Value) -> bool {
    let nothing = [json!(null), json!(false), json!(0), json!([]), json!({})];
    let words = ["", "0s", "0001-01-01T00:00:00Z", "IAM_POLICY_STATUS_UNSPECIFIED"];
    nothing.contains(value) || words.iter().any(|word| value == word)
}

/// Held against the JSON that the official types print, which the pages are not made of.
#[test]
fn defaults_are_those_that_the_official_types_set() {
    let target = target();
    let (mut claimed, mut seen) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for file in fs::read_dir(root().join("tests/vectors")).expect("vectors") {
        let file = file.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "json") || file.ends_with("bad.json") {
            continue;
        }
        let vectors: Vec<Value> =
            serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
        for vector in vectors {
            let (cr, made) = (&vector["cr"], &vector["after_defaults_json"]);
            // A role of a version that those types don't know becomes one of another version.
            if made["spec"].is_null() || made["version"] != vector["official_json"]["version"] {
                continue;
            }
            let kind = cr["kind"].as_str().expect("a kind");
            let found =
                target.kinds.iter().find(|found| found.kubernetes.kind == kind).expect("a kind of ours");
            let name = format!("docs/kinds/{}", teleport_operator::docs::file_name(found));
            let page = fs::read_to_string(root().join(name)).expect("a page");
            let rows = rows(&page);
            assert!(!rows.is_empty(), "the page of {kind} has no defaults");
            for Row { path, default, is_servers } in rows {
                let at = format!("{kind} spec.{path}: {default:?} in {}", vector["name"]);
                claimed.extend((!default.is_empty()).then(|| (kind.to_owned(), path.clone())));
                let mut values = Vec::new();
                left_out(&path, &cr["spec"], &made["spec"], &mut values);
                let (constant, rest) = match default.strip_prefix('`').and_then(|text| text.split_once('`')) {
                    Some((constant, rest)) => (Some(constant), rest),
                    None => (None, default.as_str()),
                };
                let other = default.strip_prefix("what `spec.").and_then(|rest| rest.strip_suffix("` is"));
                for value in values.into_iter().filter(|_| !is_servers) {
                    if let Some(other) = other {
                        let pointer = format!("/spec/{}", other.replace('.', "/"));
                        assert_eq!(made.pointer(&pointer), Some(value), "{at}");
                    }
                    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let is_shown = constant.is_some_and(|constant| constant == shown);
                    // That something is off may be said or not.
                    if is_nothing(value) && !is_shown {
                        assert!(constant.is_none() || !rest.is_empty(), "{at}: it is nothing");
                        continue;
                    }
                    assert!(!default.is_empty(), "{at}: it is {value}");
                    assert!(constant.is_none() || is_shown, "{at}: it is {value}");
                    seen.insert((kind.to_owned(), path.clone()));
                }
            }
        }
    }
    assert_eq!(claimed, seen, "each default that a page claims was seen");
    assert!(seen.len() > 40, "{seen:?}");
}
