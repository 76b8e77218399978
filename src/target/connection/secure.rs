//! The plain way to a gRPC server: TLS, with authorities, a certificate of our own and a bearer's token out of files, read
//! anew when they change. Calls under way keep the channel that they have. No file's content is ever shown.
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use rustls::crypto::aws_lc_rs;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use zeroize::Zeroizing;

use super::dial::{self, Dial};
use super::{Connection, Link, Trouble, Unreachable};
use crate::mapping::plan::Credentials;

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A way to the server at an address, with what the files hold.
pub struct Secure {
    credentials: Credentials,
    address: Arc<str>,
    name: ServerName<'static>,
    current: Mutex<Option<Current>>,
    /// Number of the last link that was reported to be in trouble; numbers begin at 1.
    troubled: AtomicU64,
}

struct Current {
    proof: Proof,
    looked: Instant,
    link: Link,
}

impl Secure {
    /// The way to `address` (`host:port`). Nothing is read or connected yet.
    ///
    /// # Errors
    /// When the address is none, or the server's name can't be one.
    pub fn new(credentials: Credentials, address: &str) -> Result<Self, Unreachable> {
        let name = match &credentials.server_name {
            Some(name) => name.clone(),
            None => host(address)?,
        };
        let name = ServerName::try_from(name.clone())
            .map_err(|_| Unreachable(format!("`{name}` is no name that a server's certificate can have")))?;
        let (current, troubled) = (Mutex::new(None), AtomicU64::new(0));
        Ok(Self { credentials, address: address.into(), name, current, troubled })
    }

    async fn current(&self) -> Result<Link, Unreachable> {
        let mut current = self.current.lock().await;
        let Some(known) = current.as_mut() else {
            let proof = Proof::new(&Files::read(&self.credentials).await?, &self.credentials)?;
            let link = self.connect(&proof, 1)?;
            return Ok(current.insert(Current { proof, looked: Instant::now(), link }).link.clone());
        };
        let is_troubled = known.link.number <= self.troubled.load(Ordering::Relaxed);
        if is_troubled || known.looked.elapsed() >= LOOK_EVERY {
            known.looked = Instant::now();
            let changed = self.changed(&known.proof).await;
            if is_troubled || changed.is_some() {
                known.proof = changed.unwrap_or_else(|| known.proof.clone());
                known.link = self.connect(&known.proof, known.link.number + 1)?;
            }
        }
        Ok(known.link.clone())
    }

    /// What the files hold, if that is new and can be used. While it can't, what was read before goes on.
    async fn changed(&self, known: &Proof) -> Option<Proof> {
        let read = Files::read(&self.credentials).await;
        let proof = match read {
            Ok(files) if files.digest() == known.digest => return None,
            Ok(files) => Proof::new(&files, &self.credentials),
            Err(error) => Err(error),
        };
        match &proof {
            Ok(_) => tracing::info!("the target's credentials changed"),
            Err(error) => tracing::warn!(%error, "the target's new credentials can't be used, the old go on"),
        }
        proof.ok()
    }

    fn connect(&self, proof: &Proof, number: u64) -> Result<Link, Unreachable> {
        let (address, config) = (Arc::clone(&self.address), Arc::clone(&proof.config));
        let dial = Dial { address, config, name: self.name.clone(), advice };
        let channel = dial::channel(&self.address, dial)?;
        Ok(Link { channel, number, authorization: proof.authorization.clone() })
    }
}

impl Connection for Secure {
    fn link(&self) -> BoxFuture<'_, Result<Link, Unreachable>> {
        Box::pin(self.current())
    }

    fn report(&self, number: u64, _: Trouble) {
        self.troubled.fetch_max(number, Ordering::Relaxed);
    }
}

fn host(address: &str) -> Result<String, Unreachable> {
    let authority = address.parse::<http::uri::Authority>().ok().filter(|found| found.port().is_some());
    let authority =
        authority.ok_or_else(|| Unreachable(format!("`{address}` is no address of the form host:port")))?;
    Ok(authority.host().trim_matches(['[', ']']).to_owned())
}

type Content = Zeroizing<Vec<u8>>;

/// What the files hold.
struct Files {
    authorities: Option<Content>,
    identity: Option<(Content, Content)>,
    token: Option<Content>,
}

impl Files {
    async fn read(credentials: &Credentials) -> Result<Self, Unreachable> {
        let authorities = match &credentials.authorities {
            Some(path) => Some(read("authorities", path).await?),
            None => None,
        };
        let identity = match &credentials.identity {
            Some((certificate, key)) => {
                Some((read("certificate", certificate).await?, read("key", key).await?))
            }
            None => None,
        };
        let token = match &credentials.token {
            Some(path) => Some(read("bearer token", path).await?),
            None => None,
        };
        Ok(Self { authorities, identity, token })
    }

    fn digest(&self) -> [u8; 32] {
        let (certificate, key) = self.identity.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
        let mut digest = Sha256::new();
        for content in [self.authorities.as_ref(), certificate, key, self.token.as_ref()] {
            let content = content.map_or(&[][..], |content| content);
            digest.update(content.len().to_be_bytes());
            digest.update(content);
        }
        digest.finalize().into()
    }
}

async fn read(what: &str, path: &Path) -> Result<Content, Unreachable> {
    tokio::fs::read(path).await.map(Zeroizing::new).map_err(|error| unusable(what, path, error))
}

fn unusable(what: &str, path: &Path, why: impl fmt::Display) -> Unreachable {
    Unreachable(format!("{what} file `{}`: {why}", path.display()))
}

/// What the files' content makes.
#[derive(Clone)]
struct Proof {
    digest: [u8; 32],
    config: Arc<ClientConfig>,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Proof {
    /// The paths serve to say where a mistake is.
    fn new(files: &Files, paths: &Credentials) -> Result<Self, Unreachable> {
        let roots = match files.authorities.as_ref().zip(paths.authorities.as_ref()) {
            Some((content, path)) => {
                authorities(content).map_err(|why| unusable("authorities", path, why))?
            }
            None => system()?,
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Unreachable(format!("TLS can't be used: {error}")))?
            .with_root_certificates(roots);
        let mut config = match files.identity.as_ref().zip(paths.identity.as_ref()) {
            None => builder.with_no_client_auth(),
            Some(((chain, key), (chain_path, key_path))) => {
                let chain = certificates(chain).map_err(|why| unusable("certificate", chain_path, why))?;
                // The parser's own words may quote the file.
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
                    unusable("key", key_path, "there is no unencrypted private key (PEM) in it")
                })?;
                builder.with_client_auth_cert(chain, key).map_err(|why| unusable("key", key_path, why))?
            }
        };
        config.alpn_protocols = dial::PROTOCOLS.map(|protocol| protocol.as_bytes().to_vec()).into();
        let authorization = match files.token.as_ref().zip(paths.token.as_ref()) {
            Some((content, path)) => {
                Some(bearer(content).map_err(|why| unusable("bearer token", path, why))?)
            }
            None => None,
        };
        Ok(Self { digest: files.digest(), config: Arc::new(config), authorization })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err("there is no certificate (PEM) in it"),
        found => found.map_err(|_| "it is damaged"),
    }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots
            .add(certificate)
            .map_err(|error| format!("it has a certificate that can't be read: {error}"))?;
    }
    Ok(roots)
}

fn system() -> Result<RootCertStore, Unreachable> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that are too odd for rustls; the others are enough.
    roots.add_parsable_certificates(found.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
    Err(Unreachable(format!(
        "this system has no certificate authorities{why}: name a file of them (--ca-file)"
    )))
}

fn bearer(content: &[u8]) -> Result<MetadataValue<Ascii>, &'static str> {
    let token = str::from_utf8(content).map_err(|_| "it is no text")?.trim();
    if token.is_empty() {
        return Err("it is empty");
    }
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut value: MetadataValue<Ascii> =
        text.parse().map_err(|_| "it has characters that no token has: it must be a single line")?;
    value.set_sensitive(true);
    Ok(value)
}

fn advice(error: Option<&rustls::Error>) -> &'static str {
    match error {
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the server's certificate is of no authority that is trusted: name a file with its authority (--ca-file)"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name: check the address, or say the name (--server-name)"
            }
            _ => "the server needs another certificate, or a clock is wrong",
        },
        Some(rustls::Error::AlertReceived(_)) => {
            "the server refuses who we are: it wants a certificate (--certificate-file, --key-file), or another one"
        }
        Some(rustls::Error::InvalidMessage(_)) => "what answers there does not speak TLS",
        _ => "what answers there may be no gRPC server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_its_name() {
        for (address, expected) in
            [("a.example:443", "a.example"), ("[::1]:1", "::1"), ("127.0.0.1:2", "127.0.0.1")]
        {
            let way = Secure::new(Credentials::default(), address).expect(address);
            assert_eq!(way.name.to_str(), expected);
        }
        for address in ["", "a.example", "a b:1", "https://a.example:443"] {
            let error = Secure::new(Credentials::default(), address).err().expect(address).to_string();
            assert!(error.contains("is no address of the form host:port"), "{error}");
        }
        let named = Credentials { server_name: Some("no name".to_owned()), ..Credentials::default() };
        let error = Secure::new(named, "a:1").err().expect("no name").to_string();
        assert!(error.starts_with("`no name` is no name"), "{error}");
    }

    #[test]
    fn a_token_shows_nowhere() {
        let token = bearer(b" hunter2\n").expect("a token");
        assert_eq!(token.to_str().expect("text"), "Bearer hunter2");
        assert!(!format!("{token:?}").contains("hunter2"));
        for (content, why) in [(&b" \n"[..], "empty"), (b"hun\nter2", "single line"), (b"\xff", "no text")] {
            let error = bearer(content).expect_err("no token");
            assert!(error.contains(why) && !error.contains("ter2"), "{error}");
        }
    }
}
