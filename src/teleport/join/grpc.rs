//! The older call by which an auth server takes bots in.
use tonic::transport::Channel;

use super::{Ask, Failed};
use crate::teleport::call::unary;
use crate::teleport::certs::Issued;
use crate::teleport::errors::{Error, Step};
use crate::teleport::keys::KeyPair;
use crate::teleport::ping::Suite;
use crate::teleport::proto::{Certs, method};

/// Joins.
pub(super) async fn join(channel: &Channel, ask: &Ask, suite: Suite) -> Result<(KeyPair, Issued), Failed> {
    let key = super::key(suite).await?;
    let certs: Certs = unary(channel, Step::Join, method::REGISTER, ask.register(&key)).await?;
    let why = |why: &str| Error::Answer { step: Step::Join, why: why.to_owned() };
    Ok((key, Issued::certs(certs).map_err(why)?))
}
