//! The way past a load balancer that ends TLS itself: whether there is one, and a stream to the Teleport proxy behind it
//! that travels in a WebSocket. Frames are the library's business; what is said over the stream is not known here.
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt, TryStreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Uri};
use rustls::{AlertDescription, PeerMisbehaved};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::address::Address;
use super::dialer::{self, Bidirectional, Dialer, Stream};
use super::failure::{Answer, Failure, Hop, Problem};
use super::trust::{self, Trust};

/// A protocol that a Teleport proxy knows, and that nothing follows from.
const PROBE: &[u8] = b"teleport-reversetunnel";
const PATH: &str = "/webapi/connectionupgrade";
/// With pings from the proxy's side, so that a load balancer does not take the connection for idle.
const PROTOCOL: &str = "alpn-ping";
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest frame and message. A proxy passes on what it reads, which is far less.
pub const LONGEST: usize = 1 << 20;

/// What the environment says about an address: a list of `yes` and `no`, alone for all addresses or behind `address=`. An
/// address that it does not tell of is not upgraded. None when the variable is not set.
pub fn said(variable: Option<&str>, address: &Address) -> Option<bool> {
    let address = address.to_string();
    let mut all = false;
    for entry in variable?.split([',', ';']).map(str::trim).filter(|entry| !entry.is_empty()) {
        match entry.rsplit_once('=') {
            Some((named, word)) if named.trim() == address => return Some(yes(word).unwrap_or(false)),
            Some(_) => {}
            None => all = yes(entry).unwrap_or(all),
        }
    }
    Some(all)
}

fn yes(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "yes" | "yeah" | "y" | "true" | "1" | "on" => Some(true),
        "no" | "nope" | "n" | "false" | "0" | "off" => Some(false),
        _ => {
            tracing::warn!(word, "TELEPORT_TLS_ROUTING_CONN_UPGRADE: neither yes nor no");
            None
        }
    }
}

/// Whether something before the proxy does not pass on by which protocol a connection is to be routed. Only the choice of
/// the protocol is looked at, so nobody need be trusted.
///
/// # Errors
/// When nothing takes a connection. What fails otherwise counts as no need, as in official clients.
pub async fn is_needed(dialer: &Dialer, address: &Address) -> Result<bool, Failure> {
    let config = trust::config(&Trust::Insecure, None, &[PROBE])?;
    let stream = dialer.open(address).await?;
    match dialer::tls(stream, config, address.server_name(), &address.to_string(), Hop::Web).await {
        Ok(tls) => Ok(tls.get_ref().1.alpn_protocol().is_none()),
        Err(Failure::Tls { cause, problem, .. }) => Ok(is_unrouted(&problem, &cause)),
        Err(_) => Ok(false),
    }
}

fn is_unrouted(problem: &Problem, cause: &io::Error) -> bool {
    let unoffered = rustls::Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol);
    *problem == Problem::Refused(AlertDescription::NoApplicationProtocol)
        || cause.get_ref().and_then(|inner| inner.downcast_ref()) == Some(&unoffered)
}

/// A stream to the proxy at this address, through whatever stands before it.
///
/// # Errors
/// What is in the way.
pub async fn open(dialer: &Dialer, address: &Address, trust: &Trust) -> Result<Stream, Failure> {
    let config = trust::config(trust, None, &[b"http/1.1"])?;
    let stream = dialer.open(address).await?;
    let shown = address.to_string();
    let tls = dialer::tls(stream, config, address.server_name(), &shown, Hop::Web).await?;
    let opened = timeout(PATIENCE, websocket(tls, &shown)).await;
    let opened = opened.map_err(|_| Failure::silent(&shown, "WebSocket", PATIENCE))?;
    opened.map_err(|answer| Failure::Upgrade { address: shown, answer })
}

/// Asks for the upgrade on a stream.
///
/// # Errors
/// What came instead.
pub async fn websocket(stream: impl Bidirectional + 'static, address: &str) -> Result<Stream, Answer> {
    let broken = |error| Answer::Broken(Arc::new(error));
    let uri: Uri = format!("wss://{address}{PATH}").parse().map_err(|error| broken(Error::from(error)))?;
    let mut request = uri.into_client_request().map_err(broken)?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    let config = WebSocketConfig::default().max_frame_size(Some(LONGEST)).max_message_size(Some(LONGEST));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Box::new(bytes(socket))),
        Err(Error::Http(response)) => Err(dialer::status(response.status().as_u16(), response.headers())),
        Err(error) => Err(broken(error)),
    }
}

/// The bytes within a WebSocket's binary messages, both ways. The library answers pings. Whoever reads must go on reading,
/// which HTTP/2 does.
fn bytes<S: Bidirectional + 'static>(socket: WebSocketStream<S>) -> impl Bidirectional {
    let (sink, stream) = socket.split();
    let read = stream.map_err(io_error).try_filter_map(|message| {
        ready(match message {
            Message::Binary(bytes) => Ok(Some(bytes)),
            Message::Text(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "text in a stream of bytes")),
            // After a close the stream ends by itself.
            Message::Close(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        })
    });
    let write =
        sink.sink_map_err(io_error).with(|bytes: Bytes| ready(Ok::<_, io::Error>(Message::Binary(bytes))));
    tokio::io::join(StreamReader::new(read), SinkWriter::new(CopyToBytes::new(write)))
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::Error::from(io::ErrorKind::BrokenPipe),
        Error::Protocol(error) => io::Error::new(io::ErrorKind::InvalidData, error),
        other => io::Error::other(other),
    }
}
