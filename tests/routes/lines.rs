//! What a person reads when there is no way: one line each, with the values seen and what to do.
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::AlertDescription;
use teleport_operator::teleport::address::Address;
use teleport_operator::teleport::failure::{Answer, Failure, Hop, Problem};
use teleport_operator::teleport::pin::{Pin, PinError};
use teleport_operator::teleport::route::Unpinned;
use teleport_operator::teleport::trust::TrustError;
use teleport_operator::teleport::web::WebError;
use time::macros::datetime;

fn tls(hop: Hop, problem: Problem) -> String {
    let (address, cause) = ("teleport.example.com:443".to_owned(), Arc::new(io::Error::other("cause")));
    Failure::Tls { address, hop, problem, cause }.to_string()
}

fn forward(answer: Answer) -> String {
    let (proxy, address) = ("proxy.corp:3128".to_owned(), "teleport.example.com:443".to_owned());
    Failure::Forward { proxy, address, answer }.to_string()
}

fn upgrade(answer: Answer) -> String {
    Failure::Upgrade { address: "teleport.example.com:443".to_owned(), answer }.to_string()
}

fn status(status: u16) -> Answer {
    Answer::Status { status, content_type: Some("text/html".to_owned()) }
}

fn pin(digit: &str) -> Pin {
    format!("sha256:{}", digit.repeat(64)).parse().expect("a pin")
}

#[test]
fn each_failure_is_one_line_that_says_what_to_do() {
    let name = |text: &str| text.to_owned();
    let unknown = |subject, issuer| Problem::UnknownAuthority {
        subject: name(subject),
        issuer: name(issuer),
        trusted: name("the authorities that this machine trusts"),
    };
    let ours = Problem::UnknownAuthority {
        subject: name("CN=node"),
        issuer: name("O=other.example"),
        trusted: name("the identity's authorities"),
    };
    let wrong = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Problem::WrongName { asked: name("teleport.example.com"), names }
    };
    let (now, other) = (datetime!(2026-11-25 12:00 UTC), datetime!(2026-11-24 12:00 UTC));
    let (expired, early) =
        (Problem::Expired { until: other, now }, Problem::NotYetValid { from: now, now: other });
    let url = || name("https://teleport.example.com:443/webapi/find");
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let lines = [
        "teleport.example.com".parse::<Address>().map_err(Failure::from).expect_err("no port").to_string(),
        Failure::BadForward.to_string(),
        Failure::Dns {
            host: name("teleport.example.com"),
            source: Arc::new(io::Error::other("Name or service not known")),
        }
        .to_string(),
        Failure::Tcp { address: name("teleport.example.com:443"), source: Arc::new(refused) }.to_string(),
        Failure::Silent {
            address: name("teleport.example.com:443"),
            step: "TCP",
            patience: Duration::from_secs(5),
        }
        .to_string(),
        tls(Hop::Web, unknown("CN=teleport.example.com", "CN=Company CA")),
        tls(Hop::Web, unknown("CN=localhost", "CN=localhost")),
        tls(Hop::Web, wrong(&["localhost", "127.0.0.1"])),
        tls(Hop::Web, wrong(&["a", "b", "c", "d", "e", "f", "g"])),
        tls(Hop::Web, wrong(&[])),
        tls(Hop::Web, expired.clone()),
        tls(Hop::Web, early.clone()),
        tls(Hop::Web, Problem::NotTls),
        tls(Hop::Web, Problem::Closed),
        tls(Hop::Web, Problem::Refused(AlertDescription::NoApplicationProtocol)),
        tls(Hop::Auth, ours),
        tls(Hop::Auth, wrong(&["teleport.example.com"])),
        tls(Hop::Auth, expired),
        tls(Hop::Auth, early),
        tls(Hop::Auth, Problem::NotTls),
        tls(Hop::Auth, Problem::Closed),
        tls(Hop::Auth, Problem::Refused(AlertDescription::UnknownCA)),
        tls(Hop::Auth, Problem::Refused(AlertDescription::ProtocolVersion)),
        tls(Hop::Auth, Problem::Certificate(name("BadEncoding"))),
        tls(Hop::Forward, unknown("CN=proxy.corp", "CN=Company CA")),
        forward(status(403)),
        forward(status(407)),
        forward(Answer::Broken(Arc::new(io::Error::other("connection closed before message completed")))),
        upgrade(status(403)),
        upgrade(status(404)),
        Failure::ClusterName { cluster: "x".repeat(110) }.to_string(),
        Failure::NoSuchRoute.to_string(),
        Failure::Trust(TrustError::NoRoots(name("SSL_CERT_FILE=/ca.pem: No such file"))).to_string(),
        WebError::Silent { url: url() }.to_string(),
        WebError::TooLarge { url: url() }.to_string(),
        WebError::Redirect { url: url(), status: 302, location: name("https://login.example/") }.to_string(),
        WebError::Html { url: url(), status: 200, title: Some(name("Sign in")) }.to_string(),
        WebError::Html { url: url(), status: 502, title: None }.to_string(),
        WebError::Status {
            url: url(),
            status: 429,
            message: Some(name("rate limit exceeded")),
            content_type: None,
        }
        .to_string(),
        WebError::Status { url: url(), status: 404, message: None, content_type: Some(name("text/plain")) }
            .to_string(),
        WebError::NotTeleport { url: url(), content_type: Some(name("text/plain")) }.to_string(),
        Unpinned::from(PinError::NoAuthorities).to_string(),
        Unpinned::from(PinError::Unpinned { pinned: vec![pin("a")], seen: vec![pin("b"), pin("c")] })
            .to_string(),
        Unpinned::Refused { code: tonic::Code::Unimplemented, message: name("unknown service") }.to_string(),
    ];
    for line in &lines {
        assert!(!line.contains('\n') && (line.contains("; ") || line.contains(": ")), "{line}");
    }
    insta::assert_snapshot!(lines.join("\n"));
}
