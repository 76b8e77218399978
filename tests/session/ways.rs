//! Every way in that a generation of Teleport has, through every entrance, and renewals under calls.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use teleport_operator::target::connection::{Connection, Trouble};
use tokio::time::sleep;

use crate::{Entrance, Method, World, eventually, joined};

/// Joins, and is renewed three times while calls go on, none of which fails. Gives the endpoints that were asked.
async fn stays(profile: &str, entrance: Entrance, method: Method) -> World {
    let world = World::new(profile, entrance, method);
    let session = world.session();
    let standing = joined(&session).await;
    let who = standing.who.expect("joined");
    assert_eq!((who.user.as_str(), who.roles.as_slice()), ("bot-operator", &["operator".to_owned()][..]));
    assert_eq!(who.cluster, "teleport.example.com");
    let (client, calls, stop) =
        (world.client(&session), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, stopped) = (Arc::clone(&calls), Arc::clone(&stop));
    let busy = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            client.facts().await.expect("no call fails while credentials are renewed");
            counted.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(10)).await;
        }
    });
    let number = session.link().await.expect("a channel").number;
    let mut expiries = std::collections::BTreeSet::new();
    let standing = session.standing();
    eventually("renewed three times", || {
        expiries.insert(standing.borrow().who.as_ref().expect("somebody").until);
        expiries.len() >= 4
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    busy.await.expect("all calls went well");
    assert!(calls.load(Ordering::Relaxed) > 10);
    assert!(session.link().await.expect("a channel").number >= number + 3);
    assert_eq!(session.standing().borrow().trouble, None);
    for join in world.control.joins() {
        let lacks = join.error.contains("not yet implemented");
        assert!(join.error.is_empty() || lacks, "{profile} {entrance:?} {method}: {join:?}");
    }
    world
}

/// Where a first join and a later one are to arrive.
async fn arrives(profile: &str, entrance: Entrance, method: Method, first: &str, later: &str) {
    let world = stays(profile, entrance, method).await;
    let joins = world.control.joins();
    let came = |join: &crate::joining::Join| join.endpoint != "roles" && join.error.is_empty();
    let endpoints: Vec<_> =
        joins.iter().filter(|join| came(join)).map(|join| join.endpoint.as_str()).collect();
    let case = format!("{profile} {entrance:?} {method}");
    assert_eq!(endpoints.first(), Some(&first), "{case}");
    assert!(
        endpoints.len() >= 4 && endpoints[1..].iter().all(|endpoint| *endpoint == later),
        "{case}: {endpoints:?}"
    );
    if method == Method::Token {
        let generations: Vec<_> =
            joins.iter().filter(|join| came(join)).map(|join| join.generation).collect();
        assert!(generations.is_sorted() && generations[0] == 1, "{case}: {generations:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn teleport_15_takes_bots_over_http_alone() {
    use Entrance::{Auth, Balancer, Proxy};
    arrives("15", Auth, Method::Token, "auth-http", "renewal").await;
    arrives("15", Proxy, Method::Kubernetes, "proxy-http", "proxy-http").await;
    arrives("15", Balancer, Method::Token, "proxy-http", "renewal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn teleport_17_goes_on_with_a_bot_that_joins_again() {
    use Entrance::{Auth, Proxy};
    arrives("17", Auth, Method::Kubernetes, "auth-register", "auth-register").await;
    arrives("17", Proxy, Method::Kubernetes, "proxy-http", "auth-register").await;
    let world = stays("17", Proxy, Method::Kubernetes).await;
    let joins: Vec<_> = world.control.joins().into_iter().filter(crate::joining::Join::is_join).collect();
    assert!(joins.iter().all(|join| join.instance == joins[0].instance), "{joins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_way_is_taken_where_it_is_there() {
    use Entrance::{Auth, Balancer, Proxy};
    // The service is there, but only for one method.
    arrives("18.3", Proxy, Method::Kubernetes, "proxy-http", "auth-register").await;
    arrives("18.3", Balancer, Method::Token, "proxy-join", "renewal").await;
    arrives("19", Auth, Method::Kubernetes, "auth-join", "auth-join").await;
    arrives("20", Proxy, Method::Kubernetes, "proxy-join", "auth-join").await;
    arrives("20", Balancer, Method::Kubernetes, "proxy-join", "auth-join").await;
}

#[tokio::test]
async fn a_call_keeps_the_channel_that_it_has() {
    let mut world = World::new("19", Entrance::Auth, Method::Kubernetes);
    // No renewal comes in between.
    world.joining().lifetime = Duration::from_secs(3600);
    world.joining().interval = Duration::from_secs(1800);
    let session = world.session();
    joined(&session).await;
    world.control.inject(&serde_json::json!({"method": "Ping", "latency_ms": 700, "times": 1}));
    let (client, swapped) = (world.client(&session), session.clone());
    let call = tokio::spawn(async move { client.facts().await });
    sleep(Duration::from_millis(200)).await;
    let before = swapped.link().await.expect("a channel");
    swapped.report(before.number, Trouble::Silent);
    assert!(swapped.link().await.expect("a channel").number > before.number);
    call.await.expect("no panic").expect("the call ends on the channel that it began on");
}
