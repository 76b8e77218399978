//! The ways to a Teleport's auth server: found by asking what answers at an address, and gone by channels that dial when
//! they are used. Knows nothing of who we are or how we join.
use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;
use tokio::io::BufReader;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::address::{Address, Environment};
use super::anonymous;
use super::dialer::{self, Dialer, Stream};
use super::failure::{Failure, Hop};
use super::pin::{self, Pin, PinError};
use super::ping::Ping;
use super::proto;
use super::trust::{self, ClientIdentity, DOMAIN, Shown, SystemRoots, Trust};
use super::upgrade;
use super::web::{Web, WebError};
use crate::target::connection::dial::{self, PATIENCE};

/// Longest label of a DNS name, in bytes.
const LONGEST_LABEL: usize = 63;
/// Longest name of a protocol in a TLS handshake, in bytes.
const LONGEST_PROTOCOL: usize = 255;
/// All that is spoken over gRPC's connections.
const HTTP2: &[u8] = b"h2";
/// What web servers are asked by.
const HTTP1: &[u8] = b"http/1.1";
/// By which a proxy knows connections to its own gRPC services, for those who have no identity yet.
const PROXY_GRPC: &[u8] = b"teleport-proxy-grpc";

/// One way to an auth server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The auth server itself.
    Direct(Address),
    /// Through a proxy that passes connections on by the protocol which they name.
    Proxy(Address),
    /// The same within a WebSocket, because what stands before the proxy ends TLS itself.
    Upgraded(Address),
}

impl Route {
    /// Where it begins.
    pub fn address(&self) -> &Address {
        match self {
            Self::Direct(address) | Self::Proxy(address) | Self::Upgraded(address) => address,
        }
    }

    /// Whether a proxy is on it.
    pub fn is_by_proxy(&self) -> bool {
        !matches!(self, Self::Direct(_))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(address) => write!(f, "the auth server at {address}"),
            Self::Proxy(address) => write!(f, "the proxy at {address}"),
            Self::Upgraded(address) => write!(f, "the proxy at {address}, within a WebSocket"),
        }
    }
}

/// What was found at an address. None of it is proven yet.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// How to get to the auth server.
    pub route: Route,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The version of what answered.
    pub version: Option<String>,
    /// What a proxy said.
    pub ping: Option<Ping>,
}

/// There is no Teleport at an address.
#[derive(Debug, thiserror::Error)]
pub enum Undiscovered {
    /// Nothing takes connections, or the way is barred before anybody can be asked.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// It answers as no proxy does, and is no auth server.
    #[error(transparent)]
    NoProxy(#[from] WebError),
}

/// Why the authorities of a cluster are not known.
#[derive(Debug, thiserror::Error)]
pub enum Unpinned {
    /// They are others.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// There is no connection.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The auth server does not tell them.
    #[error(
        "the auth server does not show its certificate authorities ({code:?}: {message}); check that the address is of \
         a Teleport"
    )]
    Refused {
        /// The status.
        code: Code,
        /// Its words.
        message: String,
    },
}

/// How this process gets to Teleports: what its environment says, and whom it trusts on the web.
#[derive(Clone)]
pub struct Ways {
    dialer: Dialer,
    web: Trust,
    upgrade: Option<Arc<str>>,
}

impl Ways {
    /// With this environment. `insecure`: any certificate of a proxy's web address will do.
    ///
    /// # Errors
    /// When the environment can't be followed.
    pub fn new(environment: &Environment, insecure: bool) -> Result<Self, Failure> {
        let web = if insecure { Trust::Insecure } else { Trust::System(SystemRoots::new(environment)) };
        let upgrade = environment.upgrade.as_deref().map(Arc::from);
        Ok(Self { dialer: Dialer::new(environment)?, web, upgrade })
    }

    /// Finds out what answers at an address: a proxy or an auth server, the likelier first, and how to get on from there.
    ///
    /// # Errors
    /// When it is neither.
    pub async fn discover(&self, address: &Address) -> Result<Discovery, Undiscovered> {
        if address.looks_like_proxy() {
            let failed = match self.discover_proxy(address).await {
                Ok(found) => return Ok(found),
                Err(Undiscovered::Failure(failure)) if failure.is_before_tls() => return Err(failure.into()),
                Err(failed) => failed,
            };
            return self.discover_auth(address).await.map_err(|_| failed);
        }
        let failed = match self.discover_auth(address).await {
            Ok(found) => return Ok(found),
            Err(failure) if failure.is_before_tls() => return Err(failure.into()),
            Err(failure) => failure,
        };
        self.discover_proxy(address).await.map_err(|not_proxy| match (&failed, &not_proxy) {
            // An auth server that has trouble explains more than that it is no proxy.
            (Failure::Tls { hop: Hop::Auth, problem, .. }, _) if problem.is_about_time() => failed.into(),
            _ => not_proxy,
        })
    }

    async fn discover_proxy(&self, address: &Address) -> Result<Discovery, Undiscovered> {
        let web = Web::proxy(self.dialer.clone(), address.clone(), self.web.clone());
        let mut ping = web.find().await?;
        if ping.cluster.is_none() {
            ping = web.ping().await?;
        }
        let said = upgrade::said(self.upgrade.as_deref(), address);
        let upgraded = match said {
            Some(said) => said,
            None => upgrade::is_needed(&self.dialer, address).await?,
        };
        let address = address.clone();
        let route = if upgraded { Route::Upgraded(address) } else { Route::Proxy(address) };
        Ok(Discovery {
            route,
            cluster: ping.cluster.clone(),
            version: ping.version.clone(),
            ping: Some(ping),
        })
    }

    async fn discover_auth(&self, address: &Address) -> Result<Discovery, Failure> {
        // Shows whether it is one: only auth servers have such certificates.
        let config = Arc::new(trust::config(&Trust::HostName, None, &[HTTP2])?);
        let stream = self.dialer.open(address).await?;
        drop(secure(stream, config, server_name(None), address, Hop::Auth).await?);
        let route = Route::Direct(address.clone());
        let channel = self.auth(&route, None, &Trust::HostName, None)?;
        let about = match anonymous::ping(channel).await {
            Ok(about) => about,
            Err(status) => {
                tracing::debug!(%address, %status, "the auth server does not tell who it is");
                proto::Pong::default()
            }
        };
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Discovery { route, cluster: some(about.cluster), version: some(about.version), ping: None })
    }

    /// The web API of the route's proxy.
    ///
    /// # Errors
    /// When there is no proxy on the route.
    pub fn web(&self, route: &Route) -> Result<Web, Failure> {
        match route {
            Route::Direct(_) => Err(Failure::NoSuchRoute),
            Route::Proxy(address) | Route::Upgraded(address) => {
                Ok(Web::proxy(self.dialer.clone(), address.clone(), self.web.clone()))
            }
        }
    }

    /// The HTTP API of an auth server.
    pub fn auth_web(&self, address: &Address, cluster: Option<&str>, trust: &Trust) -> Web {
        Web::auth(self.dialer.clone(), address.clone(), trust.clone(), server_name(cluster))
    }

    /// The gRPC API of the auth server, by any route; without an identity, as nobody in particular. It dials when it is
    /// first used and again when it breaks.
    ///
    /// # Errors
    /// When there is nobody to trust, or the cluster's name can't be routed by.
    pub fn auth(
        &self,
        route: &Route,
        cluster: Option<&str>,
        trust: &Trust,
        identity: Option<&ClientIdentity>,
    ) -> Result<Channel, Failure> {
        let routed = if route.is_by_proxy() { Some(protocol(cluster.unwrap_or_default())?) } else { None };
        let protocols: Vec<&[u8]> = routed.iter().map(String::as_bytes).chain([HTTP2]).collect();
        let config = trust::config(trust, identity, &protocols)?;
        self.channel(route, config, server_name(cluster), Hop::Auth)
    }

    /// The gRPC services of a proxy itself, by which one joins.
    ///
    /// # Errors
    /// When there is no proxy on the route, or nobody to trust.
    pub fn proxy_grpc(&self, route: &Route) -> Result<Channel, Failure> {
        let protocols = [PROXY_GRPC, HTTP2];
        match route {
            Route::Direct(_) => Err(Failure::NoSuchRoute),
            Route::Proxy(address) => {
                let config = trust::config(&self.web, None, &protocols)?;
                self.channel(route, config, address.server_name(), Hop::Web)
            }
            // The outer connection is the proven one; within it the proxy shows the certificate that servers of a
            // cluster have among themselves.
            Route::Upgraded(_) => {
                let config = trust::config(&Trust::HostName, None, &protocols)?;
                self.channel(route, config, server_name(None), Hop::Web)
            }
        }
    }

    fn channel(
        &self,
        route: &Route,
        config: ClientConfig,
        name: ServerName<'static>,
        hop: Hop,
    ) -> Result<Channel, Failure> {
        let (ways, route, config) = (self.clone(), route.clone(), Arc::new(config));
        let connect = move || {
            let (ways, route, config, name) =
                (ways.clone(), route.clone(), Arc::clone(&config), name.clone());
            async move {
                let stream = ways.open(&route).await?;
                secure(stream, config, name, route.address(), hop).await
            }
        };
        dial::channel_over(DOMAIN, connect).map_err(|error| Failure::Channel(error.to_string()))
    }

    async fn open(&self, route: &Route) -> Result<Stream, Failure> {
        match route {
            Route::Direct(address) | Route::Proxy(address) => self.dialer.open(address).await,
            Route::Upgraded(address) => upgrade::open(&self.dialer, address, &self.web).await,
        }
    }

    /// The certificates that are shown where the route begins, the server's own first. Nobody is trusted for that.
    ///
    /// # Errors
    /// When there is no TLS.
    pub async fn shown(&self, route: &Route) -> Result<Vec<Shown>, Failure> {
        let address = route.address();
        let (protocol, name, hop) = match route {
            Route::Direct(_) => (HTTP2, server_name(None), Hop::Auth),
            Route::Proxy(_) | Route::Upgraded(_) => (HTTP1, address.server_name(), Hop::Web),
        };
        let config = trust::config(&Trust::Insecure, None, &[protocol])?;
        let stream = self.dialer.open(address).await?;
        let stream = dialer::tls(stream, config, name, &address.to_string(), hop).await?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(certificates.iter().filter_map(Shown::of).collect())
    }

    /// The authorities of the cluster that are pinned, as its auth server shows them to anybody. They come over a
    /// connection that proves nothing; the pins do.
    ///
    /// # Errors
    /// When they can't be had, or are others.
    pub async fn pinned(
        &self,
        route: &Route,
        cluster: Option<&str>,
        pins: &[Pin],
    ) -> Result<Vec<CertificateDer<'static>>, Unpinned> {
        let channel = self.auth(route, cluster, &Trust::HostName, None)?;
        let pem = anonymous::authorities(channel).await.map_err(unpinned)?;
        let authorities = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
        Ok(pin::pinned(authorities, pins, OffsetDateTime::now_utc())?)
    }
}

fn unpinned(status: Status) -> Unpinned {
    match anonymous::failure(&status) {
        Some(failure) => failure.into(),
        None => Unpinned::Refused { code: status.code(), message: status.message().to_owned() },
    }
}

/// TLS over a stream, up to the server's first words.
async fn secure(
    stream: Stream,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    address: &Address,
    hop: Hop,
) -> Result<BufReader<TlsStream<Stream>>, Failure> {
    let secured = timeout(PATIENCE, dial::handshake(stream, config, name)).await;
    let secured = secured.map_err(|_| Failure::silent(address, "TLS", PATIENCE))?;
    secured.map_err(|error| Failure::tls(address, hop, error))
}

/// The name under which an auth server is verified: it tells the server which cluster's users we are among. Teleport
/// writes the cluster's name in hex into one label, which a long one does not fit.
fn server_name(cluster: Option<&str>) -> ServerName<'static> {
    let label = hex(cluster.unwrap_or_default());
    let encoded = format!("{label}.{DOMAIN}");
    let fits = !label.is_empty() && label.len() <= LONGEST_LABEL;
    let name = fits.then(|| ServerName::try_from(encoded).ok()).flatten();
    name.unwrap_or_else(|| ServerName::try_from(DOMAIN).expect("a constant that is a DNS name"))
}

/// The protocol by which a proxy knows that a connection is for a cluster's auth server.
fn protocol(cluster: &str) -> Result<String, Failure> {
    let protocol = format!("teleport-auth@{}.{DOMAIN}", hex(cluster));
    if protocol.len() > LONGEST_PROTOCOL {
        return Err(Failure::ClusterName { cluster: cluster.to_owned() });
    }
    Ok(protocol)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
