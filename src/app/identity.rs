//! Who this process is in the target's labels, where several operators work in one scope: said before anything is translated.
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::Config;
use crate::access::identity_rule;
use crate::kube::errors::Class;
use crate::kube::{connect, identity};
use crate::mapping::plan::{Identity, Ownership, Target, Within};

/// How long Kubernetes may be away at the start. After that the process ends, and is started again.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(2);

/// The target as this process is known in it. Within a scope that takes a look into Kubernetes.
///
/// # Errors
/// When the Secret can't be read or written.
pub async fn known(config: &Config, target: Target) -> Result<Target> {
    let Some(Kept { namespace, secret, keys }) = kept(config, &target)? else { return Ok(target) };
    let kubernetes = connect::client(config.kubeconfig.as_deref(), config.context.as_deref()).await?;
    let began = Instant::now();
    let id = loop {
        match identity::identity(&kubernetes, &namespace, &secret, &keys).await {
            Ok(id) => break id,
            Err(error) if error.class == Class::Unavailable && began.elapsed() < PATIENCE => {
                warn!(%error, "Kubernetes is not there yet");
                sleep(PAUSE).await;
            }
            Err(error) => {
                let advice = format!(
                    "an operator of a scope keeps who it is in a Secret: make it, and add to the operator's Role {}; the chart does both",
                    identity_rule(&secret)
                );
                return Err(error).context(advice);
            }
        }
    };
    info!(operator_id = id, secret, namespace, "resources of the scope are labelled as this operator's");
    Ok(target.known_as(&[(Ownership::IDENTITY, id)]))
}

/// Where it is kept who this process is.
#[derive(Debug)]
pub struct Kept {
    /// The Secret's namespace.
    pub namespace: String,
    /// Its name.
    pub secret: String,
    /// The keys that it may be under.
    pub keys: Vec<String>,
}

/// Where it is kept who this process is, if that matters.
///
/// # Errors
/// When there is no namespace.
pub fn kept(config: &Config, target: &Target) -> Result<Option<Kept>> {
    let (Some(identity), Within::Part(_)) = (&target.ownership.identity, &target.within) else {
        return Ok(None);
    };
    let secret = secret(identity, std::env::var("RELEASE_NAME").ok(), &target.name);
    Ok(Some(Kept { namespace: namespace(config)?, secret, keys: identity.keys.clone() }))
}

/// Where the Secret is: as the chart says, else where the Lease is, else where this process is.
fn namespace(config: &Config) -> Result<String> {
    let said = std::env::var("KUBE_NAMESPACE").ok().filter(|said| !said.is_empty());
    let of_lease = || config.lease.as_ref().map(|(namespace, _)| namespace.clone());
    match said.or_else(of_lease) {
        Some(namespace) => Ok(namespace),
        None => super::lease_namespace(None, &config.namespaces),
    }
}

fn secret(identity: &Identity, release: Option<String>, target: &str) -> String {
    let release = release.filter(|release| !release.is_empty()).unwrap_or_else(|| target.to_owned());
    identity.secret.replace(Identity::RELEASE, &release)
}
