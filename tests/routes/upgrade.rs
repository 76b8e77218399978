//! Connection upgrades: when they are needed, and the stream within a WebSocket.
use std::net::SocketAddr;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use teleport_operator::teleport::address::Environment;
use teleport_operator::teleport::dialer::Dialer;
use teleport_operator::teleport::failure::Answer;
use teleport_operator::teleport::upgrade::{self, LONGEST};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::FrameHeader};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::support::{at, own_certificate, serve, tls};

#[test]
fn the_environment_decides() {
    let address = "teleport.example.com:443".parse().expect("an address");
    for (variable, expected) in [
        (None, None),
        (Some("true"), Some(true)),
        (Some("YES"), Some(true)),
        (Some("0"), Some(false)),
        (Some("off"), Some(false)),
        (Some("teleport.example.com:443=yes"), Some(true)),
        (Some("other:443=yes"), Some(false)),
        (Some("other:443=no; teleport.example.com:443 = 1"), Some(true)),
        (Some("true,teleport.example.com:443=no"), Some(false)),
        (Some("0,other:443=1"), Some(false)),
        (Some("on,other:443=0"), Some(true)),
        (Some("perhaps"), Some(false)),
        (Some("yes,teleport.example.com:443=perhaps"), Some(false)),
        (Some(""), Some(false)),
        (Some(" , ;"), Some(false)),
    ] {
        assert_eq!(upgrade::said(variable, &address), expected, "{variable:?}");
    }
}

async fn is_needed(address: SocketAddr) -> bool {
    let dialer = Dialer::new(&Environment::default()).expect("no proxy");
    upgrade::is_needed(&dialer, &at("localhost", address)).await.expect("connects")
}

#[tokio::test]
async fn it_is_needed_where_protocols_get_lost() {
    let pair = own_certificate(&["elsewhere"], 1);
    assert!(!is_needed(tls(pair.config(&["teleport-reversetunnel", "h2"], None)).await).await);
    // No protocols at all; others only, so that the server gives up.
    assert!(is_needed(tls(pair.config(&[], None)).await).await);
    assert!(is_needed(tls(pair.config(&["h2", "http/1.1"], None)).await).await);
    let closed = serve(|stream| async move { drop(stream) }).await;
    assert!(!is_needed(closed).await);
    let plain = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read(&mut [0; 1024]).await;
    });
    assert!(!is_needed(plain.await).await);
}

/// A stream to a WebSocket server, and the server's side of it.
async fn connected() -> (impl AsyncReadExt + AsyncWriteExt + Unpin, WebSocketStream<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let accept = accept_hdr_async(far, |request: &Request, mut response: Response| {
        assert_eq!(request.uri().path(), "/webapi/connectionupgrade");
        assert_eq!(request.headers()["host"], "teleport.test:443");
        assert_eq!(request.headers()["sec-websocket-protocol"], "alpn-ping");
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("alpn-ping"));
        Ok(response)
    });
    let (stream, socket) = tokio::join!(upgrade::websocket(near, "teleport.test:443"), accept);
    (stream.expect("upgrades"), socket.expect("upgrades"))
}

#[tokio::test]
async fn bytes_travel_both_ways() {
    let (stream, socket) = connected().await;
    let (mut sink, mut frames) = socket.split();
    let echo = tokio::spawn(async move {
        let (mut pongs, mut total) = (0, 0);
        while let Some(Ok(message)) = frames.next().await {
            match message {
                Message::Binary(bytes) => {
                    total += bytes.len();
                    sink.feed(Message::Ping(Bytes::from_static(b"Teleport"))).await.expect("sends");
                    sink.send(Message::Binary(bytes)).await.expect("sends");
                }
                Message::Pong(bytes) => {
                    assert_eq!(&bytes[..], b"Teleport");
                    pongs += 1;
                }
                Message::Close(_) => {}
                other => panic!("{other:?}"),
            }
        }
        (pongs, total)
    });
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        for chunk in copy.chunks(10_007) {
            writer.write_all(chunk).await.expect("writes");
            writer.flush().await.expect("flushes");
        }
        writer
    });
    let mut received = vec![0; sent.len()];
    reader.read_exact(&mut received).await.expect("reads");
    assert!(received == sent);
    let mut writer = writing.await.expect("written");
    writer.shutdown().await.expect("closes");
    assert_eq!(reader.read(&mut [0; 1]).await.expect("ends"), 0);
    let (pongs, total) = echo.await.expect("echoed");
    assert_eq!(total, sent.len());
    assert!(pongs > 0);
}

#[tokio::test]
async fn a_ping_is_answered_while_one_only_reads() {
    let (mut stream, mut socket) = connected().await;
    socket.send(Message::Ping(Bytes::from_static(b"1"))).await.expect("sends");
    let reading = tokio::spawn(async move { stream.read_u8().await });
    let pong = socket.next().await.expect("an answer").expect("a message");
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"1")));
    socket.send(Message::Binary(Bytes::from_static(b""))).await.expect("sends");
    socket.send(Message::Binary(Bytes::from_static(b"x"))).await.expect("sends");
    assert_eq!(reading.await.expect("reads").expect("a byte"), b'x');
}

#[tokio::test]
async fn a_close_is_the_end_and_a_loss_is_an_error() {
    let (mut stream, mut socket) = connected().await;
    let closing = tokio::spawn(async move {
        socket.send(Message::Binary(Bytes::from_static(b"bye"))).await.expect("sends");
        socket.close(None).await.expect("closes");
        while socket.next().await.is_some() {}
    });
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("ends");
    assert_eq!(rest, b"bye");
    closing.await.expect("closed");

    let (mut stream, socket) = connected().await;
    drop(socket);
    stream.read_u8().await.expect_err("lost");
    let (mut stream, mut socket) = connected().await;
    socket.send(Message::text("hello")).await.expect("sends");
    let error = stream.read_u8().await.expect_err("no bytes");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn no_frame_is_too_long() {
    let (mut stream, mut socket) = connected().await;
    let sending = tokio::spawn(async move {
        socket.send(Message::Binary(vec![7; LONGEST].into())).await.expect("sends");
        let _ = socket.send(Message::Binary(vec![7; LONGEST + 1].into())).await;
        socket
    });
    let mut most = vec![0; LONGEST];
    stream.read_exact(&mut most).await.expect("reads");
    stream.read_u8().await.expect_err("too long");
    sending.abort();

    // Nor a message of many frames that never ends.
    let (mut stream, mut socket) = connected().await;
    let sending = tokio::spawn(async move {
        let mut opcode = OpCode::Data(Data::Binary);
        loop {
            let header = FrameHeader { is_final: false, opcode, ..FrameHeader::default() };
            let frame = Frame::from_payload(header, vec![7; 1 << 14].into());
            if socket.send(Message::Frame(frame)).await.is_err() {
                return;
            }
            opcode = OpCode::Data(Data::Continue);
        }
    });
    stream.read_u8().await.expect_err("too long");
    sending.abort();
}

async fn refused(answer: &'static [u8]) -> Answer {
    let (near, mut far) = duplex(1 << 16);
    let answering = async {
        let mut request = [0; 4096];
        let _ = far.read(&mut request).await;
        let _ = far.write_all(answer).await;
        drop(far);
    };
    let (outcome, ()) = tokio::join!(upgrade::websocket(near, "teleport.test:443"), answering);
    outcome.err().expect("no upgrade")
}

#[tokio::test]
async fn what_is_no_upgrade_is_told() {
    let page = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    match refused(page).await {
        Answer::Status { status: 404, content_type } => {
            assert_eq!(content_type.as_deref(), Some("text/html"))
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        refused(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await,
        Answer::Status { status: 200, .. }
    ));
    for answer in [
        &b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
           Sec-WebSocket-Protocol: alpn-ping\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"[..],
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
        b"\0\x01\x02",
    ] {
        let refused = refused(answer).await;
        assert!(matches!(refused, Answer::Broken(_)), "{refused:?}");
    }
}
