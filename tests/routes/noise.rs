//! Any bytes at all where a server should answer: nothing panics, hangs, or takes what it likes of memory.
use proptest::prelude::*;
use teleport_operator::teleport::address::Environment;
use teleport_operator::teleport::route::{Route, Ways};
use teleport_operator::teleport::upgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

fn run<F: Future<Output = ()>>(future: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future);
}

/// What the web API makes of an answer of these bytes.
async fn answered(answer: Vec<u8>) {
    let ways = Ways::new(&Environment::default(), true).expect("an environment");
    let route = Route::Proxy("localhost:1".parse().expect("an address"));
    let (near, mut far) = duplex(1 << 12);
    let answering = tokio::spawn(async move {
        let _ = far.read(&mut [0; 4096]).await;
        let _ = far.write_all(&answer).await;
    });
    let _ = ways.web(&route).expect("a proxy").get_over(near, "/webapi/find").await;
    answering.abort();
}

/// What comes out of a WebSocket whose server sends these bytes after the upgrade.
async fn framed(bytes: Vec<u8>) -> usize {
    let (near, mut far) = duplex(1 << 12);
    let answering = tokio::spawn(async move {
        let mut request = vec![0; 4096];
        let read = far.read(&mut request).await.expect("a request");
        let request = String::from_utf8_lossy(&request[..read]).into_owned();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: alpn-ping\r\n\r\n"
        );
        far.write_all(head.as_bytes()).await.expect("writes");
        let _ = far.write_all(&bytes).await;
        let _ = far.shutdown().await;
        let _ = tokio::io::copy(&mut far, &mut tokio::io::sink()).await;
    });
    let mut stream = upgrade::websocket(near, "teleport.test:443").await.expect("upgrades");
    let (mut total, mut buffer) = (0, [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        total += read;
    }
    answering.abort();
    total
}

/// Bytes that look like an answer, more or less.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("HTTP/1.1 200 OK\r\n".to_owned()),
        Just("HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        Just("HTTP/1.1 101 Switching Protocols\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Content-Type: text/html\r\n".to_owned()),
        "Content-Length: [0-9]{1,20}\r\n",
        "[0-9a-f]{1,17}\r\n",
        "[a-zA-Z-]{0,9}: \\PC{0,20}\r\n",
        Just("\r\n".to_owned()),
        Just("<html><title>".to_owned()),
    ];
    let part = prop_oneof![
        3 => line.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Bytes that look like frames, more or less.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let sound =
        (prop_oneof![Just(2_u8), Just(0), Just(1), Just(8), Just(9), Just(10)], any::<bool>(), 0_u8..125)
            .prop_map(|(opcode, is_final, length)| {
                let mut frame = vec![opcode | if is_final { 0x80 } else { 0 }, length];
                frame.extend(std::iter::repeat_n(b'x', usize::from(length)));
                frame
            });
    let part = prop_oneof![3 => sound, 1 => prop::collection::vec(any::<u8>(), 0..20)];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_http_answer_is_too_broken(answer in answer()) {
        run(answered(answer));
    }

    #[test]
    fn no_websocket_frame_is_too_broken(bytes in frames()) {
        let sent = bytes.len();
        run(async move {
            let came = framed(bytes).await;
            assert!(came <= sent, "{came} of {sent}");
        });
    }
}
