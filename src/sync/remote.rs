//! The engine's view of a real target: its trait over the calls of `target`, every write through the gate.
use std::sync::Arc;

use prost_reflect::DynamicMessage;

use super::decide::Failure;
use super::ports::{Feed, Remote, Tidings};
use crate::kube::object::Key;
use crate::mapping::errors::Class;
use crate::mapping::plan::{Kind, Resource};
use crate::target::client::Client;
use crate::target::error::Error;
use crate::target::gate::{Gate, Refusal, Write};
use crate::target::stream::{Event, Events};

/// A real target.
pub struct RealRemote {
    client: Client,
    gate: Gate,
}

impl RealRemote {
    /// The target behind this client, written to through this gate alone.
    pub fn new(client: Client, gate: Gate) -> Self {
        Self { client, gate }
    }
}

fn failure(error: Error) -> Failure {
    Failure { class: error.class, message: error.message }
}

impl Remote for RealRemote {
    async fn get(
        &self,
        resource: &Resource,
        name: &str,
        like: Option<&DynamicMessage>,
    ) -> Result<Option<DynamicMessage>, Failure> {
        self.client.get(resource, name, like).await.map_err(failure)
    }

    async fn list(
        &self,
        resource: &Resource,
        each: &mut (dyn FnMut(&DynamicMessage) + Send),
    ) -> Result<(), Failure> {
        let mut pages = self.client.pages(resource);
        while let Some(page) = pages.next().await.map_err(failure)? {
            page.iter().for_each(&mut *each);
        }
        Ok(())
    }

    async fn write(
        &self,
        kind: &Kind,
        key: &Key,
        paths: &[String],
        write: Write,
    ) -> Result<Option<DynamicMessage>, Failure> {
        let name = format!("{}/{}", key.namespace, key.name);
        self.gate.write(kind, &name, paths, write).await.map_err(|refusal| match refusal {
            Refusal::Target(error) => failure(error),
            // Nothing was called: the object waits until writing is allowed again.
            Refusal::Held(message) => Failure { class: Class::Unavailable, message },
            unproven @ Refusal::Unproven { .. } => {
                Failure { class: Class::Other, message: unproven.to_string() }
            }
        })
    }
}

/// The event stream of a real target.
pub struct RealFeed(pub Client);

impl Feed for RealFeed {
    type Tidings = Events;

    async fn open(&self, resources: &[Arc<Resource>]) -> Result<Events, Failure> {
        self.0.events(resources).await.map_err(|error| {
            // That says nothing of what was asked for.
            let unknown = error.code_name() == "UNAUTHENTICATED";
            let failure = failure(error);
            if unknown { Failure { class: Class::Unavailable, ..failure } } else { failure }
        })
    }
}

impl Tidings for Events {
    async fn next(&mut self) -> Result<Option<Event>, Failure> {
        Events::next(self).await.map_err(failure)
    }

    async fn is_outdated(&self) -> bool {
        Events::is_outdated(self).await
    }
}
