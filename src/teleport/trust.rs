//! Whom a TLS connection trusts: the machine's authorities, given ones, or nobody in particular. Connects to nothing. What
//! it refuses, it refuses as a [`Problem`] with the values seen.
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::address::Environment;
use super::failure::Problem;

/// A name that all certificates of Teleport's own servers hold.
pub(super) const DOMAIN: &str = "teleport.cluster.local";

/// Where bundles and folders of authorities are by custom; those of the Go language, in its order.
const FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Key and certificate that are shown to a server.
pub type ClientIdentity = Arc<CertifiedKey>;

/// Whom to trust.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The authorities of this machine, for web servers.
    System(SystemRoots),
    /// These, and a server that shows exactly one of these: a proxy that made its own certificate shows an authority.
    Roots(Vec<CertificateDer<'static>>),
    /// Anybody.
    Insecure,
    /// Anybody who shows a certificate that is valid now and for Teleport's own servers. It proves nothing; what is said
    /// through it is secured otherwise.
    HostName,
}

/// Where the authorities of this machine are.
#[derive(Debug, Clone, Default)]
pub struct SystemRoots {
    file: Option<PathBuf>,
    folders: Option<Vec<PathBuf>>,
}

/// Why nobody can be trusted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// There are no authorities.
    #[error("no certificate authority is trusted: {0}")]
    NoRoots(String),
    /// One can't be read.
    #[error("the certificate of an authority can't be read: {0}")]
    BadRoot(String),
    /// The library refuses.
    #[error("TLS can't be used: {0}")]
    Provider(rustls::Error),
}

impl TrustError {
    /// What to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoRoots(_) => "name a file with the PEM of authorities in SSL_CERT_FILE",
            Self::BadRoot(_) => "get the authorities anew",
            Self::Provider(_) => "report this",
        }
    }
}

/// How to speak TLS with a server that is trusted so, as whom, and with these protocols offered.
///
/// # Errors
/// When there is nobody to trust.
pub fn config(
    trust: &Trust,
    identity: Option<&ClientIdentity>,
    protocols: &[&[u8]],
) -> Result<ClientConfig, TrustError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(key) => {
            let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(Arc::clone(key)));
            builder.with_client_cert_resolver(resolver)
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// What looks at a server's certificate on behalf of whom is trusted.
///
/// # Errors
/// When there is nobody to trust.
pub fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(Arc::new(Verifier { check: Check::new(trust, &provider)?, provider }))
}

impl SystemRoots {
    /// As the environment says.
    pub fn new(environment: &Environment) -> Self {
        let folders =
            |list: &OsStr| env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
        Self {
            file: environment.certificate_file.as_ref().map(PathBuf::from),
            folders: environment.certificate_folders.as_deref().map(folders),
        }
    }

    /// The authorities, and in words which ones they are. As in Go each variable replaces its own default only.
    fn load(&self) -> (Vec<CertificateDer<'static>>, String) {
        let mut found = CertificateResult::default();
        let mut add = |more: CertificateResult| {
            found.certs.extend(more.certs);
            found.errors.extend(more.errors);
        };
        if self.file.is_none() && self.folders.is_none() {
            add(load_native_certs());
        } else {
            let default_file = || FILES.iter().map(PathBuf::from).find(|path| path.exists());
            let default_folders = || FOLDERS.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
            if let Some(file) = self.file.clone().or_else(default_file) {
                add(load_certs_from_paths(Some(&file), None));
            }
            for folder in self.folders.clone().unwrap_or_else(default_folders) {
                add(load_certs_from_paths(None, Some(&folder)));
            }
        }
        found.certs.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        found.certs.dedup();
        (found.certs, self.describe(&found.errors))
    }

    fn describe(&self, errors: &[rustls_native_certs::Error]) -> String {
        let named = |name, path: &Path| format!("{name}={}", path.display());
        let mut given: Vec<_> = self.file.iter().map(|path| named("SSL_CERT_FILE", path)).collect();
        given.extend(self.folders.iter().flatten().map(|path| named("SSL_CERT_DIR", path)));
        let mut text = "the authorities that this machine trusts".to_owned();
        if !given.is_empty() {
            text = format!("{text} (with {})", given.join(", "));
        }
        // Errors in default folders concern nobody who named other places.
        let places: Vec<_> = self.file.iter().chain(self.folders.iter().flatten()).collect();
        let bad = errors.iter().map(ToString::to_string);
        let bad: Vec<_> = bad
            .filter(|error| {
                places.is_empty() || places.iter().any(|path| error.contains(&*path.to_string_lossy()))
            })
            .take(2)
            .collect();
        if bad.is_empty() { text } else { format!("{text}; {}", bad.join("; ")) }
    }
}

/// What is looked at in a server's certificate.
#[derive(Debug)]
enum Check {
    Chain { chain: Arc<WebPkiServerVerifier>, exact: Vec<CertificateDer<'static>>, trusted: String },
    HostName,
    Nothing,
}

impl Check {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, TrustError> {
        let (certificates, trusted, strict) = match trust {
            Trust::Insecure => return Ok(Self::Nothing),
            Trust::HostName => return Ok(Self::HostName),
            Trust::Roots(roots) => (roots.clone(), "the identity's authorities".to_owned(), true),
            Trust::System(system) => {
                let (roots, trusted) = system.load();
                (roots, trusted, false)
            }
        };
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            // A machine's bundle may hold what nobody needs; what was given for this purpose may not.
            if let Err(error) = roots.add(certificate.clone())
                && strict
            {
                return Err(TrustError::BadRoot(error.to_string()));
            }
        }
        if roots.is_empty() {
            return Err(TrustError::NoRoots(trusted));
        }
        let chain =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        let chain = chain.map_err(|error| TrustError::NoRoots(error.to_string()))?;
        Ok(Self::Chain { chain, exact: certificates, trusted })
    }
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = match &self.check {
            Check::Nothing => Ok(()),
            Check::HostName => valid_now(shown, now).and_then(|()| {
                let names = names(shown);
                let is_ours = names.iter().any(|name| name.eq_ignore_ascii_case(DOMAIN));
                if is_ours { Ok(()) } else { Err(Problem::WrongName { asked: DOMAIN.to_owned(), names }) }
            }),
            Check::Chain { exact, .. } if exact.iter().any(|root| root == shown) => valid_now(shown, now)
                .and_then(|()| {
                    let parsed = ParsedCertificate::try_from(shown);
                    let verified = parsed.and_then(|parsed| verify_server_name(&parsed, name));
                    verified.map_err(|error| problem(&error, shown, name, now, ""))
                }),
            Check::Chain { chain, trusted, .. } => {
                let verified = chain.verify_server_cert(shown, intermediates, name, &[], now);
                verified.map(|_| ()).map_err(|error| problem(&error, shown, name, now, trusted))
            }
        };
        let refuse = |problem| {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(problem))))
        };
        verified.map(|()| ServerCertVerified::assertion()).map_err(refuse)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What the library's refusal of a certificate means, with what is in it.
fn problem(
    error: &rustls::Error,
    shown: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
    trusted: &str,
) -> Problem {
    let rustls::Error::InvalidCertificate(error) = error else {
        return Problem::Certificate(error.to_string());
    };
    match error {
        // Names and keys of authorities are compared: after a rotation the old has the same name and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let (subject, issuer) = parties(shown);
            Problem::UnknownAuthority { subject, issuer, trusted: trusted.to_owned() }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Problem::WrongName { asked: name.to_str().into_owned(), names: names(shown) }
        }
        // The library's context may be about another certificate of the chain, so it is kept where there is one.
        CertificateError::ExpiredContext { not_after, .. } => {
            Problem::Expired { until: time(*not_after), now: time(now) }
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            Problem::NotYetValid { from: time(*not_before), now: time(now) }
        }
        CertificateError::Other(other) => match other.0.to_string() {
            text if text.contains("CaUsedAsEndEntity") => {
                let (subject, issuer) = parties(shown);
                Problem::UnknownAuthority { subject, issuer, trusted: trusted.to_owned() }
            }
            text => Problem::Certificate(text),
        },
        other => Problem::Certificate(other.to_string()),
    }
}

fn time(time: UnixTime) -> OffsetDateTime {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(super) fn parse<'der>(certificate: &'der CertificateDer<'_>) -> Option<X509Certificate<'der>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed)
}

/// What a certificate says, for people to read. Nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whom it is for.
    pub subject: String,
    /// By whom it says that it is issued.
    pub issuer: String,
    /// The names that it holds.
    pub names: Vec<String>,
    /// From when it is valid.
    pub from: OffsetDateTime,
    /// Until when.
    pub until: OffsetDateTime,
}

impl Shown {
    /// That of a certificate; none if it can't be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let validity = parse(certificate)?.validity().clone();
        let (subject, issuer) = parties(certificate);
        let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        Some(Self { subject, issuer, names: names(certificate), from, until })
    }
}

/// Whether it is valid at that time.
pub(super) fn valid_now(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Problem> {
    let parsed = parse(certificate).ok_or_else(|| Problem::Certificate("it can't be read".to_owned()))?;
    let (now, validity) = (time(now), parsed.validity());
    let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    if now < from {
        return Err(Problem::NotYetValid { from, now });
    }
    if now > until {
        return Err(Problem::Expired { until, now });
    }
    Ok(())
}

/// The names that a certificate holds.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Some(parsed) = parse(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => ip(bytes),
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

fn ip(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string())).ok()
}

/// Subject and issuer, in words.
fn parties(certificate: &CertificateDer<'_>) -> (String, String) {
    parse(certificate)
        .map_or_else(Default::default, |parsed| (parsed.subject().to_string(), parsed.issuer().to_string()))
}
