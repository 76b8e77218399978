//! Through a forward proxy, as the environment says.
use teleport_operator::teleport::address::{Address, Environment};
use teleport_operator::teleport::dialer::Dialer;
use teleport_operator::teleport::failure::{Answer, Failure, Hop, Problem};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{Authority, Forward, forward_proxy, serve};

fn environment(proxy: &str) -> Environment {
    Environment { https_proxy: Some(proxy.to_owned()), ..Environment::default() }
}

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

/// What comes back of what is said there.
async fn echo(dialer: &Dialer, to: &Address) -> Result<Vec<u8>, Failure> {
    let mut stream = dialer.open(to).await?;
    stream.write_all(b"hello").await.expect("writes");
    let mut answer = vec![0; 5];
    stream.read_exact(&mut answer).await.expect("reads");
    Ok(answer)
}

async fn echo_server() -> std::net::SocketAddr {
    serve(|mut stream| async move {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await
}

#[tokio::test]
async fn a_proxy_connects_on() {
    let (proxy, seen) = forward_proxy(None, Forward::To(echo_server().await)).await;
    for url in [format!("http://{proxy}"), format!("http://{proxy}/"), proxy.to_string()] {
        let dialer = Dialer::new(&environment(&url)).expect("a proxy");
        let answer = echo(&dialer, &address("teleport.test:443")).await.expect("connects");
        assert_eq!(answer, b"hello");
    }
    let requests = seen.lock().unwrap().clone();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(request.starts_with("CONNECT teleport.test:443 HTTP/1.1\r\n"), "{request}");
        assert!(request.to_lowercase().contains("host: teleport.test:443\r\n"), "{request}");
        assert!(!request.to_lowercase().contains("authorization"), "{request}");
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let refusal =
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
    let (proxy, seen) = forward_proxy(None, Forward::Answer(refusal)).await;
    let dialer = Dialer::new(&environment(&format!("http://me:hunter%32@{proxy}"))).expect("a proxy");
    let failure = echo(&dialer, &address("teleport.test:443")).await.expect_err("refused");
    let request = seen.lock().unwrap()[0].clone();
    assert!(request.contains("Basic bWU6aHVudGVyMg=="), "{request}");
    match &failure {
        Failure::Forward { proxy: shown, address, answer: Answer::Status { status: 407, content_type } } => {
            assert_eq!((shown, address.as_str()), (&proxy.to_string(), "teleport.test:443"));
            assert_eq!(content_type.as_deref(), Some("text/html"));
        }
        other => panic!("{other:?}"),
    }
    let text = format!("{failure} {failure:?}");
    assert!(text.contains("user and a password") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn what_a_proxy_answers_is_told() {
    let answers: [(&[u8], &str); 5] = [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden", "HTTP status 403"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP status 502"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "does not connect to teleport.test:443"),
        (b"", "does not connect to teleport.test:443"),
        (b"HTTP/1.1 200 OK", "does not connect to teleport.test:443"),
    ];
    for (answer, expected) in answers {
        let (proxy, _) = forward_proxy(None, Forward::Answer(answer)).await;
        let dialer = Dialer::new(&environment(&format!("http://{proxy}"))).expect("a proxy");
        let failure = echo(&dialer, &address("teleport.test:443")).await.expect_err("refused");
        let text = failure.to_string();
        assert!(matches!(failure, Failure::Forward { .. }) && failure.is_before_tls(), "{text}");
        assert!(text.contains(expected) && text.contains("NO_PROXY"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_may_want_tls_itself() {
    let authority = Authority::new("company");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).expect("writes");
    let pair = authority.server(&["127.0.0.1"]);
    let (proxy, _) = forward_proxy(Some(pair), Forward::To(echo_server().await)).await;
    let mut environment = environment(&format!("https://{proxy}"));
    environment.certificate_folders = Some(folder.path().join("none").into());
    environment.certificate_file = Some(file.into());
    let dialer = Dialer::new(&environment).expect("a proxy");
    assert_eq!(echo(&dialer, &address("teleport.test:443")).await.expect("connects"), b"hello");

    let stranger = Authority::new("stranger").server(&["127.0.0.1"]);
    let (proxy, _) = forward_proxy(Some(stranger), Forward::Answer(b"")).await;
    environment.https_proxy = Some(format!("https://{proxy}"));
    let dialer = Dialer::new(&environment).expect("a proxy");
    let failure = echo(&dialer, &address("teleport.test:443")).await.expect_err("a stranger");
    let problem = match &failure {
        Failure::Tls { hop: Hop::Forward, problem, .. } => problem,
        other => panic!("{other:?}"),
    };
    assert!(matches!(problem, Problem::UnknownAuthority { .. }), "{failure}");
}

/// What a SOCKS proxy does in one exchange: the bytes that it awaits and those that it answers.
async fn socks_proxy(exchange: Vec<(Vec<u8>, Vec<u8>)>) -> std::net::SocketAddr {
    serve(move |mut stream| {
        let exchange = exchange.clone();
        async move {
            for (awaited, answer) in exchange {
                let mut read = vec![0; awaited.len()];
                stream.read_exact(&mut read).await.expect("reads");
                assert_eq!(read, awaited);
                stream.write_all(&answer).await.expect("writes");
            }
            let (mut reader, mut writer) = stream.split();
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_proxy_may_speak_socks() {
    let connect = [&[5, 1, 0, 3, 13][..], b"teleport.test", &[1, 187]].concat();
    let done = vec![5, 0, 0, 1, 127, 0, 0, 1, 1, 187];
    let open = vec![(vec![5, 1, 0], vec![5, 0]), (connect.clone(), done.clone())];
    let password = [&[1, 2][..], b"me", &[7], b"hunter2"].concat();
    let closed = vec![(vec![5, 1, 2], vec![5, 2]), (password, vec![1, 0]), (connect.clone(), done)];
    for (user, exchange) in [("", open), ("me:hunter2@", closed)] {
        let proxy = socks_proxy(exchange).await;
        let dialer = Dialer::new(&environment(&format!("socks5://{user}{proxy}"))).expect("a proxy");
        assert_eq!(echo(&dialer, &address("teleport.test:443")).await.expect("connects"), b"hello");
    }
    let refused = vec![(vec![5, 1, 0], vec![5, 0]), (connect, vec![5, 2, 0, 1, 0, 0, 0, 0, 0, 0])];
    let proxy = socks_proxy(refused).await;
    let dialer = Dialer::new(&environment(&format!("socks5://{proxy}"))).expect("a proxy");
    let failure = echo(&dialer, &address("teleport.test:443")).await.expect_err("refused");
    assert!(matches!(failure, Failure::Forward { .. }), "{failure:?}");
    assert!(failure.to_string().contains(&format!("the proxy {proxy} of HTTPS_PROXY")), "{failure}");
}

#[tokio::test]
async fn exceptions_go_straight() {
    let echo_server = echo_server().await;
    let (proxy, seen) = forward_proxy(None, Forward::To(echo_server)).await;
    let port = echo_server.port();
    // Loopback is never asked of another machine.
    let dialer = Dialer::new(&environment(&format!("http://{proxy}"))).expect("a proxy");
    echo(&dialer, &address(&format!("127.0.0.1:{port}"))).await.expect("connects");
    assert_eq!(seen.lock().unwrap().len(), 0);
    for (no_proxy, straight) in [
        ("*", true),
        ("teleport.invalid", true),
        (".invalid", true),
        ("*.invalid", true),
        ("other.example, teleport.invalid", true),
        ("teleport.invalid:443", true),
        ("teleport.invalid:444", false),
        ("other.example", false),
        ("invalid.teleport", false),
        ("10.0.0.0/8", false),
        ("", false),
    ] {
        let https_proxy = Some(format!("http://{proxy}"));
        let no_proxy = Some(no_proxy.to_owned());
        let dialer =
            Dialer::new(&Environment { https_proxy, no_proxy: no_proxy.clone(), ..Environment::default() });
        seen.lock().unwrap().clear();
        let outcome = echo(&dialer.expect("a proxy"), &address("teleport.invalid:443")).await;
        assert_eq!(seen.lock().unwrap().is_empty(), straight, "{no_proxy:?}");
        // Such a name exists nowhere.
        assert_eq!(outcome.is_err(), straight, "{no_proxy:?}");
    }
}

#[test]
fn what_is_no_proxy_is_said() {
    for bad in ["ftp://a:1", "http://", "::", "socks4://a:1", "a b"] {
        let failure = Dialer::new(&environment(bad)).err().expect(bad);
        assert!(failure.to_string().contains("HTTPS_PROXY holds no address of a proxy"), "{failure}");
    }
    Dialer::new(&environment(" ")).expect("none");
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let dialer = Dialer::new(&Environment::default()).expect("no proxy");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    for host in ["127.0.0.1", "localhost"] {
        let text = echo(&dialer, &address(&format!("{host}:{port}"))).await.expect_err("refused").to_string();
        assert!(text.starts_with(&format!("cannot connect to {host}:{port}: Connection refused")), "{text}");
    }
    match echo(&dialer, &address("teleport.invalid:443")).await {
        Err(failure @ Failure::Dns { .. }) => {
            assert!(failure.to_string().contains("`teleport.invalid`"), "{failure}")
        }
        other => panic!("{other:?}"),
    }
}
