//! `doctor` on real peers: all is well where it is, and each thing that is not is found, with what to do about it.
#[path = "support/control.rs"]
mod control;
#[path = "support/joining.rs"]
mod joining;
#[path = "support/kubernetes.rs"]
mod kubernetes;
#[path = "support/teleport.rs"]
mod teleport;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use control::Control;
use kubernetes::Kubernetes;
use serde_json::{Value, json};
use teleport::Teleport;

const PROGRAM: &str = env!("CARGO_BIN_EXE_teleport-operator");
/// What the peer's operator role is good for.
const KINDS: &str = "--kinds=TeleportUser,TeleportRole,TeleportRoleV*";

fn doctor(kubeconfig: &Path, environment: &[(&str, &str)], flags: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("doctor").arg(format!("--kubeconfig={}", kubeconfig.display())).args(flags);
    command.envs(environment.iter().copied()).env_remove("TELEPORT_IDENTITY_FILE");
    command.output().expect("it runs")
}

/// State, detail and advice by name, and whether all is well.
fn checks(
    kubeconfig: &Path,
    environment: &[(&str, &str)],
    flags: &[&str],
) -> BTreeMap<String, (String, String)> {
    let flags = [flags, &["-o", "json"]].concat();
    let output = doctor(kubeconfig, environment, &flags);
    let errors = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    let failed = |check: &Value| check["state"] == "failed";
    let list = report["checks"].as_array().expect("checks");
    assert_eq!(report["ok"], json!(!list.iter().any(failed)), "{report:#}");
    assert_eq!(output.status.code(), Some(i32::from(report["ok"] == false)), "{report:#}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |check: &Value| {
        let said = format!("{} → {}", text(&check["detail"]), text(&check["advice"]));
        (text(&check["name"]), (text(&check["state"]), said))
    };
    list.iter().map(entry).collect()
}

fn install(kubernetes: &Kubernetes) {
    let crds = Command::new(PROGRAM).args(["crds", KINDS]).output().expect("it runs");
    let crds = String::from_utf8(crds.stdout).expect("UTF-8");
    kubernetes.kubectl_with(&["apply", "--server-side", "-f", "-"], &crds);
    kubernetes.kubectl(&["wait", "--for=condition=Established", "--all", "crd"]);
}

/// Looks until the API server has published what was installed.
fn until(
    mut look: impl FnMut() -> BTreeMap<String, (String, String)>,
    name: &str,
    state: &str,
) -> (String, String) {
    let mut found = look();
    for _ in 0..60 {
        if found[name].0 == state {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        found = look();
    }
    assert_eq!(found[name].0, state, "{found:#?}");
    found[name].clone()
}

#[test]
fn what_is_well_is_found_well_and_what_is_not_is_named() {
    let kubernetes = Kubernetes::start();
    let admin = kubernetes.kubeconfig();
    let peer = Teleport::start("0");
    let identity = format!("--identity={}", peer.identity().display());
    let server = format!("--auth-server={}", peer.address());
    let flags = ["--namespace=default", KINDS, &server, &identity];

    let found = checks(&admin, &[], &flags);
    assert_eq!(found["Kubernetes reached"].0, "passed", "{found:#?}");
    let (state, said) = &found["CRDs"];
    assert_eq!(state, "failed");
    assert!(
        said.contains("are not installed: TeleportRole, ") && said.contains("teleport-operator crds"),
        "{said}"
    );

    install(&kubernetes);
    until(|| checks(&admin, &[], &flags), "CRDs", "passed");
    let text = String::from_utf8(doctor(&admin, &[], &flags).stdout).expect("UTF-8");
    assert!(text.lines().all(|line| line.starts_with('✓')), "{text}");
    for part in [
        "Kubernetes permissions in default: all ",
        "CA pins: ",
        "Teleport identity: bot-operator with roles operator",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    // A definition of an older day.
    let old = json!([{ "op": "remove", "path":
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/roles" }]);
    kubernetes.kubectl(&[
        "patch",
        "crd",
        "teleportusers.resources.teleport.dev",
        "--type=json",
        "-p",
        &old.to_string(),
    ]);
    let (_, said) = until(|| checks(&admin, &[], &flags), "CRDs", "failed");
    assert!(said.contains("they lack TeleportUser/v2 spec.roles"), "{said}");

    // Somebody who may do nothing, in Kubernetes and for most kinds in Teleport.
    kubernetes.kubectl(&["create", "serviceaccount", "nobody"]);
    let token = kubernetes.kubectl(&["create", "token", "nobody"]);
    let nobody = peer.path("nobody.kubeconfig");
    std::fs::copy(&admin, &nobody).expect("a copy");
    let config = ["config", "set-credentials", "nobody", "--token", token.trim()];
    let at = format!("--kubeconfig={}", nobody.display());
    kubernetes.kubectl(&[&config[..], &[&at]].concat());
    kubernetes.kubectl(&["config", "set-context", "--current", "--user=nobody", &at]);
    let flags = ["--namespace=default", &server, &identity];
    let found = checks(&nobody, &[], &flags);
    let (state, said) = &found["Kubernetes permissions in default"];
    assert_eq!(state, "failed");
    assert!(
        said.contains("leases (create, get, update)") && said.contains("teleport-operator rbac"),
        "{said}"
    );
    assert!(!found.contains_key("Operator's identity"), "of a scope alone: {found:#?}");
    let scoped = ["--namespace=default", "--scope=/staging", &server, &identity];
    let identity_of = |kubeconfig: &Path| checks(kubeconfig, &[], &scoped)["Operator's identity"].clone();
    let fails_for = |verb: &str| {
        let (state, said) = identity_of(&nobody);
        assert!(state == "failed" && said.contains(&format!("may not {verb} the Secret")), "{state}: {said}");
        said
    };
    assert_eq!(identity_of(&admin).0, "passed", "who may make the Secret makes it");
    let said = fails_for("get");
    let rule = &said[said.find('{').expect("a rule")..=said.rfind('}').expect("a rule")];
    let rule: Value = serde_json::from_str(rule).expect("JSON");
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "state" },
        "rules": [rule] });
    kubernetes.kubectl_with(&["create", "-f", "-"], &role.to_string());
    kubernetes.kubectl(&[
        "create",
        "rolebinding",
        "state",
        "--role=state",
        "--serviceaccount=default:nobody",
    ]);
    fails_for("create");
    kubernetes.kubectl(&["create", "secret", "generic", "teleport-shared-state"]);
    assert_eq!(identity_of(&nobody).0, "passed");
    let (state, said) = &found["target permissions"];
    assert_eq!(state, "failed");
    assert!(said.contains(r#"{"resources":["access_graph_settings"],"verbs":["#), "{said}");
    assert!(!said.contains(r#"["user"]"#), "the role has that: {said}");
}

#[test]
fn joining_is_tried_by_a_token_that_can_be_used_again() {
    let kubernetes = Kubernetes::shared();
    let admin = kubernetes.kubeconfig();
    let peer = Teleport::joining("18.5", &[]);
    let joining = Control::of(&peer.path("ready.json"));
    joining.bot("operator", &["operator"]);
    let keys = kubernetes.kubectl(&["get", "--raw", "/openid/v1/jwks"]);
    joining.token_with_keys("k8s", "operator", &keys, "default:doctor");
    kubernetes.kubectl(&["create", "serviceaccount", "doctor"]);
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "doctor" }, "spec": {
        "serviceAccountName": "doctor", "containers": [{ "name": "c", "image": "none" }] } });
    kubernetes.kubectl_with(&["create", "-f", "-"], &pod.to_string());
    let proof = |audience: &str| {
        let token = kubernetes.kubectl(&[
            "create",
            "token",
            "doctor",
            "--duration=10m",
            "--bound-object-kind=Pod",
            "--bound-object-name=doctor",
            "--audience",
            audience,
        ]);
        let path = peer.path(audience);
        std::fs::write(&path, token).expect("a file");
        path.display().to_string()
    };
    let trust = peer.web_authorities().display().to_string();
    let run = |proof: &str, flags: &[&str]| {
        let server = format!("--auth-server={}", peer.proxy());
        let flags = [flags, &["--namespace=default", KINDS, &server]].concat();
        checks(&admin, &[("KUBERNETES_TOKEN_PATH", proof), ("SSL_CERT_FILE", &trust)], &flags)
    };

    let found = run(&proof("teleport.example.com"), &["--token=k8s"]);
    let (state, said) = &found["service account token"];
    assert_eq!(state, "passed", "{found:#?}");
    assert!(
        said.starts_with(
            "default:doctor, issued by https://kubernetes.default.svc, for teleport.example.com, "
        ),
        "{said}"
    );
    let (state, said) = &found["Teleport identity"];
    assert_eq!(state, "passed", "{said}");
    assert!(
        said.starts_with("bot-operator with roles operator, until ") && said.contains("joined by"),
        "{said}"
    );
    assert_eq!(found["target permissions"].0, "passed", "{found:#?}");

    let found = run(&proof("elsewhere"), &["--token=k8s"]);
    let (state, said) = &found["service account token"];
    assert_eq!(state, "passed");
    assert!(said.contains("its audience must be teleport.example.com"), "{said}");
    let (state, said) = &found["Teleport identity"];
    assert_eq!(state, "failed");
    assert!(said.contains("elsewhere") && said.contains("teleport.example.com"), "both are named: {said}");
    assert_eq!(found["target permissions"].0, "skipped");

    // A token that works once is not used up by looking.
    let before = joining.joins().len();
    let found = run("/nowhere", &["--token=once", "--join-method=token"]);
    assert_eq!(found["Teleport identity"].0, "skipped", "{found:#?}");
    assert_eq!(joining.joins().len(), before);

    let found = run("/nowhere", &["--token=k8s"]);
    assert_eq!(found["service account token"].0, "failed");
    let pin = format!("--ca-pin=sha256:{}", "0".repeat(64));
    let found = run(&proof("teleport.example.com"), &["--token=k8s", &pin]);
    assert_eq!((found["CA pins"].0.as_str(), found["Teleport identity"].0.as_str()), ("failed", "skipped"));
}
