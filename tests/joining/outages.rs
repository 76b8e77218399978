//! Servers restart and networks fail: the documented behaviour, and recovery without a restart of the operator.
use std::time::Duration;

use serde_json::json;

use crate::joiner::{Joiner, KIND, Method, Way};
use crate::joining::Line;
use crate::teleport::Teleport;

/// Longer than a certificate lives here.
const LONG: Duration = Duration::from_secs(13);
/// As the issue has it.
const MINUTE: Duration = Duration::from_secs(60);

fn cut(joiner: &Joiner, line: Line, long: Duration) {
    joiner.until_ready(KIND, &joiner.bot);
    let written = joiner.kubernetes_writes();
    joiner.target.cut(line);
    joiner.stays("no status is written", long, || joiner.kubernetes_writes() == written);
    if long >= LONG {
        let operator = joiner.operator.as_ref().expect("the operator runs");
        let ready = || operator.health("/readyz").filter(|(status, _)| *status == 503);
        joiner.until("it does not say that it is ready", ready);
    }
    joiner.ask("during");
    joiner.target.mend(line);
    joiner.until_arrived("during");
    joiner.until_operator_ready();
    joiner.until_renewed(2);
}

fn survives(name: &str, way: Way, method: Method, line: Line, long: Duration) {
    let mut joiner = Joiner::new(name, Teleport::joining("18", &[]), way, method);
    joiner.run(&[]);
    joiner.edit("before");
    cut(&joiner, line, long);
    let refused: Vec<_> = joiner.attempts().into_iter().filter(|attempt| !attempt.error.is_empty()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn the_auth_server_restarts() {
    survives("outage-auth", Way::Direct, Method::Token, Line::Auth, Duration::from_secs(2));
}

#[test]
fn the_auth_server_restarts_behind_its_proxy() {
    survives("outage-auth-behind", Way::Proxy, Method::Keys, Line::Auth, LONG);
}

#[test]
fn the_proxy_restarts() {
    survives("outage-proxy", Way::Proxy, Method::Token, Line::Proxy, Duration::from_secs(2));
}

#[test]
fn the_balancer_restarts() {
    survives("outage-balancer", Way::Balancer, Method::Keys, Line::Balancer, Duration::from_secs(2));
}

#[test]
fn the_network_is_cut_for_a_minute() {
    survives("outage-minute", Way::Proxy, Method::Keys, Line::Proxy, MINUTE);
}

#[test]
fn a_token_that_worked_once_can_be_replaced_by_another_in_its_file() {
    let mut joiner = Joiner::new("outage-too-long", Teleport::joining("18", &[]), Way::Proxy, Method::Token);
    let file = joiner.path("join-token");
    std::fs::write(&file, &joiner.token).expect("the token is written");
    joiner.set("--token", &file.display().to_string());
    joiner.run(&[]);
    joiner.edit("before");
    joiner.target.cut(Line::Proxy);
    joiner.stays("it is away", LONG, || true);
    joiner.target.mend(Line::Proxy);
    joiner.until_told(&["expired", "works only once", "--token"]);
    joiner.target.token("the-next-token", &joiner.bot);
    std::fs::write(&file, "the-next-token\n").expect("the token is written");
    joiner.edit("after");
    joiner.until_operator_ready();
}

#[test]
fn connections_that_break_are_not_noticed_by_objects() {
    let mut joiner =
        Joiner::new("outage-resets", Teleport::joining("18.5", &[]), Way::Balancer, Method::Keys);
    joiner.run(&[]);
    joiner.edit("before");
    for line in [Line::Balancer, Line::Proxy, Line::Auth] {
        joiner.target.reset(line);
        joiner.edit(&format!("after-{line:?}").to_lowercase());
    }
    let (status, ..) = joiner.get(KIND, &joiner.bot).condition("Ready").expect("a condition");
    assert_eq!(status, "True");
}

/// Attempts to join that the web has seen.
fn asked(joiner: &Joiner) -> u64 {
    joiner.target.calls().get("/webapi/host/credentials").copied().unwrap_or_default()
}

#[test]
fn a_server_that_can_not_be_joined_is_asked_no_more_than_once_a_second() {
    for (name, code) in [
        ("outage-refusing", "PERMISSION_DENIED"),
        ("outage-failing", "UNAVAILABLE"),
        ("outage-limiting", "RESOURCE_EXHAUSTED"),
    ] {
        let mut joiner = Joiner::new(name, Teleport::joining("18", &[]), Way::Proxy, Method::Keys);
        joiner.target.inject(
            &json!({"method": "/webapi/host/credentials", "code": code, "message": "not now", "times": -1}),
        );
        joiner.run(&[]);
        joiner.until("it has tried", || (asked(&joiner) > 0).then_some(()));
        let before = asked(&joiner);
        joiner.stays("it does not join", Duration::from_secs(15), || joiner.renewals() == 0);
        let more = asked(&joiner) - before;
        assert!(more <= 15, "{code}: {more} attempts in 15 s");
        joiner.target.post("/inject/clear", &json!({}));
        joiner.edit("after");
        joiner.until_operator_ready();
    }
}

#[test]
fn a_slow_server_is_waited_for() {
    let mut joiner = Joiner::new("outage-slow", Teleport::joining("18", &[]), Way::Proxy, Method::Keys);
    joiner.target.delay(Line::Proxy, Duration::from_millis(700));
    joiner.target.inject(&json!({"method": "GenerateUserCerts", "latency_ms": 700, "times": -1}));
    joiner.run(&[]);
    joiner.until_renewed(2);
    joiner.all_went_well();
}
