//! Answers of the web API, and of what stands where one should be.
use std::sync::{Arc, Mutex};

use teleport_operator::teleport::address::Environment;
use teleport_operator::teleport::failure::{Failure, Problem};
use teleport_operator::teleport::ping::Suite;
use teleport_operator::teleport::route::{Route, Ways};
use teleport_operator::teleport::web::{LIMIT, Web, WebError};
use zeroize::Zeroizing;

use super::support::{PING, at, canned, own_certificate};

/// The web API of a server that answers so.
async fn server(answer: impl Into<Vec<u8>>) -> (Web, Arc<Mutex<Vec<String>>>) {
    let (address, seen) = canned(own_certificate(&["localhost"], 1), answer.into()).await;
    let ways = Ways::new(&Environment::default(), true).expect("an environment");
    (ways.web(&Route::Proxy(at("localhost", address))).expect("a proxy"), seen)
}

fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
}

async fn failure(answer: impl Into<Vec<u8>>) -> WebError {
    server(answer).await.0.find().await.expect_err("no proxy's answer")
}

#[tokio::test]
async fn a_proxy_is_asked_and_read() {
    let (web, seen) = server(answer("200 OK", "application/json; charset=utf-8", PING)).await;
    let ping = web.find().await.expect("an answer");
    assert_eq!((ping.cluster.as_deref(), ping.version.as_deref()), (Some("one.example"), Some("18.2.0")));
    assert_eq!((ping.suite, ping.tls_routing), (Suite::Balanced, Some(true)));
    assert_eq!(web.ping().await.expect("an answer"), ping);
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("GET /webapi/find HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[1].starts_with("GET /webapi/ping HTTP/1.1\r\n"), "{}", seen[1]);
    assert!(seen[0].contains("host: localhost:") && !seen[0].contains("content-type"), "{}", seen[0]);
}

#[tokio::test]
async fn json_is_posted_and_answered() {
    let (web, seen) = server(answer("200 OK", "application/json", r#"{"tls":"eA=="}"#)).await;
    let body = Zeroizing::new(br#"{"token":"hunter2"}"#.to_vec());
    let answer = web.post_json("/v1/webapi/host/credentials", body).await.expect("an answer");
    assert_eq!(answer, r#"{"tls":"eA=="}"#);
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("POST /v1/webapi/host/credentials HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[0].contains("content-type: application/json\r\n"), "{}", seen[0]);
    assert!(seen[0].ends_with("\r\n\r\n{\"token\":\"hunter2\"}"), "{}", seen[0]);
}

#[tokio::test]
async fn what_teleport_says_when_it_says_no_is_kept() {
    let json = "application/json";
    for (status, number, body, expected) in [
        (
            "403 Forbidden",
            403,
            r#"{"error":{"message":"token expired\n\tor not found"}}"#,
            Some("token expired or not found"),
        ),
        ("429 Too Many Requests", 429, r#"{"message":"rate limit exceeded"}"#, Some("rate limit exceeded")),
        ("404 Not Found", 404, r#"{"error":"no such path"}"#, Some("no such path")),
        ("500 Internal Server Error", 500, r#"{"error":{}}"#, None),
        ("400 Bad Request", 400, "nonsense", None),
    ] {
        match failure(answer(status, json, body)).await {
            error @ WebError::Status { .. } => {
                let text = error.to_string();
                let WebError::Status { status, message, .. } = error else { unreachable!() };
                assert_eq!((status, message.as_deref()), (number, expected));
                assert!(text.contains(&format!("/webapi/find answers with HTTP status {number}")), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "ä".repeat(100_000));
    let text = failure(answer("400 Bad Request", json, &long)).await.to_string();
    assert!(text.chars().count() < 700, "{}", text.len());
}

#[tokio::test]
async fn a_page_for_people_is_told_with_its_title() {
    let page = "<!DOCTYPE html>\n<html><head><TITLE lang=en>Sign  in\n</TITLE></head></html>";
    for (status, number, content_type, body, expected) in [
        ("200 OK", 200, "text/html; charset=utf-8", page, Some("Sign in")),
        ("503 Service Unavailable", 503, "text/html", "<html><title></title>", None),
        ("502 Bad Gateway", 502, "text/plain", "  <HTML><title>502 İ Bad", None),
        ("200 OK", 200, "", page, Some("Sign in")),
    ] {
        match failure(answer(status, content_type, body)).await {
            WebError::Html { status, title, .. } => {
                assert_eq!((status, title.as_deref()), (number, expected))
            }
            other => panic!("{other:?}"),
        }
    }
    let text = failure(answer("200 OK", "text/html", page)).await.to_string();
    assert!(text.contains("answers with a web page, `Sign in` (HTTP status 200)"), "{text}");
}

#[tokio::test]
async fn what_is_no_teleport_is_told() {
    let not_json = failure(answer("200 OK", "text/plain", "hello")).await;
    let other = failure(answer("200 OK", "application/json", r#"{"ok":true}"#)).await;
    for error in [not_json, other] {
        assert!(matches!(error, WebError::NotTeleport { .. }), "{error:?}");
        assert!(error.to_string().contains("not as Teleport does"), "{error}");
    }
    let away = "HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n";
    match failure(away).await {
        WebError::Redirect { status: 302, location, .. } => assert_eq!(location, "https://login.example/"),
        other => panic!("{other:?}"),
    }
    for broken in ["", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let error = failure(broken).await;
        assert!(matches!(error, WebError::Broken { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn no_answer_is_too_long() {
    let body = " ".repeat(LIMIT + 1);
    let told = answer("200 OK", "application/json", &body);
    let untold = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
    for long in [told, untold, chunked] {
        let error = failure(long).await;
        assert!(matches!(error, WebError::TooLarge { .. }), "{error:?}");
    }
    // A promise alone takes no memory.
    let promised =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18446744073709551614\r\n\r\n{";
    let error = failure(promised).await;
    assert!(matches!(error, WebError::TooLarge { .. } | WebError::Broken { .. }), "{error:?}");
    let headers = format!("HTTP/1.1 200 OK\r\n{}", "X-Long: 0123456789\r\n".repeat(1 << 16));
    let error = failure(headers).await;
    assert!(matches!(error, WebError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_must_be_trusted() {
    let (address, seen) =
        canned(own_certificate(&["localhost"], 1), answer("200 OK", "application/json", PING).into()).await;
    let ways = Ways::new(&Environment::default(), false).expect("an environment");
    let web = ways.web(&Route::Proxy(at("localhost", address))).expect("a proxy");
    let error = web.find().await.expect_err("nobody knows it");
    match &error {
        WebError::Failure(Failure::Tls { problem: Problem::UnknownAuthority { subject, .. }, .. }) => {
            assert!(subject.contains("CN=localhost"), "{subject}");
        }
        other => panic!("{other:?}"),
    }
    assert!(
        error.to_string().contains("signed by itself") && error.to_string().contains("SSL_CERT_FILE"),
        "{error}"
    );
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_not_awaited_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let ways = Ways::new(&Environment::default(), true).expect("an environment");
    let web = ways.web(&Route::Proxy(at("127.0.0.1", address))).expect("a proxy");
    match web.find().await {
        Err(WebError::Failure(failure @ Failure::Silent { .. })) => {
            assert!(failure.to_string().contains("does not answer"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
}
