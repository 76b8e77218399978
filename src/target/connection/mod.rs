//! How calls reach a target: the trait that a product's way in implements, and the simplest way, an open address.
//! Knows nothing of what is called.
pub mod dial;
pub mod secure;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{self, BoxFuture};
use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

/// No quicker than servers allow: Go's gRPC servers close a connection that pings more often than they were told to
/// bear, which may be once a minute.
const KEEPALIVE: Duration = Duration::from_secs(90);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// A way to a target. What it hands out may be replaced at any time under calls that still use what they got.
pub trait Connection: Send + Sync + 'static {
    /// A channel to call through now. It may wait for credentials, but not for the target to come back.
    fn link(&self) -> BoxFuture<'_, Result<Link, Unreachable>>;

    /// Says that calls through the link of this number went wrong in a way that the channel does not see by itself.
    /// Numbers that are no longer current are of no interest.
    fn report(&self, number: u64, trouble: Trouble);

    /// Whom an answer refuses.
    fn judge(&self, code: Code, text: &str) -> Blame {
        let _ = text;
        if code == Code::Unauthenticated { Blame::Us } else { Blame::Call }
    }
}

/// Whom an answer refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What was asked for.
    Call,
    /// What was asked for, or whoever asked: the connection is to look into it.
    Perhaps,
    /// Whoever asked. It says nothing of the object that was asked about, and all calls wait until the credentials are
    /// better.
    Us,
}

/// What a call can tell about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing comes back, or there is no connection.
    Silent,
    /// The target refuses the credentials.
    Credentials,
}

/// A channel, and which one it is.
#[derive(Debug, Clone)]
pub struct Link {
    /// To call through; clones share one connection.
    pub channel: Channel,
    /// Grows with every replacement: another server may answer, or the same one may answer otherwise.
    pub number: u64,
    /// Sent with every call, where the target wants it; marked as sensitive.
    pub authorization: Option<MetadataValue<Ascii>>,
}

/// There is no way to the target at present: one line that says why and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The settings that every endpoint of ours has.
///
/// # Errors
/// When `uri` is no URI.
pub fn endpoint(uri: &str) -> Result<Endpoint, Unreachable> {
    let endpoint = Endpoint::from_shared(uri.to_owned())
        .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
        .map_err(|error| Unreachable(format!("`{uri}` is no address: {error}")))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

/// One address without encryption or credentials: for a sandbox, never for a product.
#[derive(Debug)]
pub struct Plaintext {
    endpoint: Endpoint,
    channel: Mutex<Channel>,
    number: AtomicU64,
}

impl Plaintext {
    /// The target at `host:port`. Nothing is connected yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When `address` is no address.
    pub fn new(address: &str) -> Result<Self, Unreachable> {
        let endpoint = endpoint(&format!("http://{address}"))?;
        let channel = Mutex::new(endpoint.connect_lazy());
        Ok(Self { endpoint, channel, number: AtomicU64::new(0) })
    }
}

impl Connection for Plaintext {
    fn link(&self) -> BoxFuture<'_, Result<Link, Unreachable>> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let number = self.number.load(Ordering::Relaxed);
        Box::pin(future::ready(Ok(Link { channel, number, authorization: None })))
    }

    fn report(&self, number: u64, trouble: Trouble) {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble == Trouble::Silent && number == self.number.load(Ordering::Relaxed) {
            *channel = self.endpoint.connect_lazy();
            self.number.fetch_add(1, Ordering::Relaxed);
        }
    }
}
