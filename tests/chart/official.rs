//! From the official chart to this one and back: a release that looks as that chart leaves it, with its definitions.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::helm::{chart, own};
use crate::place::Place;

/// A chart that installs what the official one does.
fn official(folder: &Path) -> String {
    let templates = folder.join("templates");
    fs::create_dir_all(&templates).expect("a folder");
    let manifest = json!({ "apiVersion": "v2", "name": "teleport-operator", "version": "18.4.2" });
    fs::write(folder.join("Chart.yaml"), manifest.to_string()).expect("written");
    let values =
        json!({ "image": "registry.example.com/official", "highAvailability": { "replicaCount": 1 } });
    fs::write(folder.join("values.yaml"), values.to_string()).expect("written");
    fs::copy(own("official-release.yaml"), templates.join("release.yaml")).expect("copied");
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official-crds");
    for entry in fs::read_dir(known).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let known: Value =
                serde_json::from_str(&fs::read_to_string(&path).expect("a text")).expect("JSON");
            let to = templates.join(path.with_extension("yaml").file_name().expect("a name"));
            fs::write(to, definition(&known).to_string()).expect("written");
        }
    }
    folder.display().to_string()
}

fn definition(known: &Value) -> Value {
    let mut versions = known["versions"].clone();
    for version in versions.as_array_mut().expect("versions") {
        version["schema"] = json!({ "openAPIV3Schema": version["schema"] });
    }
    let name = format!(
        "{}.{}",
        known["names"]["plural"].as_str().expect("a plural"),
        known["group"].as_str().expect("a group")
    );
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name, "labels": { "teleport.dev/release": "{{ .Release.Namespace }}_{{ .Release.Name }}" } },
        "spec": { "group": known["group"], "names": known["names"], "scope": known["scope"], "versions": versions },
    })
}

/// What stays the same object when a release changes.
fn identities(place: &Place) -> BTreeMap<String, Value> {
    let objects = place.objects("deployment,serviceaccount,role,rolebinding,crd");
    objects.into_iter().map(|(name, object)| (name, object["metadata"]["uid"].clone())).collect()
}

#[test]
fn an_official_release_is_upgraded_with_its_values_and_back() {
    let place = Place::new("teleport-iac");
    let folder = tempfile::tempdir().expect("a folder");
    let official = official(folder.path());
    let (ours, values) =
        (chart().display().to_string(), own("values/official/cloud-join.yaml").display().to_string());
    // As Helm 3 did, which most releases were installed with.
    place.helm(&["install", "teleport-operator", &official, "--values", &values, "--server-side=false"]);
    assert!(place.apply_examples() > 25);
    let (before, resources) = (identities(&place), place.custom_resources());
    assert!(before.len() > 30, "{before:?}");

    place.helm(&["upgrade", "teleport-operator", &ours, "--values", &values]);
    let after = identities(&place);
    for (name, uid) in &before {
        assert_eq!(after.get(name), Some(uid), "{name}");
    }
    assert!(after.len() > before.len(), "there are more kinds");
    assert_eq!(place.custom_resources(), resources);
    let command = &place.objects("deployment")["teleport-operator"]["spec"]["template"]["spec"]["containers"]
        [0]["command"];
    assert_eq!(command[5], "-token");

    place.helm(&["rollback", "teleport-operator", "1"]);
    assert_eq!(identities(&place), after, "nothing is removed");
    assert_eq!(place.custom_resources(), resources);
    let container =
        &place.objects("deployment")["teleport-operator"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry.example.com/official:18.4.2");
}
