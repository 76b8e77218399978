//! Why we are not who we want to be to a Teleport, each as one line: what is wrong, the values seen, and what to do. Teleport
//! tells its reasons only in words, so the words are looked for here and nowhere else. Does nothing about any of it.
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rustls::AlertDescription;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::{Code, Status};

use super::failure::{Failure, Hop, Problem};
use super::identity::IdentityError;
use super::join::Method;
use super::keys::NoKey;
use super::route::{Undiscovered, Unpinned};
use super::token::{Claims, Unreadable};
use super::web::WebError;
use crate::target::connection::Blame;

/// Longest text of a server's that is shown, in characters.
const LONGEST: usize = 500;

/// What went wrong.
#[derive(Debug, Clone)]
pub enum Error {
    /// There is no way there, or what answers is no Teleport.
    Way {
        /// All there is to say.
        text: String,
        /// What kind of trouble that is.
        nature: Nature,
        /// Whether the server may not have what was asked for, or no other way could fare better.
        hint: Hint,
    },
    /// Teleport refused.
    Refused {
        /// What was asked for.
        step: Step,
        /// gRPC code, or the one that the HTTP status stands for.
        code: Code,
        /// In Teleport's words.
        text: String,
    },
    /// Nothing came back in time, or the connection broke while it was awaited.
    Broken {
        /// What was asked for.
        step: Step,
        /// What broke.
        text: String,
    },
    /// The answer can't be used.
    Answer {
        /// To what.
        step: Step,
        /// What is wrong with it.
        why: String,
    },
    /// The file of the token to join with.
    TokenFile(Unreadable),
    /// The file of the service account's token.
    ProofFile(Unreadable),
    /// No key.
    Key(NoKey),
    /// The certificates that came are of no use, or those of the file.
    Identity(IdentityError),
    /// The identity file.
    IdentityFile(PathBuf, String),
    /// The bot may take on no role.
    NothingToImpersonate {
        /// The role that should say which.
        role: String,
    },
    /// What was just issued is over by this machine's clock.
    Clock {
        /// When it ends.
        until: OffsetDateTime,
        /// The time here.
        now: OffsetDateTime,
    },
    /// Whether the last renewal took place is not known.
    InDoubt,
    /// The bot's certificate ran out, and its token worked only once.
    RanOut(OffsetDateTime),
}

/// What a failed way says about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    None,
    /// No other way could fare better.
    Hopeless,
    /// The server may not have what was asked for.
    Unimplemented,
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fetching the authorities.
    Authorities,
    /// Joining.
    Join,
    /// Renewing the bot's certificate.
    Renew,
    /// Reading the bot's role.
    Role,
    /// Taking on the operator's roles.
    Impersonate,
    /// Asking whether all is well.
    Ping,
}

impl Step {
    /// Whether it is done as nobody in particular.
    fn is_before_identity(self) -> bool {
        matches!(self, Self::Authorities | Self::Join)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorities => "fetching the cluster's authorities",
            Self::Join => "joining",
            Self::Renew => "renewing the bot's certificate",
            Self::Role => "reading the bot's role",
            Self::Impersonate => "taking on the operator's roles",
            Self::Ping => "a ping",
        })
    }
}

/// What is known beside the error, for the text.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// `host:port`.
    pub address: String,
    /// How we join.
    pub method: Method,
    /// The token's name, where that is no secret.
    pub token: Option<String>,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The server's version.
    pub version: Option<String>,
    /// Where the service account's token is.
    pub proof: PathBuf,
    /// What it claims.
    pub claims: Option<Claims>,
    /// The bot's user.
    pub user: Option<String>,
    /// The roles that were asked for.
    pub roles: Vec<String>,
}

/// What kind of error it is: what to do about it depends on that, never on the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Nothing is wrong but that nobody answers.
    Away,
    /// Our credentials are no longer taken: joining anew may help.
    Credentials,
    /// Teleport has locked us: only a person helps.
    Locked,
    /// Asked too often.
    Limited,
    /// Refused: only a change on one of the sides helps.
    Refused,
}

impl From<&Failure> for Error {
    fn from(failure: &Failure) -> Self {
        let nature = match failure {
            Failure::Tls { hop: Hop::Auth, problem: Problem::UnknownAuthority { .. }, .. } => {
                Nature::Credentials
            }
            Failure::Tls { hop: Hop::Auth, problem: Problem::Refused(alert), .. }
                if *alert != AlertDescription::NoApplicationProtocol =>
            {
                Nature::Credentials
            }
            Failure::Tls { problem: Problem::Closed | Problem::Other(_), .. }
            | Failure::Dns { .. }
            | Failure::Tcp { .. }
            | Failure::Silent { .. }
            | Failure::Forward { .. }
            | Failure::Upgrade { .. } => Nature::Away,
            _ => Nature::Refused,
        };
        let hint = if failure.is_before_tls() { Hint::Hopeless } else { Hint::None };
        let text = match failure {
            Failure::Tls {
                hop: Hop::Auth,
                problem: Problem::Refused(AlertDescription::CertificateExpired),
                ..
            } => {
                format!(
                    "{}: our certificate has expired by the server's clock; if it was just issued, the clocks of both \
                     machines differ: set them right",
                    failure.what()
                )
            }
            _ => failure.to_string(),
        };
        Self::Way { text, nature, hint }
    }
}

impl From<&Undiscovered> for Error {
    fn from(error: &Undiscovered) -> Self {
        match error {
            Undiscovered::Failure(failure) => Self::from(failure),
            Undiscovered::NoProxy(error) => match Self::web(Step::Ping, error) {
                way @ Self::Way { .. } => way,
                other => Self::Way { text: error.to_string(), nature: other.nature(), hint: Hint::None },
            },
        }
    }
}

impl From<&Unpinned> for Error {
    fn from(error: &Unpinned) -> Self {
        match error {
            Unpinned::Failure(failure) => Self::from(failure),
            other => Self::Way { text: other.to_string(), nature: Nature::Refused, hint: Hint::Hopeless },
        }
    }
}

impl Error {
    /// What a status means. One that has a source was made on this side: the connection broke.
    pub fn grpc(step: Step, status: &Status) -> Self {
        match status.source() {
            Some(source) => match Failure::within(source) {
                Some(failure) => Self::from(failure),
                None => Self::Broken { step, text: chain(source) },
            },
            None => Self::Refused { step, code: status.code(), text: line(status.message()) },
        }
    }

    /// What an answer over HTTP means that is no success.
    pub fn web(step: Step, error: &WebError) -> Self {
        let way = |nature, hint| Self::Way { text: error.to_string(), nature, hint };
        match error {
            WebError::Failure(failure) => Self::from(failure),
            WebError::Silent { .. } | WebError::Broken { .. } => {
                Self::Broken { step, text: error.to_string() }
            }
            WebError::Status { status, message: Some(text), .. } => {
                Self::Refused { step, code: code(*status), text: line(text) }
            }
            WebError::Status { status: 404 | 405 | 501, .. } => way(Nature::Refused, Hint::Unimplemented),
            WebError::Status { status: 429, .. } => way(Nature::Limited, Hint::None),
            WebError::Status { status: 500.., .. } | WebError::Html { status: 500.., .. } => {
                way(Nature::Away, Hint::None)
            }
            _ => way(Nature::Refused, Hint::None),
        }
    }

    /// The error without a secret, should the server have quoted it.
    pub fn without(mut self, secret: &str) -> Self {
        if let Self::Way { text, .. } | Self::Refused { text, .. } | Self::Broken { text, .. } = &mut self
            && !secret.is_empty()
        {
            *text = text.replace(secret, "«token»");
        }
        self
    }

    /// Whether the server does not have what was asked for.
    pub fn is_unimplemented(&self) -> bool {
        match self {
            Self::Way { hint, .. } => *hint == Hint::Unimplemented,
            Self::Refused { code: Code::Unimplemented, .. } => true,
            Self::Refused { code: Code::NotFound, text, .. } => {
                text == "not found" || text.ends_with("page not found")
            }
            _ => false,
        }
    }

    /// Whether nothing can have been done by the other side.
    pub fn is_harmless(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Answer { .. } => false,
            Self::Refused { code, .. } => !matches!(
                code,
                Code::Unavailable | Code::Unknown | Code::Internal | Code::DeadlineExceeded | Code::Cancelled
            ),
            _ => true,
        }
    }

    /// What kind it is.
    pub fn nature(&self) -> Nature {
        match self {
            Self::Way { nature, .. } => *nature,
            Self::Broken { .. } => Nature::Away,
            Self::Refused { step, code, text } => match (code, Refusal::of(*code, text)) {
                (_, Refusal::Barred) if !step.is_before_identity() => Nature::Locked,
                (_, Refusal::Locked | Refusal::Generation) => Nature::Locked,
                (Code::Unauthenticated, _) => Nature::Credentials,
                (Code::ResourceExhausted, _) => Nature::Limited,
                (Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled, _) => Nature::Away,
                _ => Nature::Refused,
            },
            Self::Identity(IdentityError::Expired { .. }) => Nature::Credentials,
            _ => Nature::Refused,
        }
    }

    /// Whether the token is gone, be it that it was used or that it never was.
    pub fn is_used_up(&self) -> bool {
        let gone = |refusal| matches!(refusal, Refusal::UnknownToken | Refusal::UsedToken);
        matches!(self, Self::Refused { code, text, .. } if gone(Refusal::of(*code, text)))
    }

    /// Whether the bot itself is refused, and not what it asks for.
    pub fn blames_bot(&self) -> bool {
        let denied = matches!(self, Self::Refused { code: Code::PermissionDenied, .. });
        self.nature() == Nature::Credentials || (denied && self.nature() == Nature::Refused)
    }

    /// Whether Teleport has seen an older certificate of ours than its newest: ours must never be shown again.
    pub fn is_generation(&self) -> bool {
        matches!(self, Self::Refused { code, text, .. } if Refusal::of(*code, text) == Refusal::Generation)
    }

    /// One line.
    pub fn explain(&self, seen: &Seen) -> String {
        let address = &seen.address;
        match self {
            Self::Way { text, .. } => text.clone(),
            Self::Refused { step, code, text } => {
                let refusal = Refusal::of(*code, text);
                format!("{step}: {}{}", refusal.explain(*step, seen), quoted(text))
            }
            Self::Broken { step, text } => {
                format!("{step}: the connection to {address} broke ({text}); it is tried again")
            }
            Self::Answer { step, why } => {
                format!("{step}: the answer of {address} can't be used: {why}; is it a Teleport of a known version?")
            }
            Self::TokenFile(error) => {
                format!("the token's file can't be read: {error}; --token takes a name, or the path of a file with it")
            }
            Self::ProofFile(error) => format!(
                "the service account's token can't be read: {error}; mount one into the pod, and say where by {}",
                super::token::ENVIRONMENT
            ),
            Self::Key(error) => error.to_string(),
            Self::Identity(error) => error.to_string(),
            Self::IdentityFile(path, why) => format!("identity file `{}`: {why}", path.display()),
            Self::NothingToImpersonate { role } => format!(
                "the bot may take on no role: `{role}` lists none under allow.impersonate.roles; give the bot the \
                 operator's role: tctl bots update {} --add-roles=operator",
                role.strip_prefix("bot-").unwrap_or(role)
            ),
            Self::Clock { until, now } => format!(
                "{address} issues a certificate until {}, and it is {} here: the clocks differ; set them right",
                stamp(*until),
                stamp(*now)
            ),
            Self::InDoubt => "the answer to the last renewal was lost, and Teleport locks a bot that shows an old \
                 certificate twice: it is not tried again; give a new token by --token and start anew, or join by the \
                 method kubernetes"
                .to_owned(),
            Self::RanOut(at) => format!(
                "the bot's certificate expired at {} before it could be renewed, and a bot's token works only once; \
                 give a new one by --token and start anew, or join by the method kubernetes",
                stamp(*at)
            ),
        }
    }
}

/// Why Teleport refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    UnknownToken,
    UsedToken,
    OtherMethod,
    MethodForBots,
    NotForBots,
    OtherServiceAccount,
    Audience,
    TooLongLived,
    NotBound,
    Expired,
    Early,
    Signature,
    NoBot,
    NoRole,
    Version,
    Locked,
    /// Altogether, without a reason: that is how some versions treat whoever is locked.
    Barred,
    Generation,
    Limited,
    Away,
    Denied,
    Other,
}

/// Words of Teleport's and of those whose words it passes on, in lower case. The first that is there decides.
const WORDS: [(&str, Refusal); 39] = [
    ("cert generation mismatch", Refusal::Generation),
    ("is in force", Refusal::Locked),
    ("client version", Refusal::Version),
    ("is not a valid semver", Refusal::Version),
    ("already been issued a renewable certificate", Refusal::UsedToken),
    ("unsupported join method", Refusal::MethodForBots),
    ("does not match any of the allowed join methods", Refusal::OtherMethod),
    ("join method does not match", Refusal::OtherMethod),
    ("does not match the token", Refusal::OtherMethod),
    ("idtoken not provided", Refusal::OtherMethod),
    ("id_token not provided", Refusal::OtherMethod),
    ("is not supported by this token", Refusal::OtherMethod),
    ("requested join method", Refusal::OtherMethod),
    ("does not allow \"bot\" role", Refusal::NotForBots),
    ("does not allow role \"bot\"", Refusal::NotForBots),
    ("does not allow role bot", Refusal::NotForBots),
    ("did not match any allow rules", Refusal::OtherServiceAccount),
    ("did not match any allow rule", Refusal::OtherServiceAccount),
    ("audience", Refusal::Audience),
    ("maximum ttl", Refusal::TooLongLived),
    ("ttl of less than", Refusal::TooLongLived),
    ("token ttl", Refusal::TooLongLived),
    ("max ttl", Refusal::TooLongLived),
    ("pod bound", Refusal::NotBound),
    ("pod-bound", Refusal::NotBound),
    ("legacy sa tokens", Refusal::NotBound),
    ("token not valid yet", Refusal::Early),
    ("issued in the future", Refusal::Early),
    ("not yet valid", Refusal::Early),
    ("token is expired", Refusal::Expired),
    ("token has expired", Refusal::Expired),
    ("(exp)", Refusal::Expired),
    ("token expired or not found", Refusal::UnknownToken),
    ("error in cryptographic primitive", Refusal::Signature),
    ("invalid signature", Refusal::Signature),
    ("jwt signature", Refusal::Signature),
    ("invalid bearer token", Refusal::Signature),
    ("provisioning token", Refusal::UnknownToken),
    ("bot user", Refusal::NoBot),
];

impl Refusal {
    fn of(code: Code, text: &str) -> Self {
        let lower = text.to_lowercase();
        if let Some((_, refusal)) = WORDS.iter().find(|(words, _)| lower.contains(words)) {
            return *refusal;
        }
        match code {
            Code::PermissionDenied if lower == "access denied" => Self::Barred,
            Code::NotFound if lower.contains("role ") => Self::NoRole,
            Code::NotFound if lower.contains("user ") => Self::NoBot,
            Code::ResourceExhausted => Self::Limited,
            Code::Unavailable | Code::DeadlineExceeded => Self::Away,
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied,
            _ => Self::Other,
        }
    }

    fn explain(self, step: Step, seen: &Seen) -> String {
        let token =
            seen.token.as_ref().map_or_else(|| "the token".to_owned(), |name| format!("the token `{name}`"));
        let claims = seen.claims.clone().unwrap_or_default();
        let cluster = seen.cluster.as_deref().unwrap_or("<cluster>");
        let file = seen.proof.display();
        let account = claims.service_account().unwrap_or("<namespace>:<name>").to_owned();
        let user = seen.user.as_deref().unwrap_or("the bot's user");
        match (self, seen.method) {
            (Self::UnknownToken, Method::Kubernetes) => format!(
                "{token} does not exist in the cluster, or has expired; create it there with `join_method: kubernetes`, \
                 `roles: [Bot]`, the bot's name and `service_account: \"{account}\"`, or name another by --token"
            ),
            (Self::UnknownToken | Self::UsedToken, Method::Token) => "the token does not exist, has expired, or was \
                 used: a bot's token works only once; make a new one (`tctl bots add`), or join by the method kubernetes"
                .to_owned(),
            (Self::UsedToken, Method::Kubernetes) => format!(
                "the bot of {token} has joined by a token before; delete the bot and create it anew for one method"
            ),
            (Self::OtherMethod, method) => format!(
                "{token} is not of the method `{method}`: name another by --token, or its method by --join-method"
            ),
            (Self::MethodForBots, method) => {
                format!("this Teleport{} lets no bot join by the method `{method}`: update it", version(seen))
            }
            (Self::NotForBots, _) => format!("{token} is not for bots: write `roles: [Bot]` into it"),
            (Self::OtherServiceAccount, _) => format!(
                "{token} allows other service accounts than `{account}`, which this operator runs as; add \
                 `service_account: \"{account}\"` to its spec.kubernetes.allow"
            ),
            (Self::Audience, _) if claims.audiences.iter().any(|audience| audience == cluster) => format!(
                "this Teleport{} does not take the service account's token in {file} for the audience `{cluster}`: before \
                 version 17, one whose type is in_cluster wants a token for the Kubernetes API itself; project one \
                 without an audience",
                version(seen)
            ),
            (Self::Audience, _) => format!(
                "the service account's token in {file} is for the audience {}, and the cluster wants its own name, \
                 `{cluster}`; project a token with `audience: {cluster}` into the pod (the chart does so by \
                 `teleportClusterName: {cluster}`) and say where by {}",
                words(&claims.audiences),
                super::token::ENVIRONMENT
            ),
            (Self::TooLongLived, _) => format!(
                "the service account's token in {file} lives too long{}: Teleport takes 30m at most; project one with \
                 `expirationSeconds: 600`",
                lifetime(&claims)
            ),
            (Self::NotBound, _) => format!(
                "the service account's token in {file} is bound to no pod{}; let Kubernetes project it into the pod, \
                 or make it with --bound-object-kind Pod",
                claims.pod.map(|pod| format!(" (it says `{pod}`)")).unwrap_or_default()
            ),
            (Self::Expired, _) => format!(
                "the service account's token in {file} has expired{}; check the clocks, and that the file is kept \
                 current (a copy of it is not)",
                time(" at ", claims.expires)
            ),
            (Self::Early, _) => format!(
                "Teleport takes the service account's token for one of the future{}: the clocks of Kubernetes and \
                 Teleport differ; set them right",
                time(": it was issued at ", claims.issued)
            ),
            (Self::Signature, _) => format!(
                "the service account's token in {file}, issued by `{}`, is signed by no key that {token} names; put \
                 this cluster's keys into its spec.kubernetes.static_jwks (`kubectl get --raw /openid/v1/jwks`)",
                claims.issuer
            ),
            (Self::NoBot, _) => format!("the bot of {token} does not exist; create it (`tctl bots add`)"),
            (Self::NoRole, _) if step == Step::Role => format!(
                "the bot's own role is missing, so {user} was not made by `tctl bots add`; delete the bot and create it \
                 anew"
            ),
            (Self::NoRole, _) => format!(
                "one of the roles {} that the bot may take on does not exist; create it, or take it from the bot",
                words(&seen.roles)
            ),
            (Self::Version, _) => format!(
                "this Teleport{} refuses the operator's version: use an operator and a Teleport that fit",
                version(seen)
            ),
            (Self::Locked, _) => format!(
                "{user} is locked in Teleport: remove the lock when its reason is gone (`tctl get locks`, `tctl rm \
                 lock/…`); it is tried again until then"
            ),
            (Self::Generation, _) => format!(
                "Teleport has seen an older certificate of {user} than its newest, and locks it: two share one token, \
                 or methods were mixed; remove the lock (`tctl get locks`) and give each operator a bot and a token of \
                 its own, best by the method kubernetes"
            ),
            (Self::Limited, _) => "too many requests; it is tried again, later".to_owned(),
            (Self::Away, _) => "Teleport can't do it at present; it is tried again".to_owned(),
            (Self::Barred, _) if !step.is_before_identity() => format!(
                "{user} is locked in Teleport, or is gone: remove the lock when its reason is gone (`tctl get locks`, \
                 `tctl rm lock/…`), or create the bot anew; it is tried again until then"
            ),
            (Self::Denied, _) if step == Step::Impersonate => format!(
                "the bot may not take on the roles {}: its own role must name them under allow.impersonate.roles",
                words(&seen.roles)
            ),
            (Self::Denied | Self::Barred, _) if step == Step::Join => {
                format!("Teleport refuses {token} with the method `{}`; compare it with the operator", seen.method)
            }
            (Self::Denied | Self::Barred, _) => format!("Teleport refuses {user}: it may be locked, deleted or changed (`tctl get locks`)"),
            (Self::Other, _) => "Teleport refuses".to_owned(),
        }
    }
}

fn version(seen: &Seen) -> String {
    seen.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default()
}

fn words(words: &[String]) -> String {
    if words.is_empty() {
        return "(none)".to_owned();
    }
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn time(before: &str, time: Option<OffsetDateTime>) -> String {
    time.map(|time| format!("{before}{}", stamp(time))).unwrap_or_default()
}

fn lifetime(claims: &Claims) -> String {
    let lifetime = claims.expires.zip(claims.issued).map(|(until, from)| until - from);
    let lifetime = lifetime.and_then(|lifetime| Duration::try_from(lifetime).ok());
    lifetime.map(|lifetime| format!(" ({}s)", lifetime.as_secs())).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (Teleport says: {text})") }
}

/// One line of bounded length without control characters.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Whom the answer to some call refuses, given what is known of our own trouble: a lack of permission may be one for
/// everything.
pub fn blame(code: Code, text: &str, known: Option<Nature>) -> Blame {
    let is_known = matches!(known, Some(Nature::Locked | Nature::Credentials));
    match (code, Refusal::of(code, text)) {
        (Code::Unauthenticated, _) | (_, Refusal::Locked | Refusal::Generation) => Blame::Us,
        (_, Refusal::Barred) if is_known => Blame::Us,
        (_, Refusal::Barred) => Blame::Perhaps,
        _ => Blame::Call,
    }
}

/// The gRPC code that an HTTP status of Teleport's stands for.
fn code(status: u16) -> Code {
    match status {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 | 501 => Code::Unimplemented,
        408 | 502..=504 => Code::Unavailable,
        409 => Code::AlreadyExists,
        412 => Code::FailedPrecondition,
        429 => Code::ResourceExhausted,
        _ => Code::Unknown,
    }
}

/// An error's innermost cause says most.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let last = std::iter::successors(Some(error), |&error| error.source()).last();
    line(&last.map(ToString::to_string).unwrap_or_default())
}

/// A time, to the second.
pub(super) fn stamp(time: OffsetDateTime) -> String {
    let time = time.truncate_to_second();
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let claims = Claims {
            issuer: "https://kubernetes.default.svc".to_owned(),
            subject: "system:serviceaccount:teleport:operator".to_owned(),
            audiences: vec!["https://kubernetes.default.svc".to_owned()],
            issued: Some(time::macros::datetime!(2026-11-25 22:00 UTC)),
            expires: Some(time::macros::datetime!(2026-11-25 23:00 UTC)),
            pod: None,
        };
        Seen {
            address: "teleport.example.com:443".to_owned(),
            token: Some("teleport-operator".to_owned()),
            cluster: Some("one".to_owned()),
            version: Some("17.1.0".to_owned()),
            proof: PathBuf::from("/run/token"),
            claims: Some(claims),
            user: Some("bot-operator".to_owned()),
            roles: vec!["operator".to_owned()],
            ..Seen::default()
        }
    }

    fn refused(step: Step, code: Code, text: &str) -> Error {
        Error::Refused { step, code, text: text.to_owned() }
    }

    /// What Teleport says, as seen or as it stands in its sources; and what must be in our line.
    #[test]
    fn every_refusal_is_said_with_what_was_seen_and_what_to_do() {
        use Code::{InvalidArgument, NotFound, PermissionDenied};
        use Nature::{Locked, Refused};
        for (step, code, text, nature, line) in [
            (
                Step::Join,
                PermissionDenied,
                r#""" can not join the cluster with role "Bot", token expired or not found"#,
                Refused,
                &["`teleport-operator` does not exist", "`join_method: kubernetes`", "\"teleport:operator\""]
                    [..],
            ),
            (
                Step::Join,
                InvalidArgument,
                r#"user "bot-x" has already been issued a renewable certificate and cannot be issued another; consider deleting and recreating the bot"#,
                Refused,
                &["has joined by a token before"],
            ),
            (
                Step::Join,
                InvalidArgument,
                r#"unsupported join method "kubernetes" for bot"#,
                Refused,
                &["Teleport (17.1.0) lets no bot join by the method `kubernetes`"],
            ),
            (
                Step::Join,
                PermissionDenied,
                r#""" [] can not join the cluster, the token does not allow "Bot" role"#,
                Refused,
                &["`roles: [Bot]`"],
            ),
            (
                Step::Join,
                PermissionDenied,
                "kubernetes token did not match any allow rules",
                Refused,
                &["other service accounts than `teleport:operator`", "spec.kubernetes.allow"],
            ),
            (
                Step::Join,
                PermissionDenied,
                "kubernetes failed to validate token: validating jwt claims: validation failed, invalid audience claim (aud)",
                Refused,
                &[
                    "audience `https://kubernetes.default.svc`",
                    "its own name, `one`",
                    "`audience: one`",
                    "/run/token",
                ],
            ),
            (
                Step::Join,
                InvalidArgument,
                "static_jwks joining requires the use of a service account token with a TTL of less than 30m0s",
                Refused,
                &["lives too long (3600s)", "`expirationSeconds: 600`"],
            ),
            (
                Step::Join,
                InvalidArgument,
                "failed to validate the Kubernetes token legacy SA tokens are not accepted as kubernetes version v1.37.2 supports bound tokens",
                Refused,
                &["bound to no pod", "/run/token"],
            ),
            (
                Step::Join,
                PermissionDenied,
                "validation failed, token is expired (exp)",
                Refused,
                &["has expired at 2026-11-25T23:00:00Z", "clocks"],
            ),
            (
                Step::Join,
                PermissionDenied,
                "validation failed, token issued in the future (iat)",
                Refused,
                &["issued at 2026-11-25T22:00:00Z", "clocks of Kubernetes and Teleport differ"],
            ),
            (
                Step::Join,
                PermissionDenied,
                "validating jwt signature: go-jose/go-jose: error in cryptographic primitive",
                Refused,
                &["issued by `https://kubernetes.default.svc`", "static_jwks"],
            ),
            (
                Step::Role,
                NotFound,
                "role bot-operator is not found",
                Refused,
                &["bot-operator was not made by `tctl bots add`"],
            ),
            (
                Step::Impersonate,
                NotFound,
                "role operator is not found",
                Refused,
                &["roles `operator`", "create it"],
            ),
            (
                Step::Impersonate,
                PermissionDenied,
                r#"user "bot-operator" has requested role impersonation for ["operator"]"#,
                Refused,
                &["may not take on the roles `operator`", "allow.impersonate.roles"],
            ),
            (
                Step::Ping,
                PermissionDenied,
                "client version is unsupported",
                Refused,
                &["Teleport (17.1.0) refuses the operator's version"],
            ),
            (
                Step::Ping,
                PermissionDenied,
                r#"lock targeting User:"bot-operator" is in force"#,
                Locked,
                &["bot-operator is locked", "tctl get locks"],
            ),
            (
                Step::Renew,
                PermissionDenied,
                "renewable cert generation mismatch: stored=3, presented=1",
                Locked,
                &["older certificate of bot-operator", "remove the lock"],
            ),
            (
                Step::Ping,
                PermissionDenied,
                "access denied",
                Locked,
                &["bot-operator is locked in Teleport, or is gone"],
            ),
            (
                Step::Join,
                PermissionDenied,
                "access denied",
                Refused,
                &["refuses the token `teleport-operator`"],
            ),
        ] {
            let error = refused(step, code, text);
            let shown = error.explain(&seen());
            assert_eq!(error.nature(), nature, "{text}");
            assert!(!shown.contains('\n') && shown.contains(&format!("Teleport says: {text}")), "{shown}");
            for part in line {
                assert!(shown.contains(part), "{part:?} is not in {shown:?}");
            }
        }
    }

    #[test]
    fn with_the_method_token_other_things_help() {
        let seen = Seen { method: Method::Token, token: None, ..seen() };
        for text in [
            r#""" can not join the cluster with role "Bot", token expired or not found"#,
            r#"user "bot-x" has already been issued a renewable certificate"#,
        ] {
            let error = refused(Step::Join, Code::PermissionDenied, text);
            let shown = error.explain(&seen);
            assert!(
                error.is_used_up() && shown.contains("works only once") && shown.contains("tctl bots add"),
                "{shown}"
            );
        }
        let kubernetes =
            refused(Step::Join, Code::InvalidArgument, "IDToken not provided for Kubernetes join request");
        let shown = kubernetes.explain(&seen);
        assert!(
            shown.contains("the token is not of the method `token`") && shown.contains("--join-method"),
            "{shown}"
        );
    }

    #[test]
    fn what_goes_wrong_on_our_side_is_said_too() {
        let role = Error::NothingToImpersonate { role: "bot-operator".to_owned() };
        assert!(role.explain(&seen()).contains("tctl bots update operator --add-roles=operator"));
        let unreadable = Unreadable { path: PathBuf::from("/run/token"), why: "it is empty".to_owned() };
        let shown = Error::ProofFile(unreadable.clone()).explain(&seen());
        assert!(
            shown.contains("/run/token: it is empty") && shown.contains("KUBERNETES_TOKEN_PATH"),
            "{shown}"
        );
        assert!(Error::TokenFile(unreadable).explain(&seen()).contains("--token"));
        let at = time::macros::datetime!(2026-11-25 23:00 UTC);
        assert!(Error::RanOut(at).explain(&seen()).contains("2026-11-25T23:00:00Z"));
        let broken = Error::Broken { step: Step::Renew, text: "reset by peer".to_owned() };
        assert!(broken.explain(&seen()).contains("teleport.example.com:443 broke (reset by peer)"));
        let clock = Error::Clock { until: at, now: at + time::Duration::HOUR };
        assert!(
            clock
                .explain(&seen())
                .contains("until 2026-11-25T23:00:00Z, and it is 2026-11-26T00:00:00Z here")
        );
        assert!(Error::InDoubt.explain(&seen()).contains("--token"));
    }

    #[test]
    fn a_token_that_a_server_quotes_is_hidden() {
        let error =
            refused(Step::Join, Code::NotFound, "provisioning token(hunter2) not found").without("hunter2");
        let shown = format!("{} {error:?}", error.explain(&seen()));
        assert!(shown.contains("«token»") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_lock_is_no_fault_of_a_call() {
        let of = |code, text| {
            [None, Some(Nature::Away), Some(Nature::Locked)].map(|known| blame(code, text, known))
        };
        let lock = r#"lock targeting User:"bot-operator" is in force"#;
        assert_eq!(of(Code::PermissionDenied, lock), [Blame::Us; 3]);
        assert_eq!(of(Code::Unauthenticated, ""), [Blame::Us; 3]);
        assert_eq!(of(Code::PermissionDenied, "access denied"), [Blame::Perhaps, Blame::Perhaps, Blame::Us]);
        let rule = r#"access denied to perform action "create" on "role""#;
        assert_eq!(of(Code::PermissionDenied, rule), [Blame::Call; 3]);
        assert_eq!(of(Code::NotFound, "role x is not found"), [Blame::Call; 3]);
    }

    #[test]
    fn only_what_a_server_certainly_did_not_do_is_harmless() {
        let of = |code| refused(Step::Renew, code, "x").is_harmless();
        assert!([Code::PermissionDenied, Code::InvalidArgument, Code::Unimplemented].into_iter().all(of));
        assert!(
            ![Code::Unavailable, Code::Unknown, Code::Internal, Code::DeadlineExceeded].into_iter().any(of)
        );
        assert!(!Error::Broken { step: Step::Renew, text: String::new() }.is_harmless());
    }

    #[test]
    fn statuses_of_http_are_read_as_those_of_grpc() {
        let web = |status, message: Option<&str>| WebError::Status {
            url: "https://x/y".to_owned(),
            status,
            message: message.map(str::to_owned),
            content_type: None,
        };
        let of = |status, message| Error::web(Step::Join, &web(status, message));
        assert_eq!(of(403, Some("no")).nature(), Nature::Refused);
        assert_eq!(of(429, Some("slow down")).nature(), Nature::Limited);
        assert_eq!(of(429, None).nature(), Nature::Limited);
        assert_eq!(of(503, None).nature(), Nature::Away);
        assert_eq!(of(502, Some("bad")).nature(), Nature::Away);
        for (status, message, lacks) in [
            (404, None, true),
            (405, None, true),
            (404, Some("404 page not found"), true),
            (404, Some("not found"), true),
            (404, Some("bot is not found"), false),
            (403, None, false),
            (500, None, false),
        ] {
            assert_eq!(of(status, message).is_unimplemented(), lacks, "{status} {message:?}");
        }
    }
}
