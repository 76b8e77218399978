//! `bootstrap` on real peers: what it prints carries the keys of the Kubernetes cluster, and `--apply` brings in what is
//! missing, says what it changes before it does, and writes nothing where all is as it should be.
#[path = "support/control.rs"]
mod control;
#[path = "support/kubernetes.rs"]
mod kubernetes;
#[path = "support/teleport.rs"]
mod teleport;

use std::process::{Command, Output};

use control::Control;
use kubernetes::Kubernetes;
use serde_json::{Value, json};
use teleport::Teleport;

fn bootstrap(kubernetes: &Kubernetes, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_teleport-operator"))
        .arg("bootstrap")
        .args(arguments)
        .env("KUBECONFIG", kubernetes.kubeconfig())
        .output()
        .expect("it runs")
}

fn printed(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_documents_carry_the_keys_of_the_cluster() {
    let kubernetes = Kubernetes::shared();
    let flags = ["--auth-server", "example.teleport.sh:443", "--namespace", "iac", "--kinds", "TeleportUser"];
    let text = printed(bootstrap(&kubernetes, &flags));
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let [role, bot, token] = documents.as_slice() else { panic!("{text}") };
    assert_eq!(role["spec"]["allow"]["rules"][0]["resources"], json!(["user"]));
    assert_eq!(bot["spec"]["roles"], json!([role["metadata"]["name"]]));
    let spec = &token["spec"];
    assert_eq!(spec["bot_name"], bot["metadata"]["name"]);
    assert_eq!(spec["kubernetes"]["allow"], json!([{ "service_account": "iac:teleport-operator" }]));
    let keys = |text: &str| serde_json::from_str::<Value>(text).expect("a key set")["keys"].clone();
    let of_token = keys(spec["kubernetes"]["static_jwks"]["jwks"].as_str().expect("a text"));
    assert_eq!(of_token, keys(&kubernetes.kubectl(&["get", "--raw", "/openid/v1/jwks"])));
    let helm: String = text.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    for part in
        ["--namespace iac", "teleportAddress=example.teleport.sh:443", "ClusterName=example.teleport.sh"]
    {
        assert!(helm.contains(part), "{part}: {helm}");
    }
}

#[test]
fn other_ways_need_other_things() {
    let kubernetes = Kubernetes::shared();
    let way = |way: &str| {
        let text = printed(bootstrap(&kubernetes, &["--join", way, "-o", "json"]));
        let all: Value = serde_json::from_str(&text).expect("JSON");
        all["documents"][2]["spec"]["kubernetes"].clone()
    };
    let allow = json!([{ "service_account": "teleport:teleport-operator" }]);
    assert_eq!(way("in_cluster"), json!({ "type": "in_cluster", "allow": allow }));
    let issuer = json!({ "issuer": "https://kubernetes.default.svc" });
    assert_eq!(way("oidc"), json!({ "type": "oidc", "oidc": issuer, "allow": allow }));
    let refused = bootstrap(&kubernetes, &["--join", "jwks"]);
    assert!(!refused.status.success());
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("known: in_cluster, oidc, static_jwks"), "{errors}");
}

#[test]
fn what_is_applied_is_shown_first_and_once() {
    let kubernetes = Kubernetes::shared();
    let peer = Teleport::start("0");
    let control = Control::of(&peer.path("ready.json"));
    let identity = peer.identity();
    let identity = identity.to_str().expect("UTF-8");
    let flags = [
        "--apply",
        "--auth-server",
        peer.address(),
        "--identity",
        identity,
        "--name",
        "sync",
        "--token",
        "k8s",
    ];
    let apply = || printed(bootstrap(&kubernetes, &flags));

    let first = apply();
    assert_eq!(first.matches("is created").count(), 3, "{first}");
    let token = control.resource("token", "k8s").expect("the token is there").json;
    assert_eq!(token["spec"]["bot_name"], "sync");
    assert!(
        token["metadata"]["labels"]["teleport.dev/origin"].is_null(),
        "it is the administrator's: {token}"
    );
    let writes = control.writes().len();

    let second = apply();
    assert_eq!(second.matches("is as it should be").count(), 3, "{second}");
    assert_eq!(control.writes().len(), writes, "nothing was written");

    let mut changed = token.clone();
    changed["spec"]["kubernetes"]["allow"][0]["service_account"] = json!("other:account");
    control.put("token", "k8s", &changed);
    let third = apply();
    assert!(third.contains("token k8s: is changed: spec.kubernetes.allow[0].service_account"), "{third}");
    assert_eq!(control.resource("token", "k8s").expect("it is there").json["spec"], token["spec"]);
}
