//! What to do when Teleport refuses us: one line for each refusal, with what was seen. Knows none of Teleport's words.
use std::time::Duration;

use time::OffsetDateTime;

use super::errors::{Seen, Step};
use super::join::Method;
use super::refusal::Refusal;
use super::stamp::stamp;
use super::token::Claims;

impl Refusal {
    /// In one line, with what was seen and what to do.
    pub fn explain(self, step: Step, seen: &Seen) -> String {
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

pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (Teleport says: {text})") }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::teleport::errors::Nature;
    use crate::teleport::errors::sample::{refused, seen};

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
}
