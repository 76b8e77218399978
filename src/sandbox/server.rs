//! The sandbox's gRPC server: answers every call of every plan from memory, with revisions, pages and conditional
//! updates, and the features call. Plaintext, for loopback; keeps nothing. Knows no kind by name.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Code, Response, Status};
use tower::service_fn;

use super::store::{Names, Store};
use super::wire::{self, Asked};
use crate::mapping::errors::{Class, Operation};
use crate::mapping::plan::{Call, Constant, Resource, Target};
use crate::target::codec::DynamicCodec;

/// What the features call gives as the cluster's name.
const CLUSTER: &str = "sandbox";
/// Resources a page where the request doesn't say.
const PAGE_SIZE: usize = 100;

/// A target in memory.
pub struct Sandbox {
    target: Arc<Target>,
    methods: HashMap<String, Method>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    store: Store,
    counts: BTreeMap<String, u64>,
    refused: HashMap<String, (Code, String)>,
}

struct Method {
    descriptor: MethodDescriptor,
    /// The calls that it serves, by the constants of their requests; none: it tells features.
    uses: Vec<Use>,
}

struct Use {
    verb: Verb,
    resource: Arc<Resource>,
    call: Call,
}

#[derive(Clone, Copy)]
enum Verb {
    Get,
    List,
    Create,
    Update,
    Upsert,
    Delete,
}

impl Sandbox {
    /// An empty target that has every call of every kind.
    pub fn new(target: Arc<Target>) -> Arc<Self> {
        let mut methods = HashMap::new();
        for method in &target.features.call {
            methods.entry(path(method)).or_insert_with(|| Method::new(method));
        }
        let mut known = HashSet::new();
        for kind in target.kinds.iter().filter(|kind| known.insert(Arc::as_ptr(&kind.resource))) {
            for (verb, call) in calls(&kind.resource) {
                let method = methods.entry(path(&call.method)).or_insert_with(|| Method::new(&call.method));
                let (resource, call) = (Arc::clone(&kind.resource), call.clone());
                method.uses.push(Use { verb, resource, call });
            }
        }
        Arc::new(Self { target, methods, state: Mutex::default() })
    }

    /// Serves until `stop` is done, then finishes the calls under way.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let service = service_fn(move |request| {
            let sandbox = Arc::clone(&self);
            async move { Ok::<_, Infallible>(sandbox.serve_one(request).await) }
        });
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder().serve_with_incoming_shutdown(service, incoming, stop).await
    }

    /// All resources, by message type and name.
    pub fn snapshot(&self) -> BTreeMap<String, Names> {
        self.state().store.snapshot()
    }

    /// How often each method (`package.Service/Method`) was called.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.state().counts.clone()
    }

    /// By how much reads are to lag behind writes from now on.
    pub fn set_lag(&self, lag: Duration) {
        self.state().store.lag = lag;
    }

    /// Answers this method (`package.Service/Method`) with an error from now on.
    pub fn refuse(&self, method: &str, code: Code, text: &str) {
        self.state().refused.insert(method.to_owned(), (code, text.to_owned()));
    }

    /// Answers this method as it should again.
    pub fn allow(&self, method: &str) {
        self.state().refused.remove(method);
    }

    async fn serve_one(&self, request: http::Request<Body>) -> http::Response<Body> {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        let Some(method) = self.methods.get(&path) else {
            return Status::unimplemented(format!("unknown method {path}")).into_http();
        };
        let codec = DynamicCodec::new(method.descriptor.input());
        let answer = service_fn(|request: tonic::Request<DynamicMessage>| {
            ready(self.answer(&path, method, request.get_ref()).map(Response::new))
        });
        let limit = self.target.limits.message_bytes;
        Grpc::new(codec).max_decoding_message_size(limit).unary(answer, request).await
    }

    fn answer(
        &self,
        path: &str,
        method: &Method,
        request: &DynamicMessage,
    ) -> Result<DynamicMessage, Status> {
        let mut state = self.state();
        *state.counts.entry(path.to_owned()).or_default() += 1;
        if let Some((code, text)) = state.refused.get(path) {
            return Err(Status::new(*code, text));
        }
        if method.uses.is_empty() {
            let mut answer = DynamicMessage::new(method.descriptor.output());
            wire::features(&self.target.features, &mut answer, CLUSTER);
            return Ok(answer);
        }
        let uses = method.uses.iter();
        let read = uses.filter_map(|found| Some((found, wire::read(&found.resource, &found.call, request)?)));
        // One call may write resources of several mappings, which are told apart by what is sent.
        let (fits, others): (Vec<_>, Vec<_>) = read.partition(|(found, asked)| self.is_of(found, asked));
        let meant = fits.into_iter().chain(others).next();
        let (found, asked) = meant.ok_or_else(|| {
            Status::invalid_argument("no mapping makes a request of this method with such constants")
        })?;
        Doing { target: &self.target, store: &mut state.store, found }.perform(asked)
    }

    /// Whether what is sent has the constants of a kind of this resource.
    fn is_of(&self, found: &Use, asked: &Asked) -> bool {
        let Some(sent) = &asked.resource else { return true };
        let kinds = self.target.kinds.iter().filter(|kind| Arc::ptr_eq(&kind.resource, &found.resource));
        let is_there = |constant: &Constant| {
            let field = constant.field.as_ref().filter(|_| constant.json != "version");
            field.is_none_or(|field| field.text(sent) == constant.value)
        };
        kinds.into_iter().any(|kind| kind.constants.iter().all(is_there))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Method {
    fn new(method: &MethodDescriptor) -> Self {
        Self { descriptor: method.clone(), uses: Vec::new() }
    }
}

/// One call being answered.
struct Doing<'a> {
    target: &'a Target,
    store: &'a mut Store,
    found: &'a Use,
}

impl Doing<'_> {
    fn perform(mut self, asked: Asked) -> Result<DynamicMessage, Status> {
        if asked.name.is_empty() && !matches!(self.found.verb, Verb::List) {
            return Err(Status::invalid_argument("the name is missing"));
        }
        match self.found.verb {
            Verb::Get => self.get(&asked.name),
            Verb::List => Ok(self.list(&asked)),
            Verb::Create => {
                self.expect_none(&asked.name)?;
                self.put(asked)
            }
            Verb::Update => {
                self.expect_revision(&asked, Operation::Update, Class::AbsentOrReference)?;
                self.put(asked)
            }
            Verb::Upsert => self.put(asked),
            Verb::Delete => {
                self.expect_revision(&asked, Operation::Delete, Class::Absent)?;
                self.store.put(self.found.resource.message.full_name(), &asked.name, None);
                Ok(DynamicMessage::new(self.found.call.method.output()))
            }
        }
    }

    fn get(&self, name: &str) -> Result<DynamicMessage, Status> {
        match self.store.read(self.message(), name) {
            Some(resource) => Ok(wire::one(&self.found.call, resource.clone())),
            None => Err(self.refusal(Operation::Get, Class::Absent, Code::NotFound, name, "is not found")),
        }
    }

    fn list(&self, asked: &Asked) -> DynamicMessage {
        let size = if asked.page_size == 0 { PAGE_SIZE } else { asked.page_size };
        let mut found = self.store.list(self.message(), &asked.page);
        let page = found.by_ref().take(size).map(|(_, resource)| resource.clone()).collect();
        let next = found.next().map(|(name, _)| name.clone()).unwrap_or_default();
        wire::page(&self.found.call, page, next)
    }

    fn put(&mut self, asked: Asked) -> Result<DynamicMessage, Status> {
        let mut resource =
            asked.resource.ok_or_else(|| Status::invalid_argument("the resource is missing"))?;
        if let Some(revision) = &self.found.resource.metadata.revision {
            revision.set(&mut resource, Value::String(self.store.next_revision()));
        }
        self.store.put(self.found.resource.message.full_name(), &asked.name, Some(resource.clone()));
        Ok(wire::one(&self.found.call, resource))
    }

    fn expect_none(&self, name: &str) -> Result<(), Status> {
        match self.store.latest(self.message(), name) {
            Some(_) => {
                let (operation, class) = (Operation::Create, Class::Exists);
                Err(self.refusal(operation, class, Code::AlreadyExists, name, "already exists"))
            }
            None => Ok(()),
        }
    }

    /// That it stands there, with the revision that the request carries, if it carries one.
    fn expect_revision(&self, asked: &Asked, operation: Operation, absent: Class) -> Result<(), Status> {
        let name = &asked.name;
        let Some(stored) = self.store.latest(self.message(), name) else {
            return Err(self.refusal(operation, absent, Code::NotFound, name, "is not found"));
        };
        let stored = self.found.resource.metadata.revision.as_ref().map(|revision| revision.text(stored));
        if asked.revision.is_none() || asked.revision == stored {
            return Ok(());
        }
        let (usual, what) = (Code::FailedPrecondition, "has another revision by now");
        Err(self.refusal(operation, Class::Conflict, usual, name, what))
    }

    /// An error with the code that the target's own table takes for the class, or else the usual one.
    fn refusal(&self, operation: Operation, class: Class, usual: Code, name: &str, what: &str) -> Status {
        let means = |code: &i32| self.target.errors.class(operation, *code) == class;
        let code = [usual as i32].into_iter().chain(1..=16).find(means).map_or(usual, Code::from);
        Status::new(code, format!("{} {name} {what}", self.found.resource.name))
    }

    fn message(&self) -> &str {
        self.found.resource.message.full_name()
    }
}

fn calls(resource: &Resource) -> impl Iterator<Item = (Verb, &Call)> {
    let calls = &resource.calls;
    [
        (Verb::Get, &calls.get),
        (Verb::List, &calls.list),
        (Verb::Create, &calls.create),
        (Verb::Update, &calls.update),
        (Verb::Upsert, &calls.upsert),
        (Verb::Delete, &calls.delete),
    ]
    .into_iter()
    .flat_map(|(verb, calls)| calls.iter().map(move |call| (verb, call)))
}

fn path(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}
