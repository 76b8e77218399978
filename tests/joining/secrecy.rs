//! No key and no token is in what the operator says, not even when it says everything.
use std::fs;

use crate::joiner::{Joiner, Method, Way};
use crate::teleport::Teleport;

/// Everything that anybody in the process can say, libraries included, which say little by default. Only the Kubernetes client
/// is left as it is: its concern is another.
const ALL: [&str; 2] = [
    "--log-level",
    "trace,hyper=trace,hyper_util=trace,h2=trace,tonic=trace,tower=trace,rustls=trace,tungstenite=trace,tokio_tungstenite=trace",
];

fn says_none_of(joiner: &Joiner, secrets: &[String]) {
    let log = joiner.log();
    assert!(log.contains(r#""level":"trace""#), "everything is said");
    let operator = joiner.operator.as_ref().expect("the operator runs");
    let pages = [operator.metrics("/metrics"), operator.metrics("/debug/state")].concat();
    let events = joiner.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
    for (place, text) in [("the log", &log), ("a page", &pages), ("events", &events)] {
        for secret in secrets {
            assert!(!text.contains(secret.as_str()), "{place} has {secret}");
        }
    }
}

/// The parts of a text that are long enough to be known by: lines, and what stands between dots.
fn parts(text: &str) -> Vec<String> {
    let parts = text.split(['\n', '.']).map(str::trim);
    parts.filter(|part| part.len() > 20 && !part.starts_with("-----")).map(str::to_owned).collect()
}

#[test]
fn joining_by_a_token_tells_no_secret() {
    for profile in ["15", "18.5"] {
        let name = format!("secrecy-token-{}", profile.replace('.', "-"));
        let mut joiner = Joiner::new(&name, Teleport::joining(profile, &[]), Way::Proxy, Method::Token);
        joiner.run(&ALL);
        joiner.until_renewed(2);
        says_none_of(&joiner, &[joiner.token.clone(), "PRIVATE KEY".to_owned()]);
    }
}

#[test]
fn a_refused_token_is_not_told_either() {
    let mut joiner = Joiner::new("secrecy-refused", Teleport::joining("18", &[]), Way::Proxy, Method::Token);
    joiner.set("--token", "this-token-does-not-exist");
    joiner.run(&ALL);
    joiner.until_told(&["token"]);
    says_none_of(&joiner, &["this-token-does-not-exist".to_owned()]);
}

#[test]
fn a_service_account_is_not_told() {
    for (name, profile, way) in [
        ("secrecy-http", "15", Way::Proxy),
        ("secrecy-grpc", "17", Way::Direct),
        ("secrecy-new", "20", Way::Balancer),
    ] {
        let mut joiner = Joiner::new(name, Teleport::joining(profile, &[]), way, Method::Keys);
        joiner.run(&ALL);
        joiner.until_renewed(2);
        let proof = fs::read_to_string(joiner.proof_file()).expect("the token");
        // Its first part is the same for every token of the cluster.
        let secrets = parts(&proof).split_off(1);
        assert_eq!(secrets.len(), 2, "claims and a signature");
        says_none_of(&joiner, &[&secrets[..], &["PRIVATE KEY".to_owned()]].concat());
    }
}
