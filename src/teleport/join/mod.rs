//! Joining a cluster: from a token, and what proves that we may use it, to a certificate. There are several ways, newer and
//! older; which one is next when one fails is decided here, and each is a file.
mod grpc;
mod http;
mod v1;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::certs::Issued;
use super::errors::{Error, Hint};
use super::keys::{KeyPair, NoKey};
use super::ping::Suite;
use super::proto;
use super::route::{Route, Ways};
use super::token::Proof;
use super::trust::Trust;

/// The system role that bots join as.
const ROLE: &str = "Bot";

/// What proves that the token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The token of a Kubernetes service account.
    #[default]
    Kubernetes,
    /// The token itself.
    Token,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A method that is not known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no method to join by that this operator knows: kubernetes or token")]
pub struct UnknownMethod(String);

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        [Self::Kubernetes, Self::Token]
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| UnknownMethod(text.to_owned()))
    }
}

/// What is asked for. It is made anew for each attempt: tokens in files change.
pub struct Ask {
    /// What the token is used with.
    pub method: Method,
    /// Its name, or itself.
    pub token: Zeroizing<String>,
    /// The service account's token, for the method that takes one.
    pub proof: Option<Proof>,
    /// For how long the certificates are to be valid.
    pub lifetime: Duration,
}

impl Ask {
    fn expires(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.lifetime
    }

    fn id_token(&self) -> &str {
        self.proof.as_ref().map_or("", |proof| proof.text())
    }

    /// As the older calls, and those over HTTP, have it.
    fn register(&self, key: &KeyPair) -> proto::Register {
        proto::Register {
            role: ROLE.to_owned(),
            token: self.token.to_string(),
            public_tls_key: key.pem().into_bytes(),
            public_ssh_key: key.ssh_line().into_bytes(),
            id_token: self.id_token().to_owned(),
            expires: Some(proto::timestamp(self.expires())),
        }
    }
}

/// A way to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// `teleport.join.v1`, at a proxy or an auth server.
    Stream,
    /// The older call of an auth server's.
    Call,
    /// The HTTP endpoint of a proxy or an auth server.
    Http,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "teleport.join.v1",
            Self::Call => "RegisterUsingToken",
            Self::Http => "HTTP",
        })
    }
}

/// An attempt that failed.
struct Failed {
    error: Error,
    /// Whether the server has not said a word of the protocol yet.
    early: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, early: false }
    }
}

impl From<NoKey> for Failed {
    fn from(error: NoKey) -> Self {
        Error::Key(error).into()
    }
}

impl Failed {
    /// Whether an older way may do: the server does not have this one, or nobody is there who speaks it.
    fn is_of_the_way(&self) -> bool {
        use tonic::Code::{InvalidArgument, PermissionDenied};
        match &self.error {
            error if error.is_unimplemented() => true,
            Error::Way { hint: Hint::Hopeless, .. } => false,
            Error::Refused { code: PermissionDenied | InvalidArgument, .. } => false,
            Error::Way { .. } | Error::Broken { .. } | Error::Refused { .. } => self.early,
            _ => false,
        }
    }
}

/// What came of joining.
pub struct Joined {
    /// The key that was made for it.
    pub key: KeyPair,
    /// What was issued for the key.
    pub issued: Issued,
    /// By which way.
    pub via: Via,
}

/// Where to join.
pub struct Place<'a> {
    /// How this process gets anywhere.
    pub ways: &'a Ways,
    /// The way to the cluster.
    pub route: &'a Route,
    /// The cluster's name, where it is known.
    pub cluster: Option<&'a str>,
    /// Whom to trust as an auth server.
    pub trust: &'a Trust,
    /// Which keys the cluster wants.
    pub suite: Suite,
}

impl Place<'_> {
    /// A channel to the auth server, as nobody yet.
    fn auth(&self) -> Result<Channel, Error> {
        self.ways.auth(self.route, self.cluster, self.trust, None).map_err(|error| Error::from(&error))
    }

    /// A channel to the proxy's own services.
    fn proxy(&self) -> Result<Channel, Error> {
        self.ways.proxy_grpc(self.route).map_err(|error| Error::from(&error))
    }
}

/// Joins, by the newest way that the server has.
///
/// # Errors
/// With what the last way said that was tried.
pub async fn join(place: &Place<'_>, ask: &Ask) -> Result<Joined, Error> {
    let order: &[Via] = match place.route {
        Route::Direct(_) => &[Via::Stream, Via::Call, Via::Http],
        Route::Proxy(_) | Route::Upgraded(_) => &[Via::Stream, Via::Http],
    };
    let mut ladder = Ladder::new(order.len());
    for via in order {
        let attempt = match (via, place.route) {
            (Via::Stream, Route::Direct(_)) => v1::join(&place.auth()?, ask).await,
            (Via::Stream, _) => v1::join(&place.proxy()?, ask).await,
            (Via::Call, _) => grpc::join(&place.auth()?, ask, place.suite).await,
            (Via::Http, _) => http::join(place, ask).await,
        };
        match attempt {
            Ok((key, issued)) => return Ok(Joined { key, issued, via: *via }),
            Err(failed) => ladder.step(failed)?,
        }
    }
    Err(ladder.end())
}

/// Joins again as who we are, so that the bot goes on as the one that it was.
///
/// # Errors
/// With what the last way said that was tried.
pub async fn again(channel: &Channel, ask: &Ask, suite: Suite) -> Result<Joined, Error> {
    let mut ladder = Ladder::new(2);
    for via in [Via::Stream, Via::Call] {
        let attempt = match via {
            Via::Stream => v1::join(channel, ask).await,
            Via::Call | Via::Http => grpc::join(channel, ask, suite).await,
        };
        match attempt {
            Ok((key, issued)) => return Ok(Joined { key, issued, via }),
            Err(failed) => ladder.step(failed)?,
        }
    }
    Err(ladder.end())
}

/// The ways that are left, and why the newest of those that were tried failed.
struct Ladder {
    left: usize,
    first: Option<Error>,
}

impl Ladder {
    fn new(ways: usize) -> Self {
        Self { left: ways, first: None }
    }

    /// An attempt failed: whether an older way is to be tried.
    fn step(&mut self, failed: Failed) -> Result<(), Error> {
        self.left = self.left.saturating_sub(1);
        let Failed { error, .. } = &failed;
        if self.left > 0 && failed.is_of_the_way() {
            tracing::debug!(?error, "this way to join is not there, an older one is tried");
            if !error.is_unimplemented() {
                self.first.get_or_insert_with(|| error.clone());
            }
            return Ok(());
        }
        // That the oldest way is gone says less than why a newer one failed.
        match self.first.take() {
            Some(first) if error.is_unimplemented() => Err(first),
            _ => Err(failed.error),
        }
    }

    fn end(self) -> Error {
        self.first.unwrap_or(Error::Key(NoKey))
    }
}

/// Makes a key where nobody waits for it.
pub(super) async fn key(suite: Suite) -> Result<KeyPair, NoKey> {
    spawn_blocking(move || KeyPair::generate(suite)).await.map_err(|_| NoKey)?
}

/// All certificates of both lists, each once.
pub(super) fn union(
    one: &[CertificateDer<'static>],
    other: &[CertificateDer<'static>],
) -> Vec<CertificateDer<'static>> {
    let mut all = one.to_vec();
    all.extend(other.iter().filter(|certificate| !one.contains(certificate)).cloned());
    all
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::teleport::errors::{Nature, Step};

    fn refused(code: Code, early: bool) -> Failed {
        Failed { error: Error::Refused { step: Step::Join, code, text: "no".to_owned() }, early }
    }

    fn way(hint: Hint) -> Failed {
        Failed { error: Error::Way { text: "away".to_owned(), nature: Nature::Away, hint }, early: true }
    }

    #[test]
    fn an_older_way_is_tried_where_the_official_client_tries_it() {
        let broken =
            |early| Failed { error: Error::Broken { step: Step::Join, text: "reset".to_owned() }, early };
        for (failed, goes_on) in [
            (refused(Code::Unimplemented, true), true),
            (refused(Code::Unimplemented, false), true),
            (refused(Code::Unavailable, true), true),
            (refused(Code::Unknown, true), true),
            (refused(Code::PermissionDenied, true), false),
            (refused(Code::InvalidArgument, true), false),
            // The server has seen keys and proof: it may have used up the token.
            (refused(Code::Unavailable, false), false),
            (refused(Code::PermissionDenied, false), false),
            (broken(true), true),
            (broken(false), false),
            (way(Hint::None), true),
            (way(Hint::Hopeless), false),
            (Failed::from(Error::Key(NoKey)), false),
        ] {
            assert_eq!(failed.is_of_the_way(), goes_on, "{:?} {}", failed.error, failed.early);
            assert_eq!(Ladder::new(2).step(failed).is_ok(), goes_on);
        }
    }

    #[test]
    fn what_says_most_is_said_in_the_end() {
        let text = |error: Error| match error {
            Error::Way { text, .. } | Error::Refused { text, .. } => text,
            other => panic!("{other:?}"),
        };
        let mut ladder = Ladder::new(2);
        ladder.step(way(Hint::None)).expect("goes on");
        assert_eq!(text(ladder.step(refused(Code::Unimplemented, false)).expect_err("the end")), "away");
        let mut ladder = Ladder::new(2);
        ladder.step(way(Hint::None)).expect("goes on");
        assert_eq!(text(ladder.step(refused(Code::PermissionDenied, false)).expect_err("the end")), "no");
        let mut ladder = Ladder::new(1);
        assert_eq!(text(ladder.step(refused(Code::Unimplemented, false)).expect_err("the end")), "no");
    }

    #[test]
    fn methods_have_names() {
        for method in [Method::Kubernetes, Method::Token] {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        let error = "iam".parse::<Method>().expect_err("unknown").to_string();
        assert!(error.contains("`iam`") && error.contains("kubernetes or token"), "{error}");
    }
}
