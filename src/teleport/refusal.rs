//! Why Teleport refuses us. It tells its reasons only in words, so the words are looked for here and nowhere else. What to do
//! about each, `advice` says.
use tonic::Code;

use super::errors::Nature;
use crate::target::connection::Blame;

/// Why Teleport refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
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
    /// What words mean, and the code where they say nothing.
    pub fn of(code: Code, text: &str) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
