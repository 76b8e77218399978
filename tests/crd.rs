//! Generated CRDs against those of Teleport's own operator, as data in `official-crds/`: whatever they accept, ours accept.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use teleport_operator::cli::crds;
use teleport_operator::crd::crd;
use teleport_operator::mapping::{
    self,
    plan::{Shape, Spec, Target},
};

fn target() -> Target {
    mapping::embedded().expect("the embedded mappings are sound")
}

/// Our CRDs by Kubernetes kind.
fn ours() -> BTreeMap<String, Value> {
    let target = target();
    target.kinds.iter().map(|kind| (kind.kubernetes.kind.clone(), crd(kind, &target.words))).collect()
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("it can be read")).expect("it is JSON")
}

/// Pairs of an official CRD and ours for the same kind.
fn pairs() -> Vec<(String, Value, Value)> {
    let mut ours = ours();
    let mut official: Vec<Value> =
        files("tests/official-crds", "json").iter().map(|path| read(path)).collect();
    official.push(like_its_neighbour());
    let pairs: Vec<_> = official
        .into_iter()
        .filter_map(|official| {
            let kind = text(&official["names"]["kind"]);
            ours.remove(&kind).map(|ours| (kind, official, ours))
        })
        .collect();
    assert_eq!(pairs.len(), 32, "the comparison covers the official kinds");
    pairs
}

/// Nobody kept the official CRD of version 7 of roles. The schema is the same message's in all versions, and the one of
/// version 8 was kept.
fn like_its_neighbour() -> Value {
    let (there, wanted) = ("rolesv8", "rolesv7");
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official-crds/teleportrolesv8.json"),
    );
    let text = text.expect("it can be read").replace(there, wanted);
    let text = text.replace("rolev8", "rolev7").replace("RoleV8", "RoleV7");
    serde_json::from_str(&text).expect("it is JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// Kinds that have gained a scope, and its column, since somebody kept their official CRD.
const YOUNGER_SCOPE: [&str; 2] = ["TeleportBotV1", "TeleportOpenSSHServerV2"];

#[test]
fn names_versions_and_columns_are_the_official_ones() {
    for (kind, official, ours) in pairs() {
        let spec = &ours["spec"];
        assert_eq!(spec["group"], official["group"], "{kind}");
        assert_eq!(spec["scope"], official["scope"], "{kind}");
        for name in ["kind", "listKind", "plural", "singular"] {
            assert_eq!(spec["names"][name], official["names"][name], "{kind}: {name}");
        }
        let none = json!([]);
        let short = spec["names"].get("shortNames").unwrap_or(&none);
        assert_eq!(short, official["names"].get("shortNames").unwrap_or(&none), "{kind}");
        let (found, mut expected) = (versions(&spec["versions"]), versions(&official["versions"]));
        if YOUNGER_SCOPE.contains(&kind.as_str()) {
            let scope = json!({"name": "scope", "type": "string", "jsonPath": ".scope"});
            expected[0][1].as_array_mut().expect("columns").push(scope);
        }
        assert_eq!(found, expected, "{kind}");
        assert_eq!(
            ours["metadata"]["name"],
            json!(format!("{}.{}", text(&official["names"]["plural"]), text(&official["group"])))
        );
    }
}

/// What can be compared of versions: name, served, storage, and name, type and place of the columns.
fn versions(versions: &Value) -> Value {
    let pick = |from: &Value, keys: &[&str]| -> Value {
        keys.iter().map(|key| ((*key).to_owned(), from[*key].clone())).collect()
    };
    let version = |version: &Value| {
        let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
        let columns: Vec<Value> = columns.map(|c| pick(c, &["name", "type", "jsonPath"])).collect();
        json!([pick(version, &["name", "served", "storage", "subresources"]), columns])
    };
    versions.as_array().expect("a list").iter().map(version).collect()
}

/// What the official CRDs accept and ours do not.
struct Difference {
    kinds: &'static [&'static str],
    /// In each of the kinds.
    paths: &'static [&'static str],
    what: &'static str,
    #[allow(dead_code, reason = "for the reader")]
    why: &'static str,
}

/// Every line must hold, and no other difference may be there.
const DIFFERENCES: &[Difference] = &[
    Difference {
        kinds: &["TeleportAppV3", "TeleportDatabaseV3"],
        paths: &[".spec.dynamic_labels.key"],
        what: "type: string",
        why: "the official CRD describes the entry of the map as if it were the map; no decoder reads it so",
    },
    Difference {
        kinds: &["TeleportRoleV9"],
        paths: &[".spec.allow.app_resources", ".spec.deny.app_resources"],
        what: "unknown",
        why: "the message that we carry is older than the field",
    },
    Difference {
        kinds: &["TeleportScopedTokenV1"],
        paths: &[".spec.bot_name", ".spec.bot_scope"],
        what: "unknown",
        why: "the API has dropped these for `bot`",
    },
    Difference {
        kinds: &["TeleportScopedRoleAssignmentV1", "TeleportScopedRoleV1", "TeleportScopedTokenV1"],
        paths: &[".scope"],
        what: r#"x-kubernetes-validations: [{"message":"this is part of what identifies the resource: make another object for another one","rule":"self == oldSelf"}]"#,
        why: "the resource in the old scope would be left behind",
    },
];

#[test]
fn what_the_official_schemas_accept_ours_accept() {
    let mut found = BTreeSet::new();
    for (kind, official, ours) in pairs() {
        let theirs = official["versions"].as_array().expect("a list");
        let ours = ours["spec"]["versions"].as_array().expect("a list");
        for (theirs, ours) in theirs.iter().zip(ours) {
            let mut refused = Vec::new();
            compare(&theirs["schema"], &ours["schema"]["openAPIV3Schema"], "", &mut refused);
            found.extend(refused.into_iter().map(|(path, what)| (kind.clone(), path, what)));
        }
    }
    let mut expected = BTreeSet::new();
    for Difference { kinds, paths, what, .. } in DIFFERENCES {
        for kind in *kinds {
            expected.extend(
                paths.iter().map(|path| ((*kind).to_owned(), (*path).to_owned(), (*what).to_owned())),
            );
        }
    }
    let new: Vec<_> = found.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}\nno longer so: {gone:#?}");
}

const KEEP: &str = "x-kubernetes-preserve-unknown-fields";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
/// Keywords that refuse values, apart from those that `compare` understands.
const LIMITS: [&str; 8] = [
    "required",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "x-kubernetes-validations",
];

/// Collects what a schema accepts and ours refuses.
fn compare(theirs: &Value, ours: &Value, path: &str, refused: &mut Vec<(String, String)>) {
    let mut refuse = |what: String| refused.push((path.to_owned(), what));
    for limit in LIMITS.into_iter().filter(|limit| !ours[*limit].is_null() && ours[*limit] != theirs[*limit])
    {
        // A pattern holds for strings alone.
        if limit != "pattern" || types(theirs).contains("string") {
            refuse(format!("{limit}: {}", ours[limit]));
        }
    }
    let missing: Vec<&str> = types(theirs).difference(&types(ours)).copied().collect();
    if !missing.is_empty() {
        refuse(format!("type: {}", missing.join(", ")));
    }
    if !format_accepts(&theirs["format"], &ours["format"]) {
        refuse(format!("format: {} for {}", ours["format"], theirs["format"]));
    }
    if ours[KEEP] == json!(true) {
        return;
    }
    if theirs[KEEP] == json!(true) {
        refuse("unknown members".to_owned());
    }
    if theirs["items"].is_object() {
        compare(&theirs["items"], &ours["items"], &format!("{path}[*]"), refused);
    }
    if theirs["additionalProperties"].is_object() {
        compare(
            &theirs["additionalProperties"],
            &ours["additionalProperties"],
            &format!("{path}.*"),
            refused,
        );
    }
    for (name, member) in theirs["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match ours["properties"].get(name) {
            Some(ours) => compare(member, ours, &path, refused),
            None if ours["additionalProperties"].is_object() => {
                compare(member, &ours["additionalProperties"], &path, refused);
            }
            None => refused.push((path, "unknown".to_owned())),
        }
    }
}

/// The JSON types that a schema accepts.
fn types(schema: &Value) -> BTreeSet<&str> {
    let mut types: BTreeSet<&str> = match schema["type"].as_str() {
        Some("number") => ["number", "integer"].into(),
        Some(one) => [one].into(),
        None if schema[INT_OR_STRING] == json!(true) => ["integer", "string"].into(),
        None if schema[KEEP] == json!(true) => {
            ["array", "boolean", "integer", "null", "number", "object", "string"].into()
        }
        None => BTreeSet::new(),
    };
    if schema["nullable"] == json!(true) {
        types.insert("null");
    }
    types
}

fn format_accepts(theirs: &Value, ours: &Value) -> bool {
    ours.is_null() || ours == theirs || (ours == "int64" && theirs == "int32")
}

#[test]
fn definitions_are_small_and_always_the_same() {
    // A client-side apply keeps a copy in an annotation, of which 256 KiB is the limit for all together.
    const LARGEST: usize = 200 * 1024;
    let again = ours();
    for (kind, crd) in ours() {
        let text = crd.to_string();
        assert!(text.len() < LARGEST, "{kind}: {} bytes", text.len());
        assert_eq!(text, again[&kind].to_string());
    }
}

#[test]
fn members_that_a_mapping_omits_are_absent() {
    let target = target();
    let mut omitted = 0;
    for kind in &target.kinds {
        let schema = &crd(kind, &target.words)["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let spec = &schema["properties"]["spec"]["properties"];
        let shapes = &kind.resource.shapes;
        let Spec::Member(name) = &kind.resource.spec else { continue };
        let Some(Shape::Message(id)) = shapes.root().member(name).map(|member| &member.value) else {
            continue;
        };
        for member in &shapes.get(*id).members {
            assert_eq!(spec[&member.json].is_null(), member.rules.omit, "{}", member.json);
            omitted += usize::from(member.rules.omit);
        }
    }
    assert!(omitted >= 5, "some mappings omit members");
}

/// The definitions that the chart's folder carries are those that `crds` prints, and no others.
#[test]
fn the_charts_definitions_are_current() {
    let fresh = tempfile::tempdir().expect("a temporary folder");
    let args =
        crds::Args { kinds: Vec::new(), output: crds::Format::Yaml, dir: Some(fresh.path().to_owned()) };
    assert_eq!(crds::run(&args, &target(), &mut Vec::new()).expect("they are written"), []);
    let texts = |folder: &Path| -> BTreeMap<_, _> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
        entries.map(|e| (e.file_name(), fs::read_to_string(e.path()).expect("a text"))).collect()
    };
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/teleport-operator/operator-crds");
    let (kept, fresh) = (texts(&kept), texts(fresh.path()));
    let stale: Vec<_> =
        fresh.keys().chain(kept.keys()).filter(|name| kept.get(*name) != fresh.get(*name)).collect();
    assert!(stale.is_empty(), "`make generate` makes these anew: {stale:?}");
}
