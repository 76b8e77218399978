//! Makes calls: the first of several alternatives that the server has, within a deadline, counted, with the limit on
//! how many are under way. Knows operations, but not what a resource is.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio::time::{Instant, timeout};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};

use super::codec::{DynamicCodec, RECEIVE_LIMIT};
use super::connection::{Blame, Connection, Link, Trouble};
use super::error::{Error, code_name};
use super::limiter::{Limiter, Permit};
use super::reach::Reach;
use super::request::{Inputs, fill};
use super::secret;
use crate::mapping::errors::{Class, Errors, Operation};
use crate::mapping::plan::{Call, Resource};

/// Is told of every call that was made; for metrics.
pub trait Observer: Send + Sync + 'static {
    /// `method` is `package.Service/Method`, `code` the gRPC name of the status.
    fn called(&self, method: &str, code: &'static str, took: Duration);
}

/// Nobody is told.
impl Observer for () {
    fn called(&self, _: &str, _: &'static str, _: Duration) {}
}

/// How calls are made.
pub struct Options {
    /// How long one call may take.
    pub deadline: Duration,
    /// Who is told of calls.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), observer: Arc::new(()) }
    }
}

/// What all calls to one target share.
pub(super) struct Caller {
    pub connection: Arc<dyn Connection>,
    pub reach: Reach,
    pub limiter: Arc<Limiter>,
    pub errors: Errors,
    /// Largest request that the server takes, in bytes.
    pub message_bytes: usize,
    pub options: Options,
    pub lacks: Mutex<Lacks>,
}

/// Leave to make a call, and the channel for it.
pub(super) struct Turn {
    pub permit: Permit,
    pub link: Link,
}

/// What the server answered for the methods that it does not have, until the connection is another.
#[derive(Default)]
pub(super) struct Lacks {
    link: u64,
    methods: HashMap<String, Error>,
}

impl Caller {
    /// Waits for leave to make a call, and for the way to the target; not for the target to come back.
    pub async fn turn(&self, operation: Operation) -> Result<Turn, Error> {
        let permit = self.limiter.acquire().await;
        // One prober tries to reach a target that is gone, and nobody else.
        self.reach.down().map_or(Ok(()), |why| Err(unavailable(operation, why)))?;
        Ok(Turn { permit, link: self.link(operation).await? })
    }

    /// The prober's turn, whatever else is under way.
    pub async fn turn_to_probe(&self, operation: Operation) -> Result<Turn, Error> {
        Ok(Turn { permit: self.limiter.uncounted(), link: self.link(operation).await? })
    }

    /// Makes the first of these calls that the server has; gives the one that was made, and its answer.
    pub async fn first_of<'a>(
        &self,
        turn: &Turn,
        operation: Operation,
        resource: &Resource,
        calls: Vec<&'a Call>,
        inputs: &Inputs<'_>,
    ) -> Result<(&'a Call, DynamicMessage), Error> {
        let secrets = || inputs.resource.map(|sent| secret::values(resource, sent)).unwrap_or_default();
        let none = format!("{}: there is no call for this", resource.name);
        let mut lacking = Error::own(Class::Unimplemented, Code::Unimplemented, operation, none);
        for call in calls {
            let name = name(&call.method);
            if let Some(known) = self.known_lack(&turn.link, &name) {
                lacking = known;
                continue;
            }
            match self.unary(turn, operation, &call.method, fill(call, inputs), &secrets).await {
                Err(error) if error.code == Code::Unimplemented as i32 => {
                    self.remember_lack(&turn.link, name, &error);
                    lacking = error;
                }
                outcome => return outcome.map(|answer| (call, answer)),
            }
        }
        Err(lacking)
    }

    /// Makes one call.
    pub async fn unary(
        &self,
        turn: &Turn,
        operation: Operation,
        method: &MethodDescriptor,
        request: DynamicMessage,
        secrets: &(dyn Fn() -> Vec<String> + Sync),
    ) -> Result<DynamicMessage, Error> {
        self.check_size(operation, method, &request)?;
        let name = name(method);
        let began = Instant::now();
        let answer =
            timeout(self.options.deadline, send(&turn.link, method, request, self.options.deadline)).await;
        let took = began.elapsed();
        let outcome = match answer {
            Ok(Err(status)) if took < self.options.deadline || status.code() != Code::Cancelled => {
                Err(self.judged(Error::from_status(&status, operation, &self.errors, &secrets())).of(&name))
            }
            Ok(Ok(message)) => Ok(message),
            Ok(Err(_)) | Err(_) => Err(self.silent(operation).of(&name)),
        };
        let code = outcome.as_ref().map_or_else(|error| error.code, |_| Code::Ok as i32);
        self.options.observer.called(&name, code_name(code), took);
        match &outcome {
            Ok(_) => turn.permit.good(),
            Err(error) => self.heed(turn, error),
        }
        outcome
    }

    /// A channel, within the deadline of a call.
    async fn link(&self, operation: Operation) -> Result<Link, Error> {
        match timeout(self.options.deadline, self.connection.link()).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(why)) => {
                self.reach.doubt();
                Err(unavailable(operation, why.to_string()))
            }
            Err(_) => {
                self.reach.doubt();
                Err(self.silent(operation))
            }
        }
    }

    /// An error that is no fault of the call is the target's absence to whoever made it.
    pub(super) fn judged(&self, mut error: Error) -> Error {
        if self.blame(&error) == Blame::Us {
            error.class = Class::Unavailable;
        }
        error
    }

    fn blame(&self, error: &Error) -> Blame {
        self.connection.judge(Code::from_i32(error.code), &error.message)
    }

    /// What an error means for more than the call itself.
    pub(super) fn heed(&self, turn: &Turn, error: &Error) {
        if self.blame(error) != Blame::Call {
            self.connection.report(turn.link.number, Trouble::Credentials);
        }
        if error.code == Code::DeadlineExceeded as i32 {
            self.connection.report(turn.link.number, Trouble::Silent);
        }
        match error.class {
            Class::Limited => turn.permit.limited(),
            Class::Unavailable => self.reach.doubt(),
            _ => turn.permit.good(),
        }
    }

    fn silent(&self, operation: Operation) -> Error {
        let code = Code::DeadlineExceeded;
        let text = format!("no answer within {:?}", self.options.deadline);
        Error::own(self.errors.class(operation, code as i32), code, operation, text)
    }

    /// Refused here, with the reason, rather than by the server as if too much had been asked for at once.
    fn check_size(
        &self,
        operation: Operation,
        method: &MethodDescriptor,
        request: &DynamicMessage,
    ) -> Result<(), Error> {
        let (size, most) = (request.encoded_len(), self.message_bytes);
        if size <= most {
            return Ok(());
        }
        let text =
            format!("the resource is too large: {size} bytes, and the server takes no more than {most}");
        Err(Error::own(Class::Invalid, Code::ResourceExhausted, operation, text).of(&name(method)))
    }

    fn known_lack(&self, link: &Link, method: &str) -> Option<Error> {
        let lacks = self.lacks.lock().unwrap_or_else(PoisonError::into_inner);
        (lacks.link == link.number).then(|| lacks.methods.get(method).cloned()).flatten()
    }

    /// Another server may answer when the target comes back.
    pub fn forget_lacks(&self) {
        *self.lacks.lock().unwrap_or_else(PoisonError::into_inner) = Lacks::default();
    }

    fn remember_lack(&self, link: &Link, method: String, error: &Error) {
        let mut lacks = self.lacks.lock().unwrap_or_else(PoisonError::into_inner);
        if lacks.link != link.number {
            *lacks = Lacks { link: link.number, methods: HashMap::new() };
        }
        lacks.methods.insert(method, error.clone());
    }
}

fn unavailable(operation: Operation, why: String) -> Error {
    Error::own(Class::Unavailable, Code::Unavailable, operation, why)
}

async fn send(
    link: &Link,
    method: &MethodDescriptor,
    request: DynamicMessage,
    deadline: Duration,
) -> Result<DynamicMessage, Status> {
    let path = PathAndQuery::try_from(format!("/{}", name(method)))
        .map_err(|error| Status::internal(format!("the method has no path: {error}")))?;
    let mut request = Request::new(request);
    request.set_timeout(deadline);
    if let Some(authorization) = &link.authorization {
        request.metadata_mut().insert("authorization", authorization.clone());
    }
    let mut client = Grpc::new(link.channel.clone()).max_decoding_message_size(RECEIVE_LIMIT);
    client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let codec = DynamicCodec::new(method.output());
    client.unary(request, path, codec).await.map(tonic::Response::into_inner)
}

/// `package.Service/Method`.
pub(super) fn name(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}
