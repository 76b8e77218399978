//! The direct way to a Teleport's auth server: mutual TLS as the identity in a file, read anew when the file changes.
//! Calls under way keep the channel that they have.
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::identity::Identity;
use crate::target::connection::dial::{self, Dial};
use crate::target::connection::{Connection, Link, Trouble, Unreachable};

/// Domain of the names in all certificates of Teleport's own servers.
const DOMAIN: &str = "teleport.cluster.local";
/// How often the file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Longest label of a DNS name, in bytes.
const LONGEST_LABEL: usize = 63;

/// A way to the auth server at an address, as the identity in a file.
pub struct IdentityFile {
    path: PathBuf,
    address: Arc<str>,
    current: Mutex<Option<Current>>,
    /// Number of the last link that was reported to be in trouble; numbers begin at 1.
    troubled: AtomicU64,
}

struct Current {
    /// Of the file's content, to see whether it changed.
    digest: [u8; 32],
    looked: Instant,
    identity: Identity,
    link: Link,
}

impl IdentityFile {
    /// The way to `address` (`host:port`) with the identity in this file. Nothing is read or connected yet.
    pub fn new(path: impl Into<PathBuf>, address: &str) -> Self {
        let (current, troubled) = (Mutex::new(None), AtomicU64::new(0));
        Self { path: path.into(), address: address.into(), current, troubled }
    }

    async fn current(&self) -> Result<Link, Unreachable> {
        let mut current = self.current.lock().await;
        if self.is_due(current.as_ref()) {
            self.look(&mut current).await?;
        }
        let Some(Current { identity, link, .. }) = current.as_ref() else {
            return Err(self.unusable("it was not read"));
        };
        identity.check(OffsetDateTime::now_utc()).map_err(|error| self.unusable(error))?;
        Ok(link.clone())
    }

    fn is_due(&self, current: Option<&Current>) -> bool {
        current.is_none_or(|current| {
            current.link.number <= self.troubled.load(Ordering::Relaxed)
                || current.looked.elapsed() >= LOOK_EVERY
                || current.identity.check(OffsetDateTime::now_utc()).is_err()
        })
    }

    /// Reads the file. While what it holds now can't be used, the identity that was read before goes on.
    async fn look(&self, current: &mut Option<Current>) -> Result<(), Unreachable> {
        let content = read(&self.path).await;
        let Some(known) = current else {
            let (digest, text) = content.map_err(|error| self.unusable(error))?;
            let identity = Identity::parse(&text).map_err(|error| self.unusable(error))?;
            *current = Some(self.connect(digest, identity, 1)?);
            return Ok(());
        };
        known.looked = Instant::now();
        let number = known.link.number + 1;
        let troubled = known.link.number <= self.troubled.load(Ordering::Relaxed);
        let changed = self.changed(content, known.digest);
        let same = || troubled.then(|| (known.digest, known.identity.clone()));
        if let Some((digest, identity)) = changed.or_else(same) {
            *current = Some(self.connect(digest, identity, number)?);
        }
        Ok(())
    }

    /// The new identity, if there is one that can be used.
    fn changed(&self, content: io::Result<Content>, known: [u8; 32]) -> Option<([u8; 32], Identity)> {
        let path = self.path.display();
        let (digest, text) = content
            .inspect_err(
                |error| tracing::warn!(%path, %error, "identity file can't be read, the old one goes on"),
            )
            .ok()
            .filter(|(digest, _)| *digest != known)?;
        let identity = Identity::parse(&text)
            .inspect_err(
                |error| tracing::warn!(%path, %error, "identity file can't be used, the old one goes on"),
            )
            .ok()?;
        tracing::info!(%path, until = %identity.until(), "identity file changed");
        Some((digest, identity))
    }

    fn connect(&self, digest: [u8; 32], identity: Identity, number: u64) -> Result<Current, Unreachable> {
        let channel = channel(&self.address, &identity)?;
        let link = Link { channel, number, authorization: None };
        Ok(Current { digest, looked: Instant::now(), identity, link })
    }

    fn unusable(&self, why: impl fmt::Display) -> Unreachable {
        Unreachable(format!("identity file `{}`: {why}", self.path.display()))
    }
}

impl Connection for IdentityFile {
    fn link(&self) -> BoxFuture<'_, Result<Link, Unreachable>> {
        Box::pin(self.current())
    }

    fn report(&self, number: u64, _: Trouble) {
        self.troubled.fetch_max(number, Ordering::Relaxed);
    }
}

type Content = ([u8; 32], Zeroizing<Vec<u8>>);

async fn read(path: &Path) -> io::Result<Content> {
    let text = Zeroizing::new(tokio::fs::read(path).await?);
    Ok((Sha256::digest(&*text).into(), text))
}

fn channel(address: &Arc<str>, identity: &Identity) -> Result<Channel, Unreachable> {
    let config =
        identity.tls(&dial::PROTOCOLS).map_err(|error| Unreachable(format!("TLS can't be used: {error}")))?;
    let name = server_name(identity.cluster());
    dial::channel(DOMAIN, Dial { address: Arc::clone(address), config: Arc::new(config), name, advice })
}

/// The name under which an auth server is verified: it tells the server which cluster's users we are among. Teleport
/// writes the cluster's name in hex into one label, which a long one does not fit.
fn server_name(cluster: Option<&str>) -> ServerName<'static> {
    let label: String = cluster.unwrap_or_default().bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded = format!("{label}.{DOMAIN}");
    let fits = !label.is_empty() && label.len() <= LONGEST_LABEL;
    let name = fits.then(|| ServerName::try_from(encoded).ok()).flatten();
    name.unwrap_or_else(|| ServerName::try_from(DOMAIN).expect("a constant that is a DNS name"))
}

fn advice(error: Option<&rustls::Error>) -> &'static str {
    match error {
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the server's certificate is of none of the identity's authorities: the identity is of another \
                 cluster, or its authorities were rotated; get a new one"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "what answers there is no Teleport auth server"
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => "check the clocks of both machines",
            _ => "what answers there has a certificate that no Teleport auth server has",
        },
        Some(rustls::Error::AlertReceived(_)) => "the server refuses the identity; get a new one",
        Some(rustls::Error::InvalidMessage(_)) => "what answers there does not speak TLS",
        _ => "what answers there may be no Teleport auth server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_name_holds_the_cluster_while_it_fits() {
        fn name(cluster: Option<&str>) -> String {
            server_name(cluster).to_str().into_owned()
        }
        assert_eq!(name(Some("one")), "6f6e65.teleport.cluster.local");
        assert_eq!(name(Some(&"x".repeat(31))), format!("{}.{DOMAIN}", "78".repeat(31)));
        assert_eq!(name(Some(&"x".repeat(32))), DOMAIN);
        assert_eq!(name(Some("")), DOMAIN);
        assert_eq!(name(None), DOMAIN);
    }
}
