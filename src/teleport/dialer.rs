//! A stream to a host and port: straight, or through the forward proxy that the environment names. Knows nothing of what
//! is said over it.
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::header::{CONTENT_TYPE, HOST, PROXY_AUTHORIZATION};
use http::{HeaderMap, Request};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::{Service, service_fn};

use super::address::{Address, Environment};
use super::failure::{Answer, Failure, Hop, TCP};
use super::trust::{self, SystemRoots, Trust};
use crate::target::connection::dial::PATIENCE;

/// After so long without an answer the next address of a name is tried beside the first.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Bytes both ways.
pub trait Bidirectional: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bidirectional for S {}

/// A stream, be it made of what it may.
pub type Stream = Box<dyn Bidirectional>;

/// How streams are opened.
#[derive(Clone)]
pub struct Dialer {
    https_proxy: Option<Arc<str>>,
    no_proxy: Arc<str>,
    /// For a forward proxy that itself wants TLS.
    trust: SystemRoots,
}

impl Dialer {
    /// As the environment says.
    ///
    /// # Errors
    /// When the environment names a forward proxy that can't be one.
    pub fn new(environment: &Environment) -> Result<Self, Failure> {
        let https_proxy = environment.https_proxy.as_deref().map(str::trim).filter(|proxy| !proxy.is_empty());
        let dialer = Self {
            https_proxy: https_proxy.map(Arc::from),
            no_proxy: environment.no_proxy.as_deref().unwrap_or_default().into(),
            trust: SystemRoots::new(environment),
        };
        if https_proxy.is_some() && dialer.intercept("anywhere.invalid", "").is_none() {
            return Err(Failure::BadForward);
        }
        Ok(dialer)
    }

    /// A stream to this address.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn open(&self, address: &Address) -> Result<Stream, Failure> {
        match self.forward(address) {
            None => Ok(Box::new(tcp(address.host(), address.port()).await?)),
            Some(proxy) => self.through(&proxy, address).await,
        }
    }

    /// The forward proxy for this address.
    fn forward(&self, address: &Address) -> Option<Intercept> {
        // As in Go: what is on this machine is never asked of another.
        if address.is_loopback() {
            return None;
        }
        self.intercept(address.host(), &exceptions(&self.no_proxy, address.port()))
    }

    fn intercept(&self, host: &str, exceptions: &str) -> Option<Intercept> {
        let matcher = Matcher::builder().https(self.https_proxy.as_deref()?).no(exceptions).build();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let uri = format!("https://{host}/").parse().ok()?;
        let found = matcher.intercept(&uri)?;
        // The library also knows an older SOCKS, which knows no names.
        let scheme = found.uri().scheme_str().unwrap_or_default();
        (scheme.starts_with("http") || scheme.starts_with("socks5")).then_some(found)
    }

    async fn through(&self, proxy: &Intercept, address: &Address) -> Result<Stream, Failure> {
        let (uri, scheme) = (proxy.uri(), proxy.uri().scheme_str().unwrap_or_default());
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(match scheme {
            "http" => 80,
            "https" => 443,
            _ => 1080,
        });
        let shown = format!("{host}:{port}");
        let stream = tcp(host, port).await?;
        let asked = match scheme {
            "http" => timeout(PATIENCE, connect(Box::new(stream), address, proxy)).await,
            "https" => {
                let config = trust::config(&Trust::System(self.trust.clone()), None, &[b"http/1.1"])?;
                let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::BadForward)?;
                let stream = tls(stream, config, name, &shown, Hop::Forward).await?;
                timeout(PATIENCE, connect(Box::new(stream), address, proxy)).await
            }
            _ => timeout(PATIENCE, socks(stream, address, proxy)).await,
        };
        let asked = asked.map_err(|_| Failure::silent(&shown, "CONNECT", PATIENCE))?;
        asked.map_err(|answer| Failure::Forward { proxy: shown, address: address.to_string(), answer })
    }
}

/// TLS over a stream, without a word after the handshake.
pub(super) async fn tls<S: Bidirectional>(
    stream: S,
    config: ClientConfig,
    name: ServerName<'static>,
    address: &str,
    hop: Hop,
) -> Result<TlsStream<S>, Failure> {
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let done = timeout(PATIENCE, handshake).await.map_err(|_| Failure::silent(address, "TLS", PATIENCE))?;
    done.map_err(|error| Failure::tls(address, hop, error))
}

/// Asks an HTTP proxy to connect the stream on.
async fn connect(stream: Stream, address: &Address, proxy: &Intercept) -> Result<Stream, Answer> {
    let broken = |error: hyper::Error| Answer::Broken(Arc::new(error));
    let mut request = Request::connect(address.to_string()).header(HOST, address.to_string());
    if let Some(credentials) = proxy.basic_auth() {
        request = request.header(PROXY_AUTHORIZATION, credentials);
    }
    let request = request.body(Empty::<Bytes>::new()).expect("an address is an authority");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with this function, whatever comes of it.
    let mut driver = JoinSet::new();
    driver.spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(broken)?;
    if !response.status().is_success() {
        return Err(status(response.status().as_u16(), response.headers()));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// Asks a SOCKS proxy to connect the stream on. It resolves the name.
async fn socks(stream: TcpStream, address: &Address, proxy: &Intercept) -> Result<Stream, Answer> {
    let target = format!("https://{address}/").parse().expect("an address is an authority");
    let mut stream = Some(TokioIo::new(stream));
    let open = service_fn(move |_| ready(stream.take().ok_or(io::ErrorKind::NotConnected)));
    let socks = SocksV5::new(proxy.uri().clone(), open);
    let mut socks = match proxy.raw_auth() {
        Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
        None => socks,
    };
    let stream = socks.call(target).await.map_err(|error| Answer::Broken(Arc::new(error)))?;
    Ok(Box::new(stream.into_inner()))
}

/// An answer with a status that was not hoped for.
pub(super) fn status(status: u16, headers: &HeaderMap) -> Answer {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Answer::Status { status, content_type: content_type.map(|text| text.chars().take(100).collect()) }
}

/// The entries of `NO_PROXY` that count for a port, without the port that some of them name.
fn exceptions(list: &str, port: u16) -> String {
    let host = |entry: &str| {
        let (host, named) = entry.rsplit_once(':')?;
        // A colon in the rest: an IPv6 address that names no port, unless there are brackets.
        if host.contains(':') && !host.ends_with(']') {
            return None;
        }
        let named: u16 = named.parse().ok()?;
        Some((named == port).then(|| host.trim_matches(['[', ']']).to_owned()))
    };
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let kept = entries.filter_map(|entry| host(entry).unwrap_or_else(|| Some(entry.to_owned())));
    // A star before a domain says no more than the domain; the library knows only the star alone.
    kept.map(|entry| entry.strip_prefix("*.").map_or(entry.clone(), str::to_owned))
        .collect::<Vec<_>>()
        .join(",")
}

/// A connection to whichever address of the host takes one first.
async fn tcp(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let shown = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let silent = |step| Failure::silent(&shown, step, PATIENCE);
    let found = timeout(PATIENCE, lookup_host((host, port))).await.map_err(|_| silent("DNS"))?;
    let dns = |error| Failure::Dns { host: host.to_owned(), source: Arc::new(error) };
    let addresses = interleave(found.map_err(dns)?.collect());
    if addresses.is_empty() {
        return Err(dns(io::Error::from(io::ErrorKind::NotFound)));
    }
    let tcp = timeout(PATIENCE, race(addresses)).await.map_err(|_| silent(TCP))?;
    let tcp = tcp.map_err(|error| Failure::Tcp { address: shown.clone(), source: Arc::new(error) })?;
    // A delay would only hold small messages back; without the option it still works.
    let _ = tcp.set_nodelay(true);
    Ok(tcp)
}

/// Both families in turn, beginning with that of the first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        addresses.into_iter().rev().partition(|address| address.is_ipv6() == first);
    let mut mixed = Vec::new();
    while let Some(next) = one.pop() {
        mixed.push(next);
        std::mem::swap(&mut one, &mut other);
        if one.is_empty() {
            std::mem::swap(&mut one, &mut other);
        }
    }
    mixed
}

/// Each address is tried a little after the one before it, or at once when that one failed.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut tries = FuturesUnordered::new();
    let mut first = None;
    loop {
        match waiting.next() {
            Some(address) => tries.push(TcpStream::connect(address)),
            None if tries.is_empty() => {
                return Err(first.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable)));
            }
            None => {}
        }
        let pause = if waiting.len() == 0 { Duration::MAX } else { NEXT_ADDRESS };
        tokio::select! {
            Some(tried) = tries.next() => match tried {
                Ok(stream) => return Ok(stream),
                Err(error) => { first.get_or_insert(error); }
            },
            () = sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let mixed = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().expect("an address"));
            let mixed = interleave(addresses.collect());
            mixed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(mixed(&[]), "");
        assert_eq!(mixed(&["[::1]:1"]), "[::1]:1");
        assert_eq!(
            mixed(&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"]),
            "[::1]:1 1.0.0.1:1 [::2]:1 1.0.0.2:1 [::3]:1"
        );
        assert_eq!(
            mixed(&["1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1", "[::1]:1"]),
            "1.0.0.1:1 [::1]:1 1.0.0.2:1 1.0.0.3:1"
        );
    }

    #[test]
    fn exceptions_may_name_a_port() {
        for (list, port, expected) in [
            ("", 443, ""),
            ("*", 443, "*"),
            ("a.example, b.example:443,c.example:80", 443, "a.example,b.example"),
            ("*.a.example,.b.example", 1, "a.example,.b.example"),
            ("10.0.0.0/8,10.1.1.1:3025", 3025, "10.0.0.0/8,10.1.1.1"),
            ("::1,fd00::/8,[fd00::7]:443,[fd00::8]:80", 443, "::1,fd00::/8,fd00::7"),
            (" , ,a:b", 443, "a:b"),
        ] {
            assert_eq!(exceptions(list, port), expected, "{list}");
        }
    }
}
