//! The ways to an auth server, from finding out to calling: directly, through a proxy, and within a WebSocket.
use std::sync::Arc;

use teleport_operator::target::connection::dial;
use teleport_operator::teleport::address::{Address, Environment};
use teleport_operator::teleport::anonymous;
use teleport_operator::teleport::failure::{Failure, Hop, Problem};
use teleport_operator::teleport::pin::{Pin, PinError};
use teleport_operator::teleport::ping::Suite;
use teleport_operator::teleport::route::{Discovery, Route, Undiscovered, Unpinned, Ways};
use teleport_operator::teleport::trust::Trust;
use teleport_operator::teleport::web::WebError;
use tokio::io::AsyncWriteExt;

use super::support::{
    Authority, CLUSTER, Forward, HOST_NAMES, Saw, Teleport, at, canned, forward_proxy, own_certificate,
    serve, tls,
};

const ALPN: &str = "teleport-auth@6f6e652e6578616d706c65.teleport.cluster.local";
const NAME: &str = "6f6e652e6578616d706c65.teleport.cluster.local";
const PING: &str = "/proto.AuthService/Ping";

fn ways() -> Ways {
    Ways::new(&Environment::default(), true).expect("an environment")
}

fn hello(name: &str, protocols: &[&str]) -> Saw {
    Saw::Hello(name.to_owned(), protocols.iter().map(|protocol| (*protocol).to_owned()).collect())
}

/// A Teleport, where it is, and the ways to it.
async fn all() -> Vec<(Arc<Teleport>, Route)> {
    let (at_auth, auth) = Teleport::auth().start().await;
    let (at_proxy, proxy) = Teleport::proxy(&["localhost"]).start().await;
    let behind = Teleport { is_behind_balancer: true, ..Teleport::proxy(&["localhost"]) };
    let (at_behind, behind) = behind.start().await;
    vec![
        (auth, Route::Direct(at("localhost", at_auth))),
        (proxy, Route::Proxy(at("localhost", at_proxy))),
        (behind, Route::Upgraded(at("localhost", at_behind))),
    ]
}

#[tokio::test]
async fn each_way_is_found() {
    for (_, route) in all().await {
        let found = ways().discover(route.address()).await.expect("a Teleport");
        let Discovery { route: by, cluster, version, ping } = found;
        assert_eq!((&by, cluster.as_deref()), (&route, Some(CLUSTER)));
        match &route {
            Route::Direct(_) => assert!(ping.is_none() && version.as_deref() == Some("18.2.1")),
            _ => {
                let ping = ping.expect("a proxy's");
                assert_eq!((ping.suite, version.as_deref()), (Suite::Balanced, Some("18.2.0")));
            }
        }
    }
}

/// Ways on which any port of any name leads to one server.
async fn through(address: std::net::SocketAddr, upgrade: Option<&str>) -> Ways {
    let (proxy, _) = forward_proxy(None, Forward::To(address)).await;
    let upgrade = upgrade.map(str::to_owned);
    let https_proxy = Some(format!("http://{proxy}"));
    Ways::new(&Environment { https_proxy, upgrade, ..Environment::default() }, true).expect("an environment")
}

#[tokio::test]
async fn the_likelier_is_asked_first() {
    for (teleport, at_port_443, at_port_3025) in [
        (Teleport::proxy(&["teleport.test"]), vec!["/webapi/find"], vec!["", "/webapi/find"]),
        (Teleport::auth(), vec!["/webapi/find", "", PING], vec!["", PING]),
    ] {
        let (address, teleport) = teleport.start().await;
        // The variable spares the probe.
        let ways = through(address, Some("no")).await;
        for (port, expected) in [(443, at_port_443), (3025, at_port_3025)] {
            ways.discover(&Address::try_from_port(port)).await.expect("a Teleport");
            let steps = teleport.saw().into_iter().map(|saw| match saw {
                Saw::Hello(_, protocols) if protocols == ["h2"] => String::new(),
                Saw::Hello(..) => "hello".to_owned(),
                Saw::Web(path) | Saw::Call { path, .. } => path,
            });
            let mut steps: Vec<_> = steps.filter(|step| step != "hello").collect();
            steps.dedup();
            assert_eq!(steps, expected, "port {port}");
        }
    }
}

trait Port {
    fn try_from_port(port: u16) -> Address;
}

impl Port for Address {
    fn try_from_port(port: u16) -> Address {
        format!("teleport.test:{port}").parse().expect("an address")
    }
}

#[tokio::test]
async fn the_environment_decides_about_upgrades() {
    let (address, teleport) = Teleport::proxy(&["teleport.test"]).start().await;
    for (said, upgraded) in [
        (None, false),
        (Some("yes"), true),
        (Some("teleport.test:443=yes"), true),
        (Some("other:1=yes"), false),
    ] {
        let ways = through(address, said).await;
        let found = ways.discover(&Address::try_from_port(443)).await.expect("a proxy");
        assert_eq!(matches!(found.route, Route::Upgraded(_)), upgraded, "{said:?}");
        let probed = hello("teleport.test", &["teleport-reversetunnel"]);
        assert_eq!(teleport.saw().contains(&probed), said.is_none());
    }
}

#[tokio::test]
async fn calls_go_each_way_as_who_we_are() {
    for (teleport, route) in all().await {
        let trust = Trust::Roots(vec![teleport.host.der()]);
        for user in [None, Some("bot-operator")] {
            let identity = user.map(|user| teleport.host.client(user));
            let channel = ways().auth(&route, Some(CLUSTER), &trust, identity.as_ref()).expect("a channel");
            let about = anonymous::ping(channel.clone()).await.expect("answers");
            assert_eq!(about.cluster, CLUSTER);
            let saw = teleport.saw();
            let protocols: &[&str] = if route.is_by_proxy() { &[ALPN, "h2"] } else { &["h2"] };
            assert!(saw.contains(&hello(NAME, protocols)), "{saw:?}");
            let Some(Saw::Call { path, user: seen, headers }) = saw.last() else { panic!("{saw:?}") };
            assert_eq!((path.as_str(), seen.as_deref()), (PING, user));
            // A server takes a client that does not tell its version, and may refuse one that does.
            assert!(!headers.contains(&"version".to_owned()), "{headers:?}");
            // One connection serves all calls.
            anonymous::ping(channel).await.expect("answers");
            assert!(matches!(teleport.saw()[..], [Saw::Call { .. }]));
        }
        let stranger = Trust::Roots(vec![Authority::new(CLUSTER).der()]);
        let channel = ways().auth(&route, Some(CLUSTER), &stranger, None).expect("a channel");
        let status = anonymous::ping(channel).await.expect_err("a stranger");
        match anonymous::failure(&status) {
            Some(Failure::Tls { hop: Hop::Auth, problem: Problem::UnknownAuthority { .. }, .. }) => {}
            other => panic!("{other:?}: {status:?}"),
        }
    }
}

#[tokio::test]
async fn a_long_name_of_a_cluster_needs_no_name_of_its_own() {
    let (teleport, route) = all().await.remove(0);
    let trust = Trust::Roots(vec![teleport.host.der()]);
    for (cluster, name) in [
        (Some("x".repeat(31)), format!("{}.teleport.cluster.local", "78".repeat(31))),
        (Some("x".repeat(32)), "teleport.cluster.local".to_owned()),
        (Some("x".repeat(200)), "teleport.cluster.local".to_owned()),
        (Some(String::new()), "teleport.cluster.local".to_owned()),
        (None, "teleport.cluster.local".to_owned()),
    ] {
        let channel = ways().auth(&route, cluster.as_deref(), &trust, None).expect("a channel");
        anonymous::ping(channel).await.expect("answers");
        assert_eq!(teleport.saw()[0], hello(&name, &["h2"]));
    }
    let by_proxy = Route::Proxy(route.address().clone());
    match ways().auth(&by_proxy, Some(&"x".repeat(110)), &trust, None) {
        Err(failure @ Failure::ClusterName { .. }) => {
            assert!(failure.to_string().contains("110 bytes"), "{failure}")
        }
        other => panic!("{:?}", other.err()),
    }
    ways().auth(&by_proxy, Some(&"x".repeat(109)), &trust, None).expect("a channel");
}

#[tokio::test]
async fn a_proxys_own_services_are_reached() {
    for (teleport, route) in all().await {
        if !route.is_by_proxy() {
            assert!(matches!(ways().proxy_grpc(&route), Err(Failure::NoSuchRoute)));
            assert!(matches!(ways().web(&route), Err(Failure::NoSuchRoute)));
            continue;
        }
        let channel = ways().proxy_grpc(&route).expect("a channel");
        anonymous::ping(channel).await.expect("answers");
        let name = if matches!(route, Route::Upgraded(_)) { "teleport.cluster.local" } else { "localhost" };
        let saw = teleport.saw();
        assert!(saw.contains(&hello(name, &["teleport-proxy-grpc", "h2"])), "{saw:?}");
    }
}

#[tokio::test]
async fn pins_are_checked_each_way() {
    for (teleport, route) in all().await {
        let pin = Pin::of(&teleport.host.der()).expect("a pin");
        let other = Pin::of(&Authority::new(CLUSTER).der()).expect("a pin");
        let found = ways().pinned(&route, Some(CLUSTER), &[other, pin]).await.expect("pinned");
        assert_eq!(found, [teleport.host.der()]);
        match ways().pinned(&route, Some(CLUSTER), &[other]).await {
            Err(Unpinned::Pin(PinError::Unpinned { pinned, seen })) => {
                assert_eq!((pinned, seen), (vec![other], vec![pin]))
            }
            other => panic!("{other:?}"),
        }
        if route.is_by_proxy() {
            let failed =
                ways().pinned(&route, Some("two.example"), &[pin]).await.expect_err("no such cluster");
            assert!(
                matches!(&failed, Unpinned::Failure(Failure::Tls { problem: Problem::Closed, .. })),
                "{failed:?}"
            );
            assert!(failed.to_string().contains("does not know the cluster by this name"), "{failed}");
        }
    }
}

#[tokio::test]
async fn a_channel_dials_anew_when_its_connection_is_lost() {
    let (inner, teleport) = Teleport::proxy(&["localhost"]).start().await;
    let cuts = Arc::new(tokio::sync::Notify::new());
    let cut = Arc::clone(&cuts);
    let outer = serve(move |mut stream| {
        let cut = Arc::clone(&cut);
        async move {
            let mut onward = tokio::net::TcpStream::connect(inner).await.expect("connects");
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut stream, &mut onward) => {}
                () = cut.notified() => {}
            }
        }
    })
    .await;
    let route = Route::Proxy(at("localhost", outer));
    let trust = Trust::Roots(vec![teleport.host.der()]);
    let channel = ways().auth(&route, Some(CLUSTER), &trust, None).expect("a channel");
    for _ in 0..3 {
        anonymous::ping(channel.clone()).await.expect("answers");
        cuts.notify_waiters();
        // The client has to see the end of it; until then a call may still fail.
        let mut tries = 0;
        while let Err(status) = anonymous::ping(channel.clone()).await {
            tries += 1;
            assert!(tries < 100, "{status:?}");
            tokio::task::yield_now().await;
        }
    }
}

async fn undiscovered(address: &Address, insecure: bool) -> Undiscovered {
    let ways = Ways::new(&Environment::default(), insecure).expect("an environment");
    ways.discover(address).await.expect_err("no Teleport")
}

#[tokio::test]
async fn what_is_no_teleport_is_told() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>Welcome</title>".to_vec();
    let (address, _) = canned(own_certificate(&["localhost"], 1), page).await;
    let error = undiscovered(&at("localhost", address), true).await;
    assert!(matches!(error, Undiscovered::NoProxy(WebError::Html { .. })), "{error:?}");

    let (address, _) = Teleport::proxy(&["elsewhere.example"]).start().await;
    let error = undiscovered(&at("localhost", address), false).await;
    match &error {
        Undiscovered::NoProxy(WebError::Failure(Failure::Tls { hop: Hop::Web, problem, .. })) => {
            assert!(matches!(problem, Problem::UnknownAuthority { .. }), "{problem:?}");
        }
        other => panic!("{other:?}"),
    }

    let plain = serve(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let error = undiscovered(&at("localhost", plain), true).await.to_string();
    assert!(error.contains("does not speak TLS"), "{error}");

    // An auth server with an old certificate is an auth server all the same.
    let old = Authority::new(CLUSTER).server_in(&HOST_NAMES, -2, -1);
    let error = undiscovered(&at("localhost", tls(old.config(&["h2"], None)).await), true).await;
    match &error {
        Undiscovered::Failure(Failure::Tls { problem: Problem::Expired { .. }, .. }) => {
            assert!(error.to_string().contains("clock"), "{error}");
        }
        other => panic!("{other:?}"),
    }

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = at("localhost", free.local_addr().expect("bound"));
    drop(free);
    let error = undiscovered(&address, true).await;
    assert!(matches!(error, Undiscovered::Failure(Failure::Tcp { .. })), "{error:?}");
}

#[tokio::test]
async fn a_proxys_own_certificate_in_a_file_is_enough() {
    let teleport = Teleport::proxy(&["localhost"]);
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("proxy.pem");
    std::fs::write(&file, pem(&teleport.web.certificate)).expect("writes");
    let (address, _) = teleport.start().await;
    let environment = Environment { certificate_file: Some(file.into()), ..Environment::default() };
    let ways = Ways::new(&environment, false).expect("an environment");
    let found = ways.discover(&at("localhost", address)).await.expect("a proxy");
    anonymous::ping(ways.proxy_grpc(&found.route).expect("a channel")).await.expect("answers");
    // By another name it is not trusted, and the names that it has are told.
    let error = ways.discover(&at("127.0.0.1", address)).await.expect_err("another name").to_string();
    assert!(error.contains("the certificate is not for `127.0.0.1` but for `localhost`"), "{error}");
}

fn pem(certificate: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn what_is_shown_can_be_looked_at() {
    for (_, route) in all().await {
        let shown = ways().shown(&route).await.expect("TLS");
        let [server] = &shown[..] else { panic!("{shown:?}") };
        let names: Vec<_> = server.names.iter().map(String::as_str).collect();
        match route {
            Route::Direct(_) => {
                assert_eq!(names, HOST_NAMES);
                assert!(server.issuer.contains(CLUSTER) && server.until > server.from, "{server:?}");
            }
            _ => assert!(names == ["localhost"] && server.issuer == server.subject, "{server:?}"),
        }
    }
}

#[tokio::test]
async fn a_load_balancer_that_lets_no_websocket_pass_is_told() {
    let page = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (address, seen) = canned(own_certificate(&["localhost"], 1), page).await;
    let route = Route::Upgraded(at("localhost", address));
    for channel in [ways().auth(&route, Some(CLUSTER), &Trust::Insecure, None), ways().proxy_grpc(&route)] {
        let status = anonymous::ping(channel.expect("a channel")).await.expect_err("no upgrade");
        let failure = anonymous::failure(&status).expect("a failure of ours");
        assert!(matches!(failure, Failure::Upgrade { .. }), "{failure:?}");
        let text = failure.to_string();
        assert!(text.contains("HTTP status 403 (text/html)") && text.contains("WebSockets"), "{text}");
    }
    assert!(seen.lock().unwrap()[0].starts_with("GET /webapi/connectionupgrade HTTP/1.1\r\n"));
}

#[test]
fn what_grpc_speaks_is_what_is_offered() {
    assert_eq!(dial::PROTOCOLS, ["h2"]);
}
