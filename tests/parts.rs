//! Resources that a name alone does not identify: members beside `spec`, and requests filled from the resource itself.
use prost_reflect::{DynamicMessage, Value};
use serde_json::{Value as Json, json};
use teleport_operator::crd::crd;
use teleport_operator::diagnostic::{Diagnostic, Source};
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::mapping::{embedded, embedded_schema, embedded_sources, load};
use teleport_operator::target::proof::{is_marked, mark, other_operator};
use teleport_operator::target::request::{self, Inputs};
use teleport_operator::translate::{Desired, desired, print, read};

const MAPPING: &str = r#"
[resource]
message = "teleport.scopes.access.v1.ScopedRole"
kind    = "scoped_role"
version = "v1"
root    = ["$.scope"]

[[kubernetes]]
kind = "TeleportScopedRoleV1"

[rpc]
get    = [{ call = "teleport.scopes.access.v1.ScopedAccessService/GetScopedRole", request = { name = "{name}", scope = "{$.scope}" } }]
create = ["teleport.scopes.access.v1.ScopedAccessService/CreateScopedRole"]
update = ["teleport.scopes.access.v1.ScopedAccessService/UpdateScopedRole"]
delete = [{ call = "teleport.scopes.access.v1.ScopedAccessService/DeleteScopedRole", request = { name = "{name}", scope = "{$.scope}", revision = "{revision}" } }]
"#;

/// The embedded mappings with this one in the place of theirs.
fn loaded(text: &str) -> Result<Target, Vec<Diagnostic>> {
    let schema = embedded_schema().expect("the embedded interface is sound");
    let source = Source { name: "scoped_role.toml".to_owned(), text: text.to_owned() };
    load(&[embedded_sources(), vec![source]], &schema).map(|(target, _)| target)
}

/// The mistakes of the mapping with `from` replaced, each with the text that it points at.
fn mistakes(from: &str, to: &str) -> Vec<(String, String)> {
    assert!(MAPPING.contains(from), "{from}");
    let problems = loaded(&MAPPING.replace(from, to)).expect_err("it has a mistake");
    let at = |problem: &Diagnostic| {
        let (source, range) = problem.at.clone().expect("it points into the file");
        source.text[range].to_owned()
    };
    problems.iter().map(|problem| (at(problem), problem.message.clone())).collect()
}

fn kind<'a>(target: &'a Target, name: &str) -> &'a Kind {
    target.kinds.iter().find(|kind| kind.kubernetes.kind == name).expect("it is there")
}

fn manifest() -> Json {
    json!({
        "apiVersion": "resources.teleport.dev/v1", "kind": "TeleportScopedRoleV1",
        "metadata": { "name": "shells" }, "scope": "/staging", "spec": { "assignable_scopes": ["/staging"] },
    })
}

fn translated(target: &Target, manifest: &Json) -> Desired {
    let kind = kind(target, "TeleportScopedRoleV1");
    desired(kind, &target.words, &target.ownership, manifest)
}

#[test]
fn a_member_beside_the_specification_is_read_and_printed() {
    let target = embedded().expect("the embedded mappings are sound");
    let kind = kind(&target, "TeleportScopedRoleV1");
    let made = translated(&target, &manifest());
    assert_eq!(made.diagnostics, []);
    let printed = print::resource(kind, &made.message);
    assert_eq!(printed["scope"], "/staging");
    assert_eq!(read::resource(kind, &printed), (made.message, Vec::new()));
}

/// Several operators may work in one scope; elsewhere there is nothing to tell apart.
#[test]
fn what_is_in_a_scope_is_one_operators() {
    let known = |id: &str| {
        let target = embedded().expect("the embedded mappings are sound");
        target.known_as(&[("{operator-id}", id.to_owned())])
    };
    let (ours, theirs) = (known("ours"), known("theirs"));
    let nobodys = embedded().expect("the embedded mappings are sound");
    let resource = &kind(&ours, "TeleportScopedRoleV1").resource;
    let mut manifest = manifest();
    let made = |target: &Target, manifest: &Json| translated(target, manifest).message;
    let marked = |live: &DynamicMessage| is_marked(&ours.ownership, resource, live);
    let other = |live: &DynamicMessage| other_operator(&ours.ownership, resource, live);

    let live = made(&ours, &manifest);
    assert_eq!((marked(&live), other(&live)), (true, None));
    let live = made(&theirs, &manifest);
    let whose = "`resources.teleport.dev/operator-id` is `theirs`".to_owned();
    assert_eq!((marked(&live), other(&live)), (false, Some(whose)));
    assert!(marked(&mark(&ours.ownership, resource, &live)), "as it would be if it were taken over");
    let live = made(&nobodys, &manifest);
    let whose = "`resources.teleport.dev/operator-id` is missing".to_owned();
    assert_eq!((marked(&live), other(&live)), (false, Some(whose)));
    assert!(is_marked(&nobodys.ownership, resource, &made(&theirs, &manifest)), "who is nobody asks no more");

    manifest["scope"] = json!("");
    let live = made(&theirs, &manifest);
    assert_eq!((marked(&live), other(&live)), (true, None));
    let unmarked = DynamicMessage::new(resource.message.clone());
    assert_eq!((marked(&unmarked), other(&unmarked)), (false, None), "not even of ours");
}

/// What is in a scope says whose it is, as far as that is known; what is in none carries our mark alone.
#[test]
fn what_is_in_a_scope_is_labelled() {
    let labels = |target: &Target, manifest: &Json| {
        let kind = kind(target, "TeleportScopedRoleV1");
        print::resource(kind, &translated(target, manifest).message)["metadata"]["labels"].clone()
    };
    let target = || embedded().expect("the embedded mappings are sound");
    let mut manifest = manifest();
    let of_object = json!({
        "teleport.dev/origin": "kubernetes",
        "resources.teleport.dev/custom-resource-name": "shells",
        "resources.teleport.dev/custom-resource-gvk": "resources.teleport.dev/v1, Kind=TeleportScopedRoleV1",
    });
    assert_eq!(labels(&target(), &manifest), of_object);

    manifest["metadata"]["namespace"] = json!("prod");
    manifest["metadata"]["labels"] =
        json!({"team": "red", "resources.teleport.dev/owner-email": "me@example.com"});
    let words = [
        ("{operator-id}", "0-1"),
        ("{owner-email}", "it@example.com"),
        ("{token}", "operator"),
        ("{operator-namespace}", "teleport"),
    ];
    let known = target().known_as(&words.map(|(word, text)| (word, text.to_owned())));
    let mut all = of_object;
    all["team"] = json!("red");
    all["resources.teleport.dev/owner-email"] = json!("it@example.com");
    all["resources.teleport.dev/operator-id"] = json!("0-1");
    all["resources.teleport.dev/token-name"] = json!("operator");
    all["resources.teleport.dev/namespace"] = json!("teleport");
    all["resources.teleport.dev/custom-resource-namespace"] = json!("prod");
    assert_eq!(labels(&known, &manifest), all);

    manifest["scope"] = json!("");
    manifest["metadata"]["labels"] = json!({});
    assert_eq!(labels(&known, &manifest), json!({"teleport.dev/origin": "kubernetes"}));
}

#[test]
fn mistakes_beside_the_specification_are_found() {
    let target = embedded().expect("the embedded mappings are sound");
    let mut wrong = manifest();
    wrong["scope"] = json!(["/staging"]);
    wrong["scopes"] = json!("/staging");
    let found = translated(&target, &wrong).diagnostics;
    let found: Vec<_> =
        found.iter().map(|d| (d.path.as_deref().unwrap_or_default(), d.help.clone())).collect();
    let meant = Some("did you mean `scope`?".to_owned());
    assert_eq!(found, [("scope", None), ("scopes", meant)]);
}

#[test]
fn requests_get_what_the_resource_holds() {
    let target = loaded(MAPPING).expect("it is sound");
    let resource = &kind(&target, "TeleportScopedRoleV1").resource;
    let message = translated(&target, &manifest()).message;
    let inputs = Inputs { resource: Some(&message), name: "shells", revision: "r", ..Inputs::default() };
    let text = |request: &DynamicMessage, field: &str| {
        let value = request.get_field_by_name(field).expect("a field").into_owned();
        value.as_str().expect("a text").to_owned()
    };
    for call in [&resource.calls.get[0], &resource.calls.delete[0]] {
        let request = request::fill(call, &inputs);
        assert_eq!((text(&request, "name"), text(&request, "scope")), ("shells".into(), "/staging".into()));
    }
    let parts: Vec<_> = resource.parts().map(|part| part.text(&message)).collect();
    assert_eq!(parts, ["/staging"]);
    let blank = DynamicMessage::new(resource.message.clone());
    let inputs = Inputs { resource: Some(&blank), ..inputs };
    assert_eq!(text(&request::fill(&resource.calls.get[0], &inputs), "scope"), "");
    let nothing = Inputs { resource: None, ..inputs };
    assert_eq!(text(&request::fill(&resource.calls.get[0], &nothing), "scope"), "");
}

#[test]
fn the_definition_has_it_as_a_column_and_lets_nobody_change_it() {
    let target = embedded().expect("the embedded mappings are sound");
    let made = crd(kind(&target, "TeleportScopedRoleV1"), &target.words);
    let version = &made["spec"]["versions"][0];
    let columns = version["additionalPrinterColumns"].as_array().expect("columns");
    assert_eq!(columns.len(), 1);
    assert_eq!((&columns[0]["name"], &columns[0]["jsonPath"]), (&json!("scope"), &json!(".scope")));
    let schema = &version["schema"]["openAPIV3Schema"]["properties"];
    assert_eq!(schema["scope"]["x-kubernetes-validations"][0]["rule"], "self == oldSelf");
    let member = crd(kind(&target, "TeleportAccessListMemberV1"), &target.words);
    let spec = &member["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    assert_eq!(spec["properties"]["access_list"]["x-kubernetes-validations"][0]["rule"], "self == oldSelf");
    assert_eq!(spec["properties"]["reason"].get("x-kubernetes-validations"), None);
}

#[test]
fn mistakes_in_a_mapping_are_found_where_they_stand() {
    let root = r#"["$.scope"]"#;
    let missing = "there is no `scop` in the JSON form of teleport.scopes.access.v1.ScopedRole";
    assert_eq!(
        mistakes(root, r#"["$.scop", "$.spec", "$.spec.assignable_scopes"]"#),
        [
            (r#""$.scop""#.to_owned(), missing.to_owned()),
            (r#""$.spec""#.to_owned(), "`$.spec` can't stand at the root of a custom resource".to_owned()),
            (
                r#""$.spec.assignable_scopes""#.to_owned(),
                "`$.spec.assignable_scopes` can't stand at the root of a custom resource".to_owned()
            ),
        ]
    );
    let from = r#"{ name = "{name}", scope = "{$.scope}" }"#;
    let only = |to: &str| {
        let mut found = mistakes(from, to);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let (at, message) = only(r#"{ name = "{name}", scope = "{$.scop}" }"#);
    assert_eq!((at.as_str(), message.as_str()), (r#""{$.scop}""#, missing));
    let text = "only a string can be put into teleport.scopes.access.v1.GetScopedRoleRequest.scope, and only from one";
    assert_eq!(only(r#"{ name = "{name}", scope = "{$.spec.assignable_scopes}" }"#).1, text);
    assert_eq!(
        only(r#"{ name = "{name}", scope = "{$.spec.assignable_scopes[*]}" }"#).1,
        "[*] can't be used here"
    );
    assert_eq!(only(r#"{ name = "{name}", scope = "{$..scope}" }"#).0, r#""{$..scope}""#);
}

#[test]
fn only_the_only_resource_can_go_without_a_mark() {
    let found = mistakes("version = \"v1\"", "version = \"v1\"\nowned-by = \"object\"");
    let message = "only a resource that there is one of is its object's by itself";
    assert_eq!(found, [("\"object\"".to_owned(), message.to_owned())]);
}

/// What is set at the end of the path alone tells two of one name apart.
#[test]
fn only_the_parts_identify() {
    let target = embedded().expect("the embedded mappings are sound");
    let resource = &kind(&target, "TeleportAccessListMemberV1").resource;
    let part = resource.parts().next().expect("one beside the name").clone();
    let mut message = DynamicMessage::new(resource.message.clone());
    part.set(&mut message, Value::String("on-call".to_owned()));
    let inputs = Inputs { resource: Some(&message), name: "alice", ..Inputs::default() };
    let request = request::fill(&resource.calls.delete[0], &inputs);
    assert_eq!(request.to_string(), r#"access_list:"on-call",member_name:"alice""#);
}
