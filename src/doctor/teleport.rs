//! The way to a Teleport: address and route, TLS and pins, the service account's token, joining, and what the identity may.
use std::sync::Arc;

use futures::future::{self, BoxFuture};
use time::OffsetDateTime;
use tonic::transport::Channel;

use super::target::permissions;
use super::{Check, Told};
use crate::mapping::plan::Target;
use crate::target::call::Options;
use crate::target::client::Client;
use crate::target::connection::{Connection, Link, Trouble, Unreachable};
use crate::teleport::errors::{Error, Seen};
use crate::teleport::join::Method;
use crate::teleport::refresh::Refresher;
use crate::teleport::route::{Discovery, Ways};
use crate::teleport::settings::{Joining, Means, Settings};
use crate::teleport::token::Proof;

const ADDRESS: &str = "Teleport address";
const PINS: &str = "CA pins";
const TOKEN: &str = "service account token";
const IDENTITY: &str = "Teleport identity";
const PERMISSIONS: &str = "target permissions";

pub(super) async fn examine(settings: &Settings, plan: &Target, tell: Told<'_>) {
    let found = address(settings, tell).await;
    let cluster = found.as_ref().and_then(|(_, found)| found.cluster.clone());
    if let Means::Join(joining) = &settings.means {
        if joining.method == Method::Kubernetes {
            tell(proof(joining, cluster.as_deref()));
        } else {
            const ONCE: &str =
                "not tried: a token of the method `token` works only once, and is left to the operator";
            tell(Check::skipped(IDENTITY, ONCE));
            return tell(Check::skipped(PERMISSIONS, "there is no identity"));
        }
    }
    if found.is_none() {
        tell(Check::skipped(IDENTITY, "Teleport is not reached"));
        return tell(Check::skipped(PERMISSIONS, "Teleport is not reached"));
    }
    let Some((channel, roles)) = identity(settings, tell).await else {
        return tell(Check::skipped(PERMISSIONS, "there is no identity"));
    };
    let client = Client::new(plan, Arc::new(Fixed(channel)), Options::default());
    tell(permissions(&client, plan, &roles).await);
}

/// What is at the address, and whether it is the cluster that was meant.
async fn address(settings: &Settings, tell: Told<'_>) -> Option<(Ways, Discovery)> {
    let seen = Seen { address: settings.address.to_string(), ..Seen::default() };
    let failed = |error: Error| Check::failed(ADDRESS, error.explain(&seen));
    let ways = match Ways::new(&settings.environment, settings.insecure) {
        Ok(ways) => ways,
        Err(error) => {
            tell(failed(Error::from(&error)));
            return None;
        }
    };
    let found = match ways.discover(&settings.address).await {
        Ok(found) => found,
        Err(error) => {
            tell(failed(Error::from(&error)));
            return None;
        }
    };
    let cluster = found.cluster.as_deref().unwrap_or("a cluster that does not tell its name");
    let version = found.version.as_deref().unwrap_or("of unknown version");
    tell(Check::passed(ADDRESS, format!("{cluster}, Teleport {version}, by {}", found.route)));
    match (settings.pins.is_empty(), found.route.is_by_proxy()) {
        (true, true) if settings.insecure => {
            const ANY: &str =
                "none, and --insecure: any server may pose as the proxy when the operator joins";
            tell(Check::failed(PINS, ANY).advice("leave --insecure away, or give --ca-pin"));
        }
        (true, true) => tell(Check::passed(PINS, "none; the proxy's certificate is of a known authority")),
        (true, false) => {
            const ANY: &str =
                "none: whoever stands between can pose as the auth server when the operator joins";
            tell(Check::passed(PINS, ANY));
        }
        (false, _) => match ways.pinned(&found.route, found.cluster.as_deref(), &settings.pins).await {
            Ok(pinned) => tell(Check::passed(PINS, format!("pinned authorities: {}", pinned.len()))),
            Err(error) => {
                tell(Check::failed(PINS, Error::from(&error).explain(&seen)));
                return None;
            }
        },
    }
    Some((ways, found))
}

/// The service account's token, as far as can be told without asking.
fn proof(joining: &Joining, cluster: Option<&str>) -> Check {
    let proof = match Proof::read(&joining.proof) {
        Ok(proof) => proof,
        Err(error) => {
            let seen = Seen { proof: joining.proof.clone(), ..Seen::default() };
            return Check::failed(TOKEN, Error::ProofFile(error).explain(&seen));
        }
    };
    let claims = proof.claims();
    let account = claims.service_account().unwrap_or(&claims.subject);
    let audiences = claims.audiences.join(", ");
    let until = claims.expires.map(|at| at.to_string()).unwrap_or_else(|| "ever".to_owned());
    let detail = format!("{account}, issued by {}, for {audiences}, until {until}", claims.issuer);
    if claims.expires.is_some_and(|at| at <= OffsetDateTime::now_utc()) {
        return Check::failed(TOKEN, detail).advice(
            "it has expired: Kubernetes renews projected tokens in a pod, so is this file still mounted?",
        );
    }
    let is_for = |cluster: &str| claims.audiences.iter().any(|audience| audience == cluster);
    let check = Check::passed(TOKEN, detail);
    match cluster.filter(|cluster| !is_for(cluster)) {
        Some(cluster) => check.advice(format!(
            "good for the type in_cluster alone: for static_jwks and oidc its audience must be {cluster}"
        )),
        None => check,
    }
}

/// Becomes somebody, by the file or by joining; the channel, and the roles.
async fn identity(settings: &Settings, tell: Told<'_>) -> Option<(Channel, Vec<String>)> {
    let mut refresher = match Refresher::new(Arc::new(settings.clone())) {
        Ok(refresher) => refresher,
        Err(error) => {
            tell(Check::failed(IDENTITY, error.explain(&Seen::default())));
            return None;
        }
    };
    match refresher.round(true).await {
        Ok(Some(fresh)) => {
            let about = fresh.identity.about();
            let (user, roles, until) = (&about.user, about.roles.join(", "), about.until);
            let via = fresh.via.map(|via| format!(", joined by {via}")).unwrap_or_default();
            tell(Check::passed(IDENTITY, format!("{user} with roles {roles}, until {until}{via}")));
            Some((fresh.channel, about.roles.clone()))
        }
        Ok(None) => None,
        Err(failed) => {
            tell(Check::failed(IDENTITY, failed.error.explain(&refresher.seen)));
            None
        }
    }
}

/// One channel, as it is.
struct Fixed(Channel);

impl Connection for Fixed {
    fn link(&self) -> BoxFuture<'_, Result<Link, Unreachable>> {
        Box::pin(future::ready(Ok(Link { channel: self.0.clone(), number: 0, authorization: None })))
    }

    fn report(&self, _: u64, _: Trouble) {}
}
