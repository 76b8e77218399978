//! Why we are not who we want to be to a Teleport, each as one line: what is wrong, the values seen, and what to do. Does
//! nothing about any of it.
use std::fmt;
use std::path::PathBuf;

use time::OffsetDateTime;
use tonic::Code;

use super::advice::quoted;
use super::identity::IdentityError;
use super::join::Method;
use super::keys::NoKey;
use super::refusal::Refusal;
use super::stamp::stamp;
use super::token::{Claims, Unreadable};

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
    pub(super) fn is_before_identity(self) -> bool {
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

impl Error {
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

/// What tests of errors begin with.
#[cfg(test)]
pub(super) mod sample {
    use super::*;

    pub fn seen() -> Seen {
        let claims = Claims {
            issuer: "https://kubernetes.default.svc".to_owned(),
            subject: "system:serviceaccount:teleport:operator".to_owned(),
            audiences: vec!["https://kubernetes.default.svc".to_owned()],
            issued: Some(time::macros::datetime!(2026-11-25 22:00 UTC)),
            expires: Some(time::macros::datetime!(2026-11-25 23:00 UTC)),
            pod: None,
            pod_uid: None,
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

    pub fn refused(step: Step, code: Code, text: &str) -> Error {
        Error::Refused { step, code, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{refused, seen};
    use super::*;

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
    fn only_what_a_server_certainly_did_not_do_is_harmless() {
        let of = |code| refused(Step::Renew, code, "x").is_harmless();
        assert!([Code::PermissionDenied, Code::InvalidArgument, Code::Unimplemented].into_iter().all(of));
        assert!(
            ![Code::Unavailable, Code::Unknown, Code::Internal, Code::DeadlineExceeded].into_iter().any(of)
        );
        assert!(!Error::Broken { step: Step::Renew, text: String::new() }.is_harmless());
    }
}
