//! Teleport locks the bot, or its token goes: that is said, and things go on when the reason is gone, without a restart.
use std::time::Duration;

use serde_json::json;

use crate::joiner::{Joiner, KIND, Method, WHILE, Way};
use crate::teleport::Teleport;

#[test]
fn a_locked_bot_is_told_of_and_goes_on_when_the_lock_is_gone() {
    for way in [Way::Direct, Way::Proxy] {
        let name = format!("locked-{way:?}").to_lowercase();
        let mut joiner = Joiner::new(&name, Teleport::joining("18", &[]), way, Method::Keys);
        joiner.world.environment.push(("POD_NAME".to_owned(), POD.to_owned()));
        joiner.run(&[]);
        joiner.edit("before");
        assert_eq!((metric(&joiner, "joined"), told_of_the_pod(&joiner)), (1.0, vec![]));
        joiner.until_ready(KIND, &joiner.bot);
        joiner.target.lock("test", &joiner.user());
        joiner.until_told(&["lock", &joiner.user()]);
        joiner.ask("after");
        let count = joiner.attempts().len();
        joiner.stays("nothing arrives", Duration::from_secs(12), || joiner.login() == json!(["before"]));
        // Twelve seconds later.
        let attempts = joiner.attempts().len() - count;
        assert!(attempts <= 13, "{attempts} attempts in 12 s: {:#?}", joiner.attempts());
        let (status, ..) = joiner.get(KIND, &joiner.bot).condition("Ready").expect("a condition");
        assert_eq!(status, "True", "a lock says nothing about an object: {}", joiner.report());
        assert_eq!((metric(&joiner, "joined"), told_of_the_pod(&joiner)), (0.0, vec!["Locked".to_owned()]));

        joiner.target.remove("lock", "test");
        joiner.until_arrived("after");
        joiner.until_operator_ready();
        let until = metric(&joiner, "certificate_expiry_timestamp_seconds");
        joiner.until_renewed(2);
        assert!(metric(&joiner, "certificate_expiry_timestamp_seconds") > until && until > 0.0);
        assert_eq!(metric(&joiner, "joined"), 1.0);
        assert_eq!(told_of_the_pod(&joiner), ["Joined", "Locked"], "each change once, and no renewal");
    }
}

/// The name of the pod that the operator takes itself to be in.
const POD: &str = "the-operator";

/// What people were told about how the operator stands with Teleport, by reasons.
fn told_of_the_pod(joiner: &Joiner) -> Vec<String> {
    let events = joiner.events("Pod", POD).into_iter().map(|(_, reason, _)| reason);
    // Whether it answers at all is another matter.
    let mut reasons: Vec<_> = events.filter(|reason| !reason.ends_with("eachable")).collect();
    reasons.sort();
    reasons
}

/// A metric without labels.
fn metric(joiner: &Joiner, name: &str) -> f64 {
    let text = joiner.operator.as_ref().expect("the operator runs").metrics("/metrics");
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("teleport_operator_{name} ")));
    value.unwrap_or_else(|| panic!("no {name}: {text}")).parse().expect("a number")
}

#[test]
fn without_its_token_it_works_until_its_certificate_ends_and_again_when_the_token_is_back() {
    let mut joiner = Joiner::new("token-deleted", Teleport::joining("18.5", &[]), Way::Proxy, Method::Keys);
    joiner.run(&[]);
    joiner.until_renewed(1);
    joiner.target.remove("token", &joiner.token);
    joiner.edit("without-a-token");
    joiner.until_told(&[&joiner.token, "does not exist", "join_method: kubernetes", &joiner.account()]);
    joiner.ask("later");
    joiner.stays("nothing arrives", WHILE, || joiner.login() == json!(["without-a-token"]));
    joiner.make_token();
    joiner.until_arrived("later");
    joiner.until_operator_ready();
}

#[test]
fn a_bot_that_goes_and_comes_back_is_joined_as_again() {
    let mut joiner = Joiner::new("bot-deleted", Teleport::joining("18", &[]), Way::Proxy, Method::Keys);
    joiner.run(&[]);
    joiner.until_renewed(1);
    joiner.target.remove("bot", &joiner.bot);
    joiner.until_told(&["bot"]);
    joiner.target.bot(&joiner.bot, &["operator"]);
    joiner.edit("again");
    joiner.until_operator_ready();
}

#[test]
fn a_renewal_whose_answer_is_lost_does_not_get_the_bot_locked() {
    let mut joiner = Joiner::new("answer-lost", Teleport::joining("18", &[]), Way::Direct, Method::Token);
    joiner.run(&[]);
    joiner.until_renewed(1);
    let renewals = || joiner.attempts().iter().filter(|attempt| attempt.endpoint == "renewal").count();
    let before = renewals();
    joiner.target.inject(&json!({
        "method": "GenerateUserCerts", "code": "UNAVAILABLE", "message": "the answer is lost", "applied": true,
    }));
    joiner.until("a renewal was answered with nothing", || (renewals() > before).then_some(()));
    joiner.until_told(&["token", "kubernetes"]);
    joiner.stays("nobody is locked", Duration::from_secs(12), || {
        joiner.target.dump()["lock"].is_empty()
            && joiner.attempts().iter().all(|a| !a.error.contains("mismatch"))
    });
}

#[test]
fn a_generation_that_is_not_ours_is_told_of() {
    let mut joiner = Joiner::new("generation", Teleport::joining("15", &[]), Way::Proxy, Method::Token);
    joiner.run(&[]);
    joiner.until_renewed(1);
    // As if somebody else had renewed our certificate.
    let mut user = joiner.target.resource("user", &joiner.user()).expect("the bot's user").json;
    user["metadata"]["labels"]["teleport.internal/bot-generation"] = json!("77");
    joiner.target.put("user", &joiner.user(), &user);
    joiner.until_told(&["lock", &joiner.user()]);
    let mismatches = || joiner.attempts().iter().filter(|attempt| attempt.error.contains("mismatch")).count();
    joiner.until("it was refused", || (mismatches() > 0).then_some(()));
    joiner.stays("the old certificate is shown no more", Duration::from_secs(8), || mismatches() == 1);
}
