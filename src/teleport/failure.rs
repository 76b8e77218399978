//! Why a way does not lead where it should, as values: what was tried, what was seen, and what to do. Each is one line when
//! shown. Tries nothing itself.
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};
use time::OffsetDateTime;

use super::address::BadAddress;
use super::stamp::stamp;
use super::trust::TrustError;

/// Whose TLS failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// That of a Teleport proxy's web address, or of what stands before it.
    Web,
    /// That of an auth server, directly or through a proxy.
    Auth,
    /// That of the forward proxy which the environment names.
    Forward,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Web => "the Teleport proxy",
            Self::Auth => "the auth server",
            Self::Forward => "the proxy of HTTPS_PROXY",
        })
    }
}

/// Why there is no way.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}; {}", self.what(), self.advice())]
pub enum Failure {
    /// What was given is no address.
    Address(#[from] BadAddress),
    /// Whom to trust can't be told.
    Trust(#[from] TrustError),
    /// The variable holds no proxy.
    BadForward,
    /// The name can't be resolved.
    Dns {
        /// The name.
        host: String,
        /// What the resolver says.
        source: Arc<io::Error>,
    },
    /// Nothing takes the connection.
    Tcp {
        /// Where to.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// Nothing is heard.
    Silent {
        /// Where to.
        address: String,
        /// What was awaited.
        step: &'static str,
        /// For how long.
        patience: Duration,
    },
    /// There is no TLS.
    Tls {
        /// Where to.
        address: String,
        /// With whom.
        hop: Hop,
        /// What is wrong.
        problem: Problem,
        /// What TLS says; the problem says it better.
        cause: Arc<io::Error>,
    },
    /// The forward proxy does not pass the connection on.
    Forward {
        /// The proxy's own address, without credentials.
        proxy: String,
        /// Where it was to lead.
        address: String,
        /// What came of it.
        answer: Answer,
    },
    /// The Teleport proxy does not upgrade a connection.
    Upgrade {
        /// The proxy.
        address: String,
        /// What came of it.
        answer: Answer,
    },
    /// The cluster's name can't be routed by.
    ClusterName {
        /// The name.
        cluster: String,
    },
    /// The route is not one that leads there.
    NoSuchRoute,
    /// The connection can't be described to the gRPC library.
    Channel(String),
}

/// What an HTTP server answered where another protocol was to begin.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this status.
    Status {
        /// The number.
        status: u16,
        /// The type of the body.
        content_type: Option<String>,
    },
    /// With what is not HTTP, or not at all.
    Broken(Arc<dyn StdError + Send + Sync>),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, content_type: Some(content_type) } => {
                write!(f, "HTTP status {status} ({content_type})")
            }
            Self::Status { status, content_type: None } => write!(f, "HTTP status {status}"),
            Self::Broken(error) => write!(f, "{error}"),
        }
    }
}

/// What is wrong with the TLS of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Its certificate is of nobody that is trusted.
    UnknownAuthority {
        /// Whom the certificate is for.
        subject: String,
        /// By whom it is said to be issued.
        issuer: String,
        /// Who is trusted, in words.
        trusted: String,
    },
    /// Its certificate is for other names.
    WrongName {
        /// The one that was asked for.
        asked: String,
        /// Those that it has.
        names: Vec<String>,
    },
    /// Its certificate was valid once.
    Expired {
        /// Until when.
        until: OffsetDateTime,
        /// The time here.
        now: OffsetDateTime,
    },
    /// Its certificate will be valid.
    NotYetValid {
        /// From when.
        from: OffsetDateTime,
        /// The time here.
        now: OffsetDateTime,
    },
    /// Something else is wrong with its certificate.
    Certificate(String),
    /// It speaks something else.
    NotTls,
    /// It closes the connection within the handshake.
    Closed,
    /// It refuses.
    Refused(AlertDescription),
    /// TLS fails in another way.
    Other(String),
}

impl Problem {
    /// What an error of the handshake means.
    pub fn of(error: &io::Error) -> Self {
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => Self::Closed,
                _ => Self::Other(error.to_string()),
            };
        };
        match tls {
            rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
                let known = other.0.downcast_ref::<Problem>();
                known.cloned().unwrap_or_else(|| Self::Certificate(other.to_string()))
            }
            rustls::Error::InvalidCertificate(other) => Self::Certificate(other.to_string()),
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::AlertReceived(alert) => Self::Refused(*alert),
            other => Self::Other(other.to_string()),
        }
    }

    /// Whether it is one of clocks or of certificates that were not renewed.
    pub fn is_about_time(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::NotYetValid { .. })
    }

    /// What to do about it.
    fn advice(&self, hop: Hop) -> &'static str {
        match (self, hop) {
            (Self::UnknownAuthority { .. }, Hop::Web | Hop::Forward) => {
                "write the PEM of the authority that issued it into a file and name the file in SSL_CERT_FILE (for \
                 a trial, --insecure goes on without)"
            }
            (Self::UnknownAuthority { .. }, Hop::Auth) => {
                "the identity is of another cluster, or its authorities were rotated; get a new one"
            }
            (Self::WrongName { .. }, Hop::Auth) => "what answers there is no Teleport auth server",
            (Self::WrongName { names, .. }, _) if names.is_empty() => {
                "give the server a certificate for this name"
            }
            (Self::WrongName { .. }, Hop::Web | Hop::Forward) => {
                "use the address by one of these names, or give the server a certificate for this one"
            }
            (Self::Expired { .. }, _) => "renew that certificate, or set the clock of this machine",
            (Self::NotYetValid { .. }, _) => "check the clocks of both machines",
            (Self::Certificate(_), Hop::Auth) => {
                "what answers there has a certificate that no Teleport auth server has"
            }
            (Self::Certificate(_), _) => "give the server another certificate",
            (Self::NotTls, _) => "check the address and the port",
            (Self::Closed, Hop::Auth) => {
                "what answers there may be no Teleport auth server, or a proxy that does not know the cluster by \
                 this name"
            }
            (Self::Refused(AlertDescription::NoApplicationProtocol), _) => {
                "what answers there, or a load balancer before it, does not route by TLS: check the address and \
                 TELEPORT_TLS_ROUTING_CONN_UPGRADE"
            }
            (Self::Refused(alert), Hop::Auth) if is_about_identity(*alert) => {
                "the server refuses the identity; get a new one"
            }
            (Self::Refused(_) | Self::Other(_), Hop::Auth) => {
                "what answers there may be no Teleport auth server, or another version of one; check the address"
            }
            (Self::Closed | Self::Refused(_) | Self::Other(_), _) => {
                "check the address; what answers there may be no Teleport"
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority { subject, issuer, trusted } if subject == issuer => {
                write!(f, "the certificate of `{subject}`, signed by itself, is of none of {trusted}")
            }
            Self::UnknownAuthority { subject, issuer, trusted } => {
                write!(f, "the certificate of `{subject}`, issued by `{issuer}`, is of none of {trusted}")
            }
            Self::WrongName { asked, names } if names.is_empty() => {
                write!(f, "the certificate holds no name, and not `{asked}`")
            }
            Self::WrongName { asked, names } => {
                write!(f, "the certificate is not for `{asked}` but for {}", list(names))
            }
            Self::Expired { until, now } => {
                write!(f, "the certificate was valid until {} (it is {} here)", stamp(*until), stamp(*now))
            }
            Self::NotYetValid { from, now } => {
                write!(f, "the certificate is valid from {} (it is {} here)", stamp(*from), stamp(*now))
            }
            Self::Certificate(what) => write!(f, "the certificate can't be used: {what}"),
            Self::NotTls => f.write_str("what answers there does not speak TLS"),
            Self::Closed => f.write_str("the connection is closed within the handshake"),
            Self::Refused(alert) => write!(f, "it refuses ({alert:?})"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl StdError for Problem {}

/// Whether a server says so of a client's certificate.
fn is_about_identity(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            | Alert::CertificateRequired
    )
}

/// At most a few names.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(SHOWN);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    shown.join(", ") + &more
}

impl Failure {
    /// A handshake that failed.
    pub(super) fn tls(address: impl fmt::Display, hop: Hop, error: io::Error) -> Self {
        let (problem, cause) = (Problem::of(&error), Arc::new(error));
        Self::Tls { address: address.to_string(), hop, problem, cause }
    }

    /// Nothing was heard for so long.
    pub(super) fn silent(address: impl fmt::Display, step: &'static str, patience: Duration) -> Self {
        Self::Silent { address: address.to_string(), step, patience }
    }

    /// The failure that another error, such as one of the gRPC library, was caused by.
    pub fn within<'error>(error: &'error (dyn StdError + 'static)) -> Option<&'error Self> {
        std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
    }

    /// Whether no other way through the same address could fare better.
    pub fn is_before_tls(&self) -> bool {
        match self {
            Self::Address(_)
            | Self::BadForward
            | Self::Dns { .. }
            | Self::Tcp { .. }
            | Self::Forward { .. } => true,
            Self::Silent { step, .. } => *step == TCP,
            Self::Tls { hop, .. } => *hop == Hop::Forward,
            _ => false,
        }
    }

    /// What is wrong, with the values seen.
    pub fn what(&self) -> String {
        match self {
            Self::Address(error) => error.to_string(),
            Self::Trust(error) => error.to_string(),
            Self::BadForward => "HTTPS_PROXY holds no address of a proxy".to_owned(),
            Self::Dns { host, source } => format!("the name `{host}` can't be resolved: {source}"),
            Self::Tcp { address, source } => format!("cannot connect to {address}: {source}"),
            Self::Silent { address, step, patience } => {
                format!("{address} does not answer ({step}) within {patience:?}")
            }
            Self::Tls { address, hop, problem, .. } => format!("no TLS with {hop} at {address}: {problem}"),
            Self::Forward { proxy, address, answer } => {
                format!("the proxy {proxy} of HTTPS_PROXY does not connect to {address}: {answer}")
            }
            Self::Upgrade { address, answer } => {
                format!("the Teleport proxy at {address} does not upgrade the connection: {answer}")
            }
            Self::ClusterName { cluster } => {
                format!("the cluster's name is too long to be routed by ({} bytes)", cluster.len())
            }
            Self::NoSuchRoute => "an auth server is no proxy".to_owned(),
            Self::Channel(why) => why.clone(),
        }
    }

    /// What to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Address(_) => "give the address of a proxy or an auth server",
            Self::Trust(error) => error.advice(),
            Self::BadForward => "write it as http://host:port, or unset it",
            Self::Dns { .. } => "check the address, and the DNS of this machine",
            Self::Tcp { .. } => "check the address (host:port) and that the server runs",
            Self::Silent { .. } => "check the address and firewalls on the way",
            Self::Tls { problem, hop, .. } => problem.advice(*hop),
            Self::Forward { answer: Answer::Status { status: 407, .. }, .. } => {
                "it wants a user and a password: http://user:password@host:port"
            }
            Self::Forward { .. } => "let it connect there, or name the host in NO_PROXY",
            Self::Upgrade { answer: Answer::Status { status: 404, .. }, .. } => {
                "the server there is no Teleport proxy, or one older than 15.1"
            }
            Self::Upgrade { .. } => {
                "let WebSockets pass the load balancer before it, or set TELEPORT_TLS_ROUTING_CONN_UPGRADE=no if \
                 there is none"
            }
            Self::ClusterName { .. } => "go to the auth server directly",
            Self::NoSuchRoute => "give the address of a proxy",
            Self::Channel(_) => "check the address",
        }
    }
}

/// The step of a connection that comes before all others.
pub(super) const TCP: &str = "TCP";
