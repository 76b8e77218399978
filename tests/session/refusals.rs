//! What may be wrong from the beginning, and the line that says so: the values seen and what to do.
use serde_json::json;
use teleport_operator::teleport::settings::Means;
use time::OffsetDateTime;

use crate::account::NAME;
use crate::{BOT, Entrance, Method, World, until};

/// What is said when a session can't begin.
async fn said(world: &World) -> String {
    let session = world.session();
    let standing = until(&session, "in trouble", |standing| standing.trouble.is_some()).await;
    let text = standing.trouble.expect("in trouble").text;
    assert!(!text.contains('\n'), "{text:?}");
    text
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_token_that_does_not_do() {
    let mut world = World::new("18.5", Entrance::Proxy, Method::Kubernetes);
    let path = world.proof();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    for (change, parts) in [
        (
            json!({"aud": ["https://kubernetes.default.svc"]}),
            &[
                "for the audience `https://kubernetes.default.svc`",
                "its own name, `teleport.example.com`",
                "teleportClusterName",
            ][..],
        ),
        (
            json!({"sub": "system:serviceaccount:teleport:other"}),
            &["other service accounts than `teleport:other`"],
        ),
        (json!({"iat": now, "exp": now + 7200}), &["lives too long (7200s)", "expirationSeconds: 600"]),
        (json!({"iat": now - 700, "nbf": now - 700, "exp": now - 100}), &["has expired at"]),
        (
            json!({"iat": now + 3000, "nbf": now + 3000, "exp": now + 3600}),
            &["clocks of Kubernetes and Teleport differ"],
        ),
        (json!({"kubernetes.io": {"namespace": "teleport"}}), &["bound to no pod"]),
    ] {
        let mut claims = world.account.claims();
        claims.as_object_mut().expect("claims").extend(change.as_object().expect("claims").clone());
        std::fs::write(&path, world.account.sign(&claims)).expect("writes");
        contains(&said(&world).await, parts);
    }
    let stranger = crate::Account::new();
    std::fs::write(&path, stranger.token()).expect("writes");
    contains(&said(&world).await, &["signed by no key", "static_jwks", "https://kubernetes.default.svc"]);
    std::fs::write(&path, "").expect("writes");
    contains(&said(&world).await, &["it is empty", "KUBERNETES_TOKEN_PATH"]);
    world.joining().proof = world.peer.path("nothing");
    contains(&said(&world).await, &["No such file", "KUBERNETES_TOKEN_PATH"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_do() {
    for profile in ["15", "18", "20"] {
        let mut world = World::new(profile, Entrance::Proxy, Method::Kubernetes);
        world.joining().token = teleport_operator::teleport::token::TokenSource::new("other");
        contains(
            &said(&world).await,
            &["the token `other` does not exist", &format!("service_account: \"{NAME}\"")],
        );
        // Older ways leave the method to the token.
        if profile == "20" {
            world.control.token("other", BOT);
            let text = said(&world).await;
            contains(&text, &["the token `other` is not of the method `kubernetes`", "--join-method"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_may_do_nothing() {
    let world = World::new("18.5", Entrance::Proxy, Method::Kubernetes);
    world.control.put("bot", BOT, &json!({"metadata": {"name": BOT}, "spec": {"roles": []}}));
    contains(
        &said(&world).await,
        &["the bot may take on no role", "tctl bots update operator --add-roles=operator"],
    );
    world.control.put("bot", BOT, &json!({"metadata": {"name": BOT}, "spec": {"roles": ["missing"]}}));
    contains(&said(&world).await, &["`missing`", "does not exist"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_do() {
    let mut world = World::new("18.5", Entrance::Proxy, Method::Kubernetes);
    let good = world.settings.clone();
    world.settings.address = "teleport.invalid:443".parse().expect("an address");
    contains(&said(&world).await, &["the name `teleport.invalid` can't be resolved"]);
    world.settings.address = "127.0.0.1:1".parse().expect("an address");
    contains(&said(&world).await, &["cannot connect to 127.0.0.1:1"]);
    world.settings = good.clone();
    world.settings.environment.certificate_file = None;
    contains(&said(&world).await, &["of none of", "SSL_CERT_FILE"]);
    world.settings.insecure = true;
    crate::joined(&world.session()).await;
    world.settings = good;
    world.control.web_certificate("misnamed");
    contains(&said(&world).await, &["the certificate is not for `localhost` but for"]);
    world.control.web_certificate("expired");
    contains(&said(&world).await, &["the certificate was valid until"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_hold_on_every_way() {
    for entrance in [Entrance::Auth, Entrance::Proxy, Entrance::Balancer] {
        let mut world = World::new("18.5", entrance, Method::Kubernetes);
        let right = world.peer.pins().join(",");
        world.settings.pins = teleport_operator::teleport::pin::Pin::list(&right).expect("pins");
        crate::joined(&world.session()).await;
        let joins = world.endpoints().len();
        let wrong = format!("sha256:{}", "0".repeat(64));
        world.settings.pins = vec![wrong.parse().expect("a pin")];
        contains(&said(&world).await, &[&wrong, &right, "tctl status"]);
        assert_eq!(world.endpoints().len(), joins, "no token goes to whom is not known: {entrance:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_do() {
    let mut world = World::new("18.5", Entrance::Proxy, Method::Token);
    world.settings.means = Means::File(world.peer.path("nothing"));
    contains(&said(&world).await, &["identity file", "No such file"]);
    world.settings.means = Means::File(world.peer.path("service-account-token"));
    contains(&said(&world).await, &["no unencrypted private key", "tbot"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ() {
    for (ahead, parts) in [
        (7200, ["is valid from", "check the clocks of both machines"]),
        (-7200, ["expired", "the clocks of both machines differ: set them right"]),
    ] {
        let mut world = World::new("19", Entrance::Proxy, Method::Token);
        world.joining().lifetime = std::time::Duration::from_secs(3600);
        world.joining().interval = std::time::Duration::from_secs(1800);
        world.control.skew(ahead);
        contains(&said(&world).await, &parts);
        let joins = world.endpoints().len();
        assert!(joins <= 2, "{joins}");
    }
}
