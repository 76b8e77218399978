//! What can be done with the resources of a target: read one, read all in pages, learn what the server can do. Writes
//! stand here too, but can be reached through the gate alone.
use std::sync::{Arc, Mutex};

use prost_reflect::{DynamicMessage, Value};
use tonic::Code;

use super::call::{Caller, Lacks, Options, Turn};
use super::connection::{Connection, Trouble};
use super::error::Error;
use super::features::Facts;
use super::limiter::Limiter;
use super::proof::{Owned, Vacant};
use super::reach::Reach;
use super::request::{self, Inputs};
use super::stream::Events;
use crate::mapping::errors::{Class, Operation};
use crate::mapping::plan::{Call, Features, Resource, Target};
use crate::mapping::stream::Stream;

/// A target to call. Cheap to clone; clones share connection, limits and state.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    caller: Arc<Caller>,
    features: Features,
    stream: Option<Arc<Stream>>,
    page_size: i32,
    /// What is called to see whether the target answers where it has no features to ask for.
    probe: Option<(Arc<Resource>, Call)>,
}

impl Client {
    /// A client of the target that the connection leads to. Calls nothing yet.
    pub fn new(target: &Target, connection: Arc<dyn Connection>, options: Options) -> Self {
        let caller = Caller {
            connection,
            reach: Reach::default(),
            limiter: Limiter::new(target.limits.concurrent),
            errors: target.errors.clone(),
            message_bytes: target.limits.message_bytes,
            options,
            lacks: Mutex::new(Lacks::default()),
        };
        let probe = target
            .kinds
            .iter()
            .find_map(|kind| Some((Arc::clone(&kind.resource), kind.resource.calls.list.first()?.clone())));
        let (features, stream) = (target.features.clone(), target.stream.clone().map(Arc::new));
        let (caller, page_size) = (Arc::new(caller), target.limits.page_size);
        Self(Arc::new(Inner { caller, features, stream, page_size, probe }))
    }

    /// Whether the target answers. Found out by [`Client::keep_reaching`]; while it does not, all calls fail at once.
    pub fn reach(&self) -> &Reach {
        &self.0.caller.reach
    }

    /// How many calls may be under way at present.
    pub fn limit(&self) -> usize {
        self.0.caller.limiter.limit()
    }

    /// Watches for ever over whether the target answers: to be run once, beside everything else.
    pub async fn keep_reaching(&self) {
        self.reach().keep(|| self.probe()).await;
    }

    /// The resource of that name, if there is one. It may be older than our own last write: targets answer from caches.
    /// Where a name alone does not identify it (`Resource::parts`), `like` is any message that holds the other parts.
    ///
    /// # Errors
    /// When the target can't be reached or refuses.
    pub async fn get(
        &self,
        resource: &Resource,
        name: &str,
        like: Option<&DynamicMessage>,
    ) -> Result<Option<DynamicMessage>, Error> {
        let inputs = Inputs { resource: like, name, ..Inputs::default() };
        let caller = &self.0.caller;
        let turn = caller.turn(Operation::Get).await?;
        let calls = resource.calls.get.iter().collect();
        match caller.first_of(&turn, Operation::Get, resource, calls, &inputs).await {
            Ok((call, answer)) => Ok(request::resource(call, &answer)),
            Err(error) if error.class == Class::Absent => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All resources of a kind, page by page. A mapping without a list gives an error of class *unimplemented*.
    pub fn pages<'a>(&'a self, resource: &'a Resource) -> Pages<'a> {
        Pages { client: self, resource, at: At::Start }
    }

    /// Opens the target's event stream for these resources. Of one that has none, an error of class *unimplemented*.
    ///
    /// # Errors
    /// When the target can't be reached or refuses.
    pub async fn events(&self, resources: &[Arc<Resource>]) -> Result<Events, Error> {
        match &self.0.stream {
            Some(plan) => self.0.caller.stream(plan, resources).await,
            None => {
                let text = "there is no stream of events";
                Err(Error::own(Class::Unimplemented, Code::Unimplemented, Operation::List, text))
            }
        }
    }

    /// What the server says it can do.
    ///
    /// # Errors
    /// When the target can't be reached or refuses, or has no call for this.
    pub async fn facts(&self) -> Result<Facts, Error> {
        let (caller, features) = (&self.0.caller, &self.0.features);
        let turn = caller.turn(Operation::Get).await?;
        let mut lacking = Error::own(
            Class::Unimplemented,
            Code::Unimplemented,
            Operation::Get,
            "there is no call that tells features",
        );
        for method in &features.call {
            let empty = DynamicMessage::new(method.input());
            match caller.unary(&turn, Operation::Get, method, empty, &Vec::new).await {
                Err(error) if error.code == Code::Unimplemented as i32 => lacking = error,
                outcome => return outcome.map(|answer| Facts::read(features, &answer)),
            }
        }
        Err(lacking)
    }

    /// Creates; where nothing is known of the name, only by a call that fails if it exists.
    pub(super) async fn create(
        &self,
        turn: &Turn,
        resource: &Resource,
        message: &DynamicMessage,
        proof: Vacant,
    ) -> Result<Option<DynamicMessage>, Error> {
        let replacing = if proof.read { resource.calls.upsert.as_slice() } else { &[] };
        let calls = resource.calls.create.iter().chain(replacing).collect();
        let name = resource.metadata.name.text(message);
        let inputs = Inputs { resource: Some(message), name: &name, ..Inputs::default() };
        let made = self.0.caller.first_of(turn, Operation::Create, resource, calls, &inputs).await;
        made.map(|(call, answer)| request::resource(call, &answer))
    }

    /// Replaces what was read, carrying its revision; without one where the API has none or the server no such call.
    pub(super) async fn update(
        &self,
        turn: &Turn,
        resource: &Resource,
        mut message: DynamicMessage,
        proof: &Owned,
    ) -> Result<Option<DynamicMessage>, Error> {
        if let Some(revision) = &resource.metadata.revision {
            revision.set(&mut message, Value::String(proof.revision.clone()));
        }
        let calls = resource.calls.update.iter().chain(&resource.calls.upsert).collect();
        let inputs = Inputs {
            resource: Some(&message),
            name: &proof.name,
            revision: &proof.revision,
            ..Inputs::default()
        };
        let made = self.0.caller.first_of(turn, Operation::Update, resource, calls, &inputs).await;
        made.map(|(call, answer)| request::resource(call, &answer))
    }

    /// Deletes what was read.
    pub(super) async fn delete(&self, turn: &Turn, resource: &Resource, proof: &Owned) -> Result<(), Error> {
        let inputs = Inputs {
            resource: Some(&proof.parts),
            name: &proof.name,
            revision: &proof.revision,
            ..Inputs::default()
        };
        let calls = resource.calls.delete.iter().collect();
        self.0.caller.first_of(turn, Operation::Delete, resource, calls, &inputs).await.map(|_| ())
    }

    /// Waits for leave to write, and for the way to the target.
    pub(super) async fn turn(&self, operation: Operation) -> Result<Turn, Error> {
        self.0.caller.turn(operation).await
    }

    /// One cheap call, whatever else is under way. Any answer will do that is not the target's absence.
    async fn probe(&self) -> Result<(), String> {
        let caller = &self.0.caller;
        let turn = caller.turn_to_probe(Operation::Get).await.map_err(|error| error.message)?;
        let (method, request) = match (&self.0.features.call.first(), &self.0.probe) {
            (Some(method), _) => ((*method).clone(), DynamicMessage::new(method.input())),
            (None, Some((_, call))) => {
                let inputs = Inputs { page_size: 1, ..Inputs::default() };
                (call.method.clone(), request::fill(call, &inputs))
            }
            (None, None) => return Ok(()),
        };
        match caller.unary(&turn, Operation::Get, &method, request, &Vec::new).await {
            Err(error) if error.class == Class::Unavailable => {
                caller.forget_lacks();
                // Perhaps there is a better way by now: another address, a new identity.
                caller.connection.report(turn.link.number, Trouble::Silent);
                Err(error.message)
            }
            _ => Ok(()),
        }
    }
}

/// A list under way. Holds no more than the page that was asked for.
pub struct Pages<'a> {
    client: &'a Client,
    resource: &'a Resource,
    at: At<'a>,
}

enum At<'a> {
    Start,
    /// The call that the server has, and the token of the page to ask for.
    Page(&'a Call, String),
    End,
}

impl Pages<'_> {
    /// The next page, possibly an empty one; none after the last.
    ///
    /// # Errors
    /// When the target can't be reached or refuses. Asking again repeats the page that failed.
    pub async fn next(&mut self) -> Result<Option<Vec<DynamicMessage>>, Error> {
        let (calls, page) = match &self.at {
            At::Start => (self.resource.calls.list.iter().collect(), ""),
            At::Page(call, token) => (vec![*call], token.as_str()),
            At::End => return Ok(None),
        };
        let inputs = Inputs { page, page_size: self.client.0.page_size, ..Inputs::default() };
        let caller = &self.client.0.caller;
        let turn = caller.turn(Operation::List).await?;
        let (call, answer) = caller.first_of(&turn, Operation::List, self.resource, calls, &inputs).await?;
        let (found, next) = request::page(call, &answer);
        if !next.is_empty() && next == page {
            let text = "the server gives the same page again: the list can't be read to its end";
            return Err(Error::own(Class::Other, Code::Internal, Operation::List, text));
        }
        self.at = if next.is_empty() { At::End } else { At::Page(call, next) };
        Ok(Some(found))
    }
}
