//! Who we are to a Teleport: a private key, a certificate, and the authorities that its servers are known by; issued when
//! we joined, or read from a standard identity file. The key shows in no output and is wiped where it was read.
use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use zeroize::Zeroize;

use super::certs::{About, Issued};
use super::keys::KeyPair;
use super::stamp::stamp;

const HOW: &str = "an identity file is made by tbot's `identity` output or by `tctl auth sign --format=file`";

/// What is wrong with an identity, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// There is no private key.
    #[error("the identity has no unencrypted private key; {HOW}")]
    NoKey,
    /// There is no certificate at all.
    #[error("the identity has no TLS certificate; {HOW}")]
    NoCertificate,
    /// There is only the client's certificate.
    #[error("the identity names no certificate authority to know servers by; {HOW}")]
    NoAuthority,
    /// A PEM section is not what it should be.
    #[error("the identity is damaged: {0}; write it anew")]
    BadPem(&'static str),
    /// The key is of no kind that is known.
    #[error("the identity's private key can't be used: {0}")]
    BadKey(String),
    /// A certificate can't be read.
    #[error("certificate {number} of the identity can't be read: {reason}")]
    BadCertificate {
        /// Which one, from 1: the first is the client's.
        number: usize,
        /// What the parser says.
        reason: String,
    },
    /// Key and certificate are not of one pair.
    #[error("the identity's certificate is for another private key than the one beside it; write it anew")]
    Mismatch,
    /// It was valid once.
    #[error("the identity expired at {} (it is {}); get a new one", stamp(*.at), stamp(*.now))]
    Expired {
        /// When it did.
        at: OffsetDateTime,
        /// When that was noticed.
        now: OffsetDateTime,
    },
    /// It is not valid yet.
    #[error("the identity is valid from {} (it is {}); check this machine's clock", stamp(*.from), stamp(*.now))]
    NotYetValid {
        /// From when.
        from: OffsetDateTime,
        /// When that was noticed.
        now: OffsetDateTime,
    },
}

/// Key, certificate and authorities.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    authorities: Arc<RootCertStore>,
    roots: Arc<[CertificateDer<'static>]>,
    about: About,
}

impl Identity {
    /// Reads an identity file: the first private key, the first certificate, which is the client's, and the further
    /// ones, which are authorities. Everything else is of SSH and left alone.
    ///
    /// # Errors
    /// When one of the three is missing or broken. Whether it is valid now is for [`Identity::check`] to say.
    pub fn parse(text: &[u8]) -> Result<Self, IdentityError> {
        let (mut key, mut certificates) = (None, Vec::new());
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
            let (kind, der) = section.map_err(|error| IdentityError::BadPem(damage(&error)))?;
            match kind {
                SectionKind::Certificate => certificates.push(CertificateDer::from(der)),
                _ if key.is_none() => key = PrivateKeyDer::from_pem(kind, der),
                _ => {}
            }
        }
        Self::new(key.ok_or(IdentityError::NoKey)?, certificates)
    }

    /// The identity that was issued for a key.
    ///
    /// # Errors
    /// When what was issued can't be used, or is for another key.
    pub fn issued(key: &KeyPair, issued: &Issued) -> Result<Self, IdentityError> {
        Self::assemble(Arc::clone(key.signer()), &issued.certificate, &issued.authorities)
    }

    fn new(
        mut key: PrivateKeyDer<'static>,
        certificates: Vec<CertificateDer<'static>>,
    ) -> Result<Self, IdentityError> {
        let signer = aws_lc_rs::sign::any_supported_type(&key);
        key.zeroize();
        let signer = signer.map_err(|error| IdentityError::BadKey(error.to_string()))?;
        let (own, authorities) = certificates.split_first().ok_or(IdentityError::NoCertificate)?;
        Self::assemble(signer, own, authorities)
    }

    fn assemble(
        signer: Arc<dyn SigningKey>,
        own: &CertificateDer<'static>,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, IdentityError> {
        let bad = |number: usize, reason: String| IdentityError::BadCertificate { number, reason };
        let about = About::of(own).map_err(|reason| bad(1, reason))?;
        let mut roots = RootCertStore::empty();
        for (index, authority) in authorities.iter().enumerate() {
            roots.add(authority.clone()).map_err(|error| bad(index + 2, error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(IdentityError::NoAuthority);
        }
        // One certificate alone: Teleport refuses a client that sends a chain.
        let key = CertifiedKey::new(vec![own.clone()], signer);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(IdentityError::Mismatch),
        }
        Ok(Self { key: Arc::new(key), authorities: Arc::new(roots), roots: authorities.into(), about })
    }

    /// The same, with other authorities to know servers by.
    ///
    /// # Errors
    /// When one of them can't be used, or there is none.
    pub fn trusting(&self, authorities: &[CertificateDer<'static>]) -> Result<Self, IdentityError> {
        let own = self.key.cert.first().ok_or(IdentityError::NoCertificate)?;
        Self::assemble(Arc::clone(&self.key.key), own, authorities)
    }

    /// Key and certificate, to present in a handshake.
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// The authorities that servers are known by.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// What the certificate says.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The user that the certificate names.
    pub fn user(&self) -> &str {
        &self.about.user
    }

    /// The cluster that issued the certificate.
    pub fn cluster(&self) -> Option<&str> {
        self.about.cluster.as_deref()
    }

    /// Until when it is valid.
    pub fn until(&self) -> OffsetDateTime {
        self.about.until
    }

    /// Whether its time is over. One that is not valid yet by this machine's clock may be so by the server's.
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        now > self.about.until
    }

    /// Says whether it is valid at this time.
    ///
    /// # Errors
    /// When it is not yet or no longer valid.
    pub fn check(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        let About { from, until, .. } = self.about;
        if now < from {
            return Err(IdentityError::NotYetValid { from, now });
        }
        if now > until {
            return Err(IdentityError::Expired { at: until, now });
        }
        Ok(())
    }

    /// How to speak TLS as this identity, with these protocols offered in the handshake.
    ///
    /// # Errors
    /// When the cryptographic provider lacks the TLS versions that are needed.
    pub fn tls(&self, protocols: &[&str]) -> Result<ClientConfig, rustls::Error> {
        let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(Arc::clone(&self.key)));
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.authorities))
            .with_client_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.about.user)
            .field("cluster", &self.about.cluster)
            .field("until", &stamp(self.about.until))
            .finish_non_exhaustive()
    }
}

/// Never the parser's own words: they may quote the file.
fn damage(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM section is not closed",
        pem::Error::IllegalSectionStart { .. } => "a PEM section begins with a broken line",
        _ => "a PEM section is not base64",
    }
}
