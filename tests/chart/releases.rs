//! Releases on a real kube-apiserver: installed, upgraded, rolled back, uninstalled, installed again. Whatever becomes of a
//! release, no custom resource goes with it.
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use teleport_operator::access::identity_rule;

use crate::helm::{chart, own};
use crate::place::Place;
use crate::rendering::{cases, text};

/// The chart as an earlier version would be: without the last kind, and with a field less in another.
fn earlier(folder: &Path) -> PathBuf {
    let to = folder.join("teleport-operator");
    copy(&chart(), &to);
    let crds = to.join("operator-crds");
    fs::remove_file(crds.join("resources.teleport.dev_workloadidentitiesv1.yaml")).expect("it was there");
    let users = crds.join("resources.teleport.dev_users.yaml");
    let mut crd: Value = serde_saphyr::from_str(&fs::read_to_string(&users).expect("a text")).expect("YAML");
    let fields = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        .as_object_mut();
    fields.expect("fields").remove("traits").expect("a field");
    fs::write(&users, serde_saphyr::to_string(&crd).expect("YAML")).expect("written");
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

const USERS: &str = "teleportusers.resources.teleport.dev";
const WORKLOADS: &str = "teleportworkloadidentitiesv1.resources.teleport.dev";

fn has_traits(place: &Place) -> bool {
    let crd = &place.objects("crd")[USERS];
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    schema["spec"]["properties"]["traits"].is_object()
}

#[test]
fn a_release_lives_and_custom_resources_outlive_it() {
    let place = Place::new("teleport-iac");
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (earlier(folder.path()).display().to_string(), chart().display().to_string());
    let values = own("values/official/cloud-join.yaml").display().to_string();
    let release = |verb: &str, chart: &str, more: &[&str]| {
        let all = [&[verb, "teleport-operator", chart, "--values", &values], more].concat();
        place.helm(&all)
    };

    let notes = release("install", &old, &[]);
    assert!(notes.contains("teleport-iac:teleport-operator"), "{notes}");
    assert!(!notes.contains("WARNING"), "{notes}");
    assert!(!has_traits(&place));
    assert!(!place.objects("crd").contains_key(WORKLOADS));

    let deployment = place.objects("deployment")["teleport-operator"].clone();
    assert_eq!(place.admits_pod_of(&deployment), Ok(()));
    let mut loose = deployment;
    loose["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] =
        true.into();
    let refusal = place.admits_pod_of(&loose).expect_err("the namespace is restricted");
    assert!(refusal.contains("violates PodSecurity"), "{refusal}");

    assert!(place.apply_examples() > 40);
    let before = place.custom_resources();

    release("upgrade", &new, &[]);
    assert!(has_traits(&place), "an upgrade upgrades the definitions");
    assert!(place.objects("crd").contains_key(WORKLOADS));
    assert_eq!(place.custom_resources(), before);

    place.helm(&["rollback", "teleport-operator", "1"]);
    assert!(!has_traits(&place));
    assert!(place.objects("crd").contains_key(WORKLOADS), "what is no longer in the release is kept");
    assert_eq!(place.custom_resources(), before);

    place.helm(&["uninstall", "teleport-operator"]);
    let left = place.objects("deployment,serviceaccount,role,rolebinding");
    assert!(left.keys().all(|name| name == "ServiceAccount/default"), "{left:?}");
    assert_eq!(place.custom_resources(), before);

    release("install", &new, &[]);
    assert!(has_traits(&place));
    assert_eq!(place.custom_resources(), before);

    // Disabled, the release keeps the definitions among what is its own.
    release("upgrade", &new, &["--set", "enabled=false"]);
    assert!(place.helm(&["get", "manifest", "teleport-operator"]).contains(USERS));
    assert!(place.objects("deployment").is_empty());
    release("upgrade", &new, &["--set", "installCRDs=never", "--set", "kinds={TeleportUser}"]);
    assert!(!place.helm(&["get", "manifest", "teleport-operator"]).contains("CustomResourceDefinition"));
    assert_eq!(place.custom_resources(), before);

    // A release elsewhere that does not ask for definitions gets along with this one.
    place.cluster.namespace("elsewhere");
    let other = ["--namespace", "elsewhere", "install", "other", &new, "--values", &values, "--set"];
    place.helm.run(other.iter().chain(&["enabled=false"]));
    assert!(
        !place
            .helm
            .run(["--namespace", "elsewhere", "get", "manifest", "other"])
            .contains("CustomResourceDefinition")
    );
}

/// Who says so gets rid of all of it.
#[test]
fn definitions_go_when_they_are_not_kept() {
    let place = Place::new("teleport-iac");
    let chart = chart().display().to_string();
    let values = own("values/official/cloud-join.yaml").display().to_string();
    let flags = ["--values", &values, "--set", "keepCRDs=false", "--set", "kinds={TeleportUser}"];
    let notes = place.helm(&[&["install", "teleport-operator", &chart], &flags[..]].concat());
    assert!(notes.contains("WARNING: `keepCRDs` is false"), "{notes}");
    assert_eq!(place.objects("crd").len(), 1);
    place.helm(&["uninstall", "teleport-operator"]);
    // The server first removes what is of the kind.
    place.kubectl(&["wait", "--for=delete", "--timeout=60s", &format!("crd/{USERS}")], "");
    assert!(place.objects("crd").is_empty());
}

/// The server takes everything that the chart makes of all values files.
#[test]
fn the_server_takes_all_of_it() {
    let place = Place::new("teleport-iac");
    place.cluster.namespace("team-a");
    place.cluster.namespace("team-b");
    for case in cases() {
        let documents = place.helm.template(&case, &[]);
        // Definitions are installed for real elsewhere; those of the Prometheus operator are not here.
        let ours = documents.iter().filter(|document| {
            let elsewhere = text(&document["apiVersion"]).starts_with("monitoring.coreos.com");
            document["kind"] != "CustomResourceDefinition" && !elsewhere
        });
        let stream: String = ours.clone().map(|document| format!("{document}\n")).collect();
        if !stream.is_empty() {
            let arguments = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
            // Not in a namespace of our choice: each says where it belongs.
            place.cluster.kubectl_with(&arguments, &stream);
        }
        for deployment in ours.filter(|document| document["kind"] == "Deployment") {
            assert_eq!(place.admits_pod_of(deployment), Ok(()), "{}", case.display());
        }
    }
}

/// What an operator of a scope wrote down of itself is there for the next one, whatever becomes of the release.
#[test]
fn who_an_operator_is_outlives_its_release() {
    const STATE: &str = "teleport-operator-shared-state";
    let place = Place::new("teleport-iac");
    let chart = chart().display().to_string();
    let values = own("values/official/scoped.yaml").display().to_string();
    let release = |verb: &str, more: &[&str]| {
        place.helm(&[&[verb, "teleport-operator", &chart, "--values", &values], more].concat())
    };
    release("install", &[]);
    let role = place.objects("role")["teleport-operator"]["rules"].clone();
    let rules = role.as_array().expect("rules");
    assert!(rules.contains(&identity_rule(STATE)), "as the program says itself that it needs: {role}");
    place.kubectl(&["patch", "secret", STATE, "-p", r#"{"stringData": {".operator-id": "we"}}"#], "");
    let before = place.objects("secret")[STATE].clone();
    let is_there = || {
        let now = place.objects("secret")[STATE].clone();
        (now["metadata"]["uid"] == before["metadata"]["uid"]) && now["data"] == before["data"]
    };
    release("upgrade", &["--set", "priorityClassName=high"]);
    assert!(is_there());
    place.helm(&["uninstall", "teleport-operator"]);
    assert!(is_there());
    release("install", &[]);
    assert!(is_there());
}
