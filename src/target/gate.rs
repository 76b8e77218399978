//! The one way to write to a target: with proof of ownership, while writing is allowed, as one of a limited number, and
//! with a line in the change log. Decides nothing about what to write.
use std::fmt;
use std::sync::Arc;

use prost_reflect::DynamicMessage;
use tokio::time::Instant;

use super::call::Turn;
use super::client::Client;
use super::error::Error;
use super::proof::{Owned, Vacant};
use crate::mapping::errors::{Class, Operation};
use crate::mapping::plan::{Kind, Resource};

/// Target of the change log's events, for filters.
pub const CHANGE_LOG: &str = "change";

/// Says whether writing is allowed at this moment; if not, why.
pub type Permission = dyn Fn() -> Result<(), String> + Send + Sync;

/// A write, and the proof that it may be done.
#[derive(Clone)]
pub enum Write {
    /// Makes a resource.
    Create(DynamicMessage, Vacant),
    /// Replaces the resource that was read.
    Update(DynamicMessage, Owned),
    /// Removes the resource that was read.
    Delete(Owned),
}

impl Write {
    /// What kind of operation it is.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Create(..) => Operation::Create,
            Self::Update(..) => Operation::Update,
            Self::Delete(..) => Operation::Delete,
        }
    }
}

/// Shows no value: it may be a secret.
impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(_, proof) => f.debug_tuple("Create").field(proof).finish_non_exhaustive(),
            Self::Update(_, proof) => f.debug_tuple("Update").field(proof).finish_non_exhaustive(),
            Self::Delete(proof) => f.debug_tuple("Delete").field(proof).finish(),
        }
    }
}

/// Why a write was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Writing is not allowed at present; nothing was called.
    #[error("{0}")]
    Held(String),
    /// The proof is of something else than the resource: a mistake in the program; nothing was called.
    #[error("the write of `{wanted}` comes with the proof for `{proven}`: it is not done")]
    Unproven {
        /// Name of the resource that would be written.
        wanted: String,
        /// Name that the proof is for.
        proven: String,
    },
    /// The target failed or refused.
    #[error(transparent)]
    Target(#[from] Error),
}

/// Every write to a target goes through here.
#[derive(Clone)]
pub struct Gate {
    client: Client,
    permission: Arc<Permission>,
}

impl Gate {
    /// A gate that asks `permission` immediately before every call.
    pub fn new(client: Client, permission: Arc<Permission>) -> Self {
        Self { client, permission }
    }

    /// Writes. `name` is the object's for the log, `paths` what changes. Gives the resource as the write left it, where
    /// the target tells.
    ///
    /// # Errors
    /// When writing is not allowed, or the target can't be reached or refuses.
    pub async fn write(
        &self,
        kind: &Kind,
        name: &str,
        paths: &[String],
        write: Write,
    ) -> Result<Option<DynamicMessage>, Refusal> {
        check_proof(&kind.resource, &write)?;
        let operation = write.operation();
        let turn = self.client.turn(operation).await?;
        // Last of all: while waiting, leave may have been lost.
        (self.permission)().map_err(Refusal::Held)?;
        let began = Instant::now();
        let outcome = self.perform(&turn, &kind.resource, write).await;
        log(&kind.kubernetes.kind, name, operation, paths, &outcome, began);
        Ok(outcome?)
    }

    async fn perform(
        &self,
        turn: &Turn,
        resource: &Resource,
        write: Write,
    ) -> Result<Option<DynamicMessage>, Error> {
        let client = &self.client;
        match write {
            Write::Create(message, proof) => client.create(turn, resource, &message, proof).await,
            Write::Update(message, proof) => client.update(turn, resource, message, &proof).await,
            Write::Delete(proof) => client.delete(turn, resource, &proof).await.map(|()| None),
        }
    }
}

fn check_proof(resource: &Resource, write: &Write) -> Result<(), Refusal> {
    let Write::Update(message, proof) = write else { return Ok(()) };
    let wanted = resource.metadata.name.text(message);
    if wanted == proof.name {
        return Ok(());
    }
    Err(Refusal::Unproven { wanted, proven: proof.name.clone() })
}

/// One line a write. Paths, never values: they may be anybody's.
fn log(
    kind: &str,
    name: &str,
    operation: Operation,
    paths: &[String],
    outcome: &Result<Option<DynamicMessage>, Error>,
    began: Instant,
) {
    let verb = word(&Operation::NAMES, operation);
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let paths = paths.join(" ");
    match outcome {
        Ok(_) => {
            tracing::info!(target: CHANGE_LOG, kind, name, verb, paths, outcome = "done", duration_ms);
        }
        Err(error) => {
            let outcome = word(&Class::NAMES, error.class);
            tracing::warn!(target: CHANGE_LOG, kind, name, verb, paths, outcome, duration_ms, %error);
        }
    }
}

fn word<T: PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}
