//! What is read from outside, each as a function of any bytes: the fuzz targets call them, and so do property tests. None
//! may panic, hang, or take what it likes of memory.
use std::sync::OnceLock;

use prost::Message;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use teleport_operator::teleport::address::{Address, Environment};
use teleport_operator::teleport::certs::{About, Issued};
use teleport_operator::teleport::errors::{Error, Seen, Step};
use teleport_operator::teleport::identity::Identity;
use teleport_operator::teleport::keys::KeyPair;
use teleport_operator::teleport::pin::{self, Pin};
use teleport_operator::teleport::ping::{Ping, Suite};
use teleport_operator::teleport::proto;
use teleport_operator::teleport::route::{Route, Ways};
use teleport_operator::teleport::token::Claims;
use teleport_operator::teleport::trust::{self, Shown, Trust};
use teleport_operator::teleport::upgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What a person or a variable gives: addresses, pins, and whether to upgrade.
pub fn address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(address) = text.parse::<Address>() {
        let _ = address.server_name();
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(pins) = Pin::list(&text) {
        let again = pins.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(Pin::list(&again), Ok(pins));
    }
    let _ = upgrade::said(Some(&text), &"teleport.test:443".parse().expect("an address"));
    let https_proxy = Some(text.clone().into_owned());
    let _ = Ways::new(&Environment { https_proxy, ..Environment::default() }, true);
}

/// A certificate that a server shows, as each of those sees it who may look at it.
pub fn certificate(bytes: &[u8]) {
    let certificate = CertificateDer::from(bytes);
    let name = ServerName::try_from("teleport.cluster.local").expect("a name");
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
    let exactly = Trust::Roots(vec![certificate.clone().into_owned()]);
    for trust in [Trust::Insecure, Trust::HostName, exactly] {
        if let Ok(verifier) = trust::verifier(&trust) {
            let _ = verifier.verify_server_cert(&certificate, &[], &name, &[], now);
        }
    }
    let _ = (Shown::of(&certificate), About::of(&certificate));
    if let Some(pin) = Pin::of(&certificate) {
        let time = time::OffsetDateTime::UNIX_EPOCH;
        let _ = pin::pinned(vec![certificate.into_owned()], &[pin], time);
    }
}

/// An identity file. What is wrong with it is told without quoting it.
pub fn identity(bytes: &[u8]) {
    match Identity::parse(bytes) {
        Ok(identity) => drop(format!("{identity:?}")),
        Err(error) => drop(error.to_string()),
    }
}

/// The answer to a join, in each of its forms, up to the identity that is made of it.
pub fn join_answer(bytes: &[u8]) {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| KeyPair::generate(Suite::Balanced).expect("a key"));
    let json = Issued::json(bytes).ok();
    let certs = proto::Certs::decode(bytes).ok().and_then(|certs| Issued::certs(certs).ok());
    let joined = proto::JoinResponse::decode(bytes).ok().and_then(|response| match response.answer? {
        proto::Answer::Result(joined) => Issued::der(joined.bot?.certificates?).ok(),
        _ => None,
    });
    for issued in [json, certs, joined].into_iter().flatten() {
        // Nobody signs a certificate for this key.
        assert!(Identity::issued(key, &issued).is_err());
    }
}

/// The words of a server that refuses: whatever they are, one line comes of them, and not a long one.
pub fn refusal(bytes: &[u8]) {
    let Some((code, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let status = tonic::Status::new(tonic::Code::from_i32(i32::from(*code)), text);
    for step in [Step::Join, Step::Renew, Step::Role, Step::Impersonate, Step::Ping, Step::Authorities] {
        let error = Error::grpc(step, &status);
        let line = error.explain(&Seen::default());
        assert!(!line.contains('\n') && line.chars().count() < 2000, "{line}");
        let _ = (error.nature(), error.is_unimplemented(), error.is_used_up(), error.is_generation());
    }
}

/// The token of a service account.
pub fn token(bytes: &[u8]) {
    if let Some(claims) = Claims::of(&String::from_utf8_lossy(bytes)) {
        let _ = claims.service_account();
    }
}

/// What a proxy says about itself.
pub fn ping(bytes: &[u8]) {
    let _ = Ping::parse(bytes);
}

/// What comes back to a request of the web API.
pub fn http_answer(bytes: &[u8]) {
    let bytes = bytes.to_vec();
    run(async move {
        let ways = Ways::new(&Environment::default(), true).expect("an environment");
        let web = ways.web(&Route::Proxy("localhost:1".parse().expect("an address"))).expect("a proxy");
        let (near, mut far) = duplex(1 << 12);
        let answering = tokio::spawn(async move {
            let _ = far.read(&mut [0; 4096]).await;
            let _ = far.write_all(&bytes).await;
        });
        let _ = web.get_over(near, "/webapi/find").await;
        answering.abort();
    });
}

/// What comes out of a WebSocket whose server sends these bytes after the upgrade: never more than went in.
pub fn websocket(bytes: &[u8]) {
    let (bytes, sent) = (bytes.to_vec(), bytes.len());
    run(async move {
        let (near, mut far) = duplex(1 << 12);
        let answering = tokio::spawn(async move {
            let mut request = vec![0; 4096];
            let read = far.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            let accept = derive_accept_key(key.expect("a key").as_bytes());
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
        let (mut came, mut buffer) = (0, [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            came += read;
        }
        answering.abort();
        assert!(came <= sent, "{came} of {sent}");
    });
}

/// On a clock that does not make one wait.
fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future);
}
