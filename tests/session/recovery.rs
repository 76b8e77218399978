//! What may happen to a session, and how it comes out of it by itself.
use std::time::Duration;

use teleport_operator::teleport::errors::Nature;
use teleport_operator::teleport::settings::Means;
use tokio::time::{Instant, sleep, timeout};

use crate::joining::Line;
use crate::{BOT, Entrance, Method, PATIENCE, SECRET, World, eventually, joined, until};

fn nature(standing: &teleport_operator::teleport::session::Standing) -> Option<Nature> {
    standing.trouble.as_ref().map(|trouble| trouble.nature)
}

/// Waits until a call goes through.
async fn answers(client: &teleport_operator::target::client::Client) {
    let asked = async {
        while client.facts().await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, asked).await.expect("calls go through again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_longer_than_the_certificate_is_survived() {
    let mut world = World::new("19", Entrance::Proxy, Method::Kubernetes);
    world.lives(4);
    let (session, began) = (world.session(), Instant::now());
    let client = world.client(&session);
    joined(&session).await;
    world.control.cut(Line::Proxy);
    world.control.cut(Line::Auth);
    until(&session, "in trouble", |standing| nature(standing) == Some(Nature::Away)).await;
    // Longer than a certificate lives.
    sleep(Duration::from_secs(5)).await;
    let text = client.facts().await.expect_err("nobody is there").message;
    assert!(text.contains("cannot connect to"), "{text}");
    world.control.mend(Line::Auth);
    world.control.mend(Line::Proxy);
    joined(&session).await;
    answers(&client).await;
    let joins = world.endpoints().len();
    assert!(u64::try_from(joins).expect("few") <= began.elapsed().as_secs() + 1, "{joins} attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_whose_token_was_deleted_goes_on() {
    let world = World::new("17", Entrance::Proxy, Method::Token);
    let session = world.session();
    let first = joined(&session).await.who.expect("joined").until;
    assert!(world.control.resource("token", SECRET).is_none(), "used up");
    let later = |standing: &teleport_operator::teleport::session::Standing| {
        standing.trouble.is_none() && standing.who.as_ref().is_some_and(|who| who.until > first)
    };
    until(&session, "renewed", later).await;
    assert_eq!(world.endpoints().len(), 1, "it joined once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_recognised_and_its_end_too() {
    let mut world = World::new("18.5", Entrance::Auth, Method::Kubernetes);
    // No renewal comes in between.
    world.joining().lifetime = Duration::from_secs(3600);
    world.joining().interval = Duration::from_secs(1800);
    let session = world.session();
    let client = world.client(&session);
    let before = joined(&session).await.credentials;
    world.control.lock("test", "bot-operator");
    // Some versions give no reason: that is looked into.
    client.facts().await.expect_err("locked");
    let standing = until(&session, "locked", |standing| nature(standing) == Some(Nature::Locked)).await;
    let text = standing.trouble.expect("locked").text;
    assert!(text.contains("bot-operator is locked") && text.contains("tctl get locks"), "{text}");
    let error = client.facts().await.expect_err("locked");
    assert_eq!(error.class, teleport_operator::mapping::errors::Class::Unavailable, "{error}");
    world.control.remove("lock", "test");
    let standing = joined(&session).await;
    assert!(standing.credentials > before, "whoever was refused is to try again");
    answers(&client).await;
    assert_eq!(world.endpoints().len(), 1, "a lock is no reason to join again");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_authorities_are_followed() {
    for (entrance, method) in [(Entrance::Proxy, Method::Kubernetes), (Entrance::Auth, Method::Token)] {
        let world = World::new("19", entrance, method);
        let session = world.session();
        let client = world.client(&session);
        joined(&session).await;
        for phase in ["init", "update_clients", "update_servers", "standby"] {
            let seen = session.standing().borrow().who.as_ref().expect("somebody").until;
            world.control.rotate(phase);
            // Certificates are renewed between phases, as they are where phases last for hours.
            until(&session, phase, |standing| {
                standing.trouble.is_none() && standing.who.as_ref().is_some_and(|who| who.until > seen)
            })
            .await;
            answers(&client).await;
        }
        if method == Method::Token {
            assert_eq!(world.endpoints().len(), 1, "a token's bot can't join again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_that_changed_all_at_once_lead_to_another_join() {
    let mut world = World::new("19", Entrance::Proxy, Method::Kubernetes);
    world.joining().lifetime = Duration::from_secs(3600);
    world.joining().interval = Duration::from_secs(1800);
    let session = world.session();
    let client = world.client(&session);
    joined(&session).await;
    for phase in ["init", "update_clients", "update_servers", "standby"] {
        world.control.rotate(phase);
    }
    answers(&client).await;
    joined(&session).await;
    assert_eq!(world.endpoints().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_tried_ever_more_slowly() {
    let world = World::new("19", Entrance::Proxy, Method::Token);
    world.control.remove("token", SECRET);
    let (session, began) = (world.session(), Instant::now());
    until(&session, "refused", |standing| nature(standing) == Some(Nature::Refused)).await;
    sleep(Duration::from_secs(6)).await;
    let tried = world.endpoints().len();
    let most = began.elapsed().as_secs() / 2 + 2;
    assert!((2..=most).contains(&u64::try_from(tried).expect("few")), "{tried} in {:?}", began.elapsed());
    // What was wrong is mended: it is found out without a restart.
    world.control.token(SECRET, BOT);
    joined(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_renewal_is_not_asked_for_twice() {
    let world = World::new("17", Entrance::Auth, Method::Token);
    let session = world.session();
    joined(&session).await;
    // The renewal takes place, and its answer is lost.
    world
        .control
        .inject(&serde_json::json!({"method": "GenerateUserCerts", "applied": true, "code": "UNAVAILABLE"}));
    let standing = until(&session, "in trouble", |standing| standing.trouble.is_some()).await;
    let who = standing.who.expect("joined");
    let standing = until(&session, "in doubt", |standing| nature(standing) == Some(Nature::Refused)).await;
    let text = standing.trouble.expect("in doubt").text;
    assert!(text.contains("the answer to the last renewal was lost") && text.contains("--token"), "{text}");
    sleep(Duration::try_from(who.until - time::OffsetDateTime::now_utc()).unwrap_or_default()).await;
    sleep(Duration::from_secs(1)).await;
    assert!(
        world.control.dump().get("lock").is_none_or(std::collections::BTreeMap::is_empty),
        "never locked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_in_the_file_brings_a_lost_bot_back() {
    let mut world = World::new("19", Entrance::Auth, Method::Token);
    world.lives(4);
    let path = world.peer.path("token");
    std::fs::write(&path, SECRET).expect("writes");
    world.joining().token =
        teleport_operator::teleport::token::TokenSource::new(path.to_str().expect("text"));
    let session = world.session();
    joined(&session).await;
    world.control.cut(Line::Auth);
    until(&session, "away", |standing| nature(standing) == Some(Nature::Away)).await;
    sleep(Duration::from_secs(5)).await;
    world.control.mend(Line::Auth);
    let standing = until(&session, "run out", |standing| nature(standing) == Some(Nature::Refused)).await;
    let text = standing.trouble.expect("run out").text;
    assert!(text.contains("expired at") && text.contains("works only once"), "{text}");
    world.control.token("another", BOT);
    std::fs::write(&path, "another\n").expect("writes");
    joined(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_followed_through_a_proxy() {
    for entrance in [Entrance::Proxy, Entrance::Balancer] {
        let mut world = World::new("18", entrance, Method::Token);
        world.settings.means = Means::File(world.peer.identity());
        let session = world.session();
        joined(&session).await;
        world.client(&session).facts().await.expect("answers");
        assert_eq!(world.endpoints().len(), 0);
        eventually("no trouble", || session.standing().borrow().trouble.is_none()).await;
    }
}
