//! Connections to a server over TCP and TLS, with a reason and an advice when there is none. Whom to trust and who we are
//! comes in as TLS settings; knows nothing of calls.
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;
use tower::service_fn;

use super::{Unreachable, endpoint};

/// What a client offers in the handshake: gRPC is spoken over nothing else.
pub const PROTOCOLS: [&str; 1] = ["h2"];
/// How long connecting may take, for TCP and for TLS each.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a server's first words are awaited after the handshake; later ones do no harm.
const FIRST_WORDS: Duration = Duration::from_secs(1);
/// How long all steps together may take. Each has its own, shorter time and says more when that is over.
const ALL_STEPS: Duration = Duration::from_secs(60);

/// How a server is dialled.
#[derive(Clone)]
pub struct Dial {
    /// `host:port`.
    pub address: Arc<str>,
    /// Whom to trust, who we are, and which protocols are offered.
    pub config: Arc<ClientConfig>,
    /// The name that the server's certificate must hold.
    pub name: ServerName<'static>,
    /// What to do when TLS fails; none: the other side did not fail by TLS's own rules.
    pub advice: fn(Option<&rustls::Error>) -> &'static str,
}

/// A channel that dials when it is first used, and again whenever it breaks. `authority` is what calls name as their
/// server.
///
/// # Errors
/// When `authority` can't be one.
pub fn channel(authority: &str, dial: Dial) -> Result<Channel, Unreachable> {
    channel_over(authority, move || connect(dial.clone()))
}

/// A channel over what `connect` gives, be it what it may; for the rest as [`channel`].
///
/// # Errors
/// When `authority` can't be one.
pub fn channel_over<C, F, S, E>(authority: &str, connect: C) -> Result<Channel, Unreachable>
where
    C: Fn() -> F + Send + 'static,
    F: Future<Output = Result<S, E>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    E: StdError + Send + Sync + 'static,
{
    let connector = service_fn(move |_: http::Uri| {
        let connecting = connect();
        async move { connecting.await.map(TokioIo::new) }
    });
    // TLS is the connector's: an address with https would be asked for tonic's own.
    let endpoint = endpoint(&format!("http://{authority}"))?.connect_timeout(ALL_STEPS);
    Ok(endpoint.connect_with_connector_lazy(connector))
}

async fn connect(dial: Dial) -> Result<BufReader<TlsStream<TcpStream>>, Failure> {
    let Dial { address, config, name, advice } = dial;
    let silent = |step| Failure::Silent { address: Arc::clone(&address), step };
    let tcp = timeout(PATIENCE, TcpStream::connect(&*address)).await.map_err(|_| silent("TCP"))?;
    let tcp = tcp.map_err(|source| Failure::Tcp { address: Arc::clone(&address), source })?;
    // A delay would only hold small messages back; without the option it still works.
    let _ = tcp.set_nodelay(true);
    let tls = timeout(PATIENCE, handshake(tcp, config, name)).await.map_err(|_| silent("TLS"))?;
    tls.map_err(|source| {
        let advice = advice(source.get_ref().and_then(|inner| inner.downcast_ref()));
        Failure::Tls { address: Arc::clone(&address), source, advice }
    })
}

/// TLS over a stream. In TLS 1.3 a server refuses a certificate only after the handshake, when HTTP/2 would make of it no
/// more than a closed connection. So its first words are awaited: a refusal, or the settings that HTTP/2 servers begin
/// with.
///
/// # Errors
/// Whatever TLS says; or that the server closes the connection at once.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<BufReader<TlsStream<S>>> {
    let mut tls = BufReader::new(TlsConnector::from(config).connect(name, stream).await?);
    match timeout(FIRST_WORDS, tls.fill_buf()).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok([])) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed at once")),
        Ok(Ok(_)) | Err(_) => Ok(tls),
    }
}

/// Why there is no connection, and what to do.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot connect to {address}: {source}; check the address (host:port) and that the server runs")]
    Tcp { address: Arc<str>, source: io::Error },
    #[error(
        "{address} does not answer ({step}) within {PATIENCE:?}; check the address and firewalls on the way"
    )]
    Silent { address: Arc<str>, step: &'static str },
    #[error("no TLS with {address}: {source}; {advice}")]
    Tls { address: Arc<str>, source: io::Error, advice: &'static str },
}
