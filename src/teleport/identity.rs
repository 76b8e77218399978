//! Who we are to a Teleport: a private key, a certificate, and the authorities that its servers are known by; read from
//! a standard identity file. The key shows in no output and is wiped where it was read.
use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroize;

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
    user: String,
    cluster: Option<String>,
    from: OffsetDateTime,
    until: OffsetDateTime,
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

    fn new(
        mut key: PrivateKeyDer<'static>,
        certificates: Vec<CertificateDer<'static>>,
    ) -> Result<Self, IdentityError> {
        let signer = aws_lc_rs::sign::any_supported_type(&key);
        key.zeroize();
        let signer = signer.map_err(|error| IdentityError::BadKey(error.to_string()))?;
        let (own, authorities) = certificates.split_first().ok_or(IdentityError::NoCertificate)?;
        let about = read(own, 1)?;
        let mut roots = RootCertStore::empty();
        for (index, authority) in authorities.iter().enumerate() {
            let bad = |reason: String| IdentityError::BadCertificate { number: index + 2, reason };
            roots.add(authority.clone()).map_err(|error| bad(error.to_string()))?;
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
        let About { user, cluster, from, until } = about;
        Ok(Self { key: Arc::new(key), authorities: Arc::new(roots), user, cluster, from, until })
    }

    /// The user that the certificate names.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The cluster that issued the certificate.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// Until when it is valid.
    pub fn until(&self) -> OffsetDateTime {
        self.until
    }

    /// Says whether it is valid at this time.
    ///
    /// # Errors
    /// When it is not yet or no longer valid.
    pub fn check(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        if now < self.from {
            return Err(IdentityError::NotYetValid { from: self.from, now });
        }
        if now > self.until {
            return Err(IdentityError::Expired { at: self.until, now });
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
            .field("user", &self.user)
            .field("cluster", &self.cluster)
            .field("until", &stamp(self.until))
            .finish_non_exhaustive()
    }
}

/// What a certificate says.
struct About {
    user: String,
    cluster: Option<String>,
    from: OffsetDateTime,
    until: OffsetDateTime,
}

fn read(certificate: &CertificateDer<'_>, number: usize) -> Result<About, IdentityError> {
    let bad = |reason: String| IdentityError::BadCertificate { number, reason };
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| bad(error.to_string()))?;
    let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| bad(error.to_string()));
    let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
    let user = parsed.subject().iter_common_name().find_map(|name| name.as_str().ok());
    // Teleport's authorities carry the cluster's name as their organization (observed on Teleport 14).
    let cluster = parsed.issuer().iter_organization().find_map(|name| name.as_str().ok());
    Ok(About {
        user: user.unwrap_or_default().to_owned(),
        cluster: cluster.map(str::to_owned),
        from: time(from.timestamp())?,
        until: time(until.timestamp())?,
    })
}

/// Never the parser's own words: they may quote the file.
fn damage(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM section is not closed",
        pem::Error::IllegalSectionStart { .. } => "a PEM section begins with a broken line",
        _ => "a PEM section is not base64",
    }
}

fn stamp(time: OffsetDateTime) -> String {
    let time = time.truncate_to_second();
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
