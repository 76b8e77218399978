//! From the bot's certificate to what the operator works with: the bot itself may do next to nothing, but take on roles.
//! Also how a bot's certificate is renewed, which is the same call.
use rustls_pki_types::CertificateDer;
use std::time::Duration;
use time::OffsetDateTime;
use tonic::transport::Channel;

use super::call::unary;
use super::certs::{self, Issued};
use super::errors::{Error, Step};
use super::identity::Identity;
use super::join;
use super::keys::KeyPair;
use super::ping::Suite;
use super::proto::{Authorities, Certs, GetRole, Pong, Role, UserCerts, method};

/// The roles that a bot may take on.
///
/// # Errors
/// When they can't be read, or there are none.
pub async fn roles(channel: &Channel, bot: &Identity) -> Result<Vec<String>, Error> {
    // A bot's user has one role, of its own name.
    let name = bot.user().to_owned();
    let role: Role = unary(channel, Step::Role, method::ROLE, GetRole { name: name.clone() }).await?;
    let allow = role.spec.and_then(|spec| spec.allow);
    let roles = allow.and_then(|allow| allow.impersonate).map(|impersonate| impersonate.roles);
    let roles = roles.unwrap_or_default();
    if roles.is_empty() { Err(Error::NothingToImpersonate { role: name }) } else { Ok(roles) }
}

/// The identity with these roles, for so long, and with all authorities that the cluster has now.
///
/// # Errors
/// When Teleport refuses, or what it gives can't be used.
pub async fn take_on(
    channel: &Channel,
    bot: &Identity,
    roles: Vec<String>,
    suite: Suite,
    lifetime: Duration,
) -> Result<Identity, Error> {
    let key = join::key(suite).await.map_err(Error::Key)?;
    let issued = issue(channel, Step::Impersonate, bot, &key, roles, lifetime).await?;
    let authorities = authorities(channel).await?;
    let authorities = join::union(&authorities, bot.authorities());
    let issued = Issued { certificate: issued.certificate, authorities };
    Identity::issued(&key, &issued).map_err(Error::Identity)
}

/// The bot's identity anew, one generation on. Must not be called again with the same one unless it is certain that the
/// server did nothing.
///
/// # Errors
/// When Teleport refuses, or what it gives can't be used.
pub async fn renew(
    channel: &Channel,
    bot: &Identity,
    suite: Suite,
    lifetime: Duration,
) -> Result<Identity, Error> {
    let key = join::key(suite).await.map_err(Error::Key)?;
    let issued = issue(channel, Step::Renew, bot, &key, Vec::new(), lifetime).await?;
    let authorities = join::union(bot.authorities(), &issued.authorities);
    Identity::issued(&key, &Issued { certificate: issued.certificate, authorities }).map_err(Error::Identity)
}

/// Whether the server answers whoever this channel is; its version.
///
/// # Errors
/// When it does not.
pub async fn ping(channel: &Channel) -> Result<Pong, Error> {
    unary(channel, Step::Ping, method::PING, ()).await
}

async fn issue(
    channel: &Channel,
    step: Step,
    bot: &Identity,
    key: &KeyPair,
    roles: Vec<String>,
    lifetime: Duration,
) -> Result<Issued, Error> {
    let (ssh, expires) = (key.ssh_line().into_bytes(), OffsetDateTime::now_utc() + lifetime);
    let cluster = if roles.is_empty() { String::new() } else { bot.cluster().unwrap_or_default().to_owned() };
    let request = UserCerts {
        public_key: ssh.clone(),
        user: bot.user().to_owned(),
        expires: Some(super::proto::timestamp(expires)),
        cluster,
        use_roles: !roles.is_empty(),
        roles,
        ssh_public_key: ssh,
        tls_public_key: key.pem().into_bytes(),
    };
    let certs: Certs = unary(channel, step, method::ISSUE, request).await?;
    Issued::certs(certs).map_err(|why| Error::Answer { step, why: why.to_owned() })
}

/// The authorities that the cluster's servers are known by: what certificates come with names those of users alone.
async fn authorities(channel: &Channel) -> Result<Vec<CertificateDer<'static>>, Error> {
    let step = Step::Authorities;
    let answer: Authorities = unary(channel, step, method::AUTHORITIES, ()).await?;
    certs::parse(&answer.pem).map_err(|why| Error::Answer { step, why: why.to_owned() })
}
