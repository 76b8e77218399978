//! The target's event stream: asked for certain resources, and read event by event. What an event says is found by the
//! plan; nothing is decided here about what follows from it.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, Value};
use tokio::time::{Instant, timeout};
use tonic::client::Grpc;
use tonic::codec::Streaming;
use tonic::{Code, Request, Status};

use super::call::{Caller, Turn, name};
use super::codec::{DynamicCodec, RECEIVE_LIMIT};
use super::connection::Link;
use super::error::{Error, code_name};
use crate::mapping::errors::{Class, Operation};
use crate::mapping::plan::Resource;
use crate::mapping::stream::{Stream, WordsAt};
use crate::schema::FieldPath;

/// What the errors of a stream are classed as: it reads many at a time.
const OPERATION: Operation = Operation::List;

/// How long an answer to the question for a stream may take, where an event says that it begins.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an event says.
#[derive(Debug, Clone)]
pub enum Event {
    /// From here on nothing is missed, of the kinds with these words; none: of all that were asked for.
    Begun(Option<BTreeSet<String>>),
    /// A resource was made or changed, to what it is here; it is one of these.
    Written(Vec<Arc<Resource>>, DynamicMessage),
    /// The resource of this name, one of these, is gone.
    Deleted(Vec<Arc<Resource>>, String),
    /// Nothing that concerns us.
    Other,
}

/// A stream that is open.
pub struct Events {
    plan: Arc<Stream>,
    resources: Vec<Arc<Resource>>,
    caller: Arc<Caller>,
    turn: Turn,
    answers: Streaming<DynamicMessage>,
    /// The server says nothing of the beginning: it has begun when it answered.
    begun: bool,
}

impl Events {
    /// The next event; none at the end.
    ///
    /// # Errors
    /// When the stream broke.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        if !std::mem::replace(&mut self.begun, true) {
            return Ok(Some(Event::Begun(None)));
        }
        match self.answers.message().await {
            Ok(event) => Ok(event.map(|event| read(&self.plan, &self.resources, &event))),
            Err(status) => Err(self.caller.stream_broke(&self.turn, &self.plan, &status)),
        }
    }

    /// Whether calls go another way by now: what this stream goes through may end at any time.
    pub async fn is_outdated(&self) -> bool {
        let link = self.caller.connection.link().await;
        link.is_ok_and(|link| link.number != self.turn.link.number)
    }
}

impl Caller {
    /// Opens the stream for these resources. It is no call of the limited number, and has no deadline.
    pub(super) async fn stream(
        self: &Arc<Self>,
        plan: &Arc<Stream>,
        resources: &[Arc<Resource>],
    ) -> Result<Events, Error> {
        if let Some(why) = self.reach.down() {
            return Err(Error::own(Class::Unavailable, Code::Unavailable, OPERATION, why));
        }
        let turn = self.turn_to_probe(OPERATION).await?;
        let said = plan.what.as_ref().is_some_and(|what| !what.begin.is_empty());
        let asked = request(plan, resources);
        let began = Instant::now();
        let answer = match said {
            true => timeout(PATIENCE, open(&turn.link, plan, asked)).await,
            // Some servers send nothing at all before the first event.
            false => Ok(open(&turn.link, plan, asked).await),
        };
        let silent = || Err(Status::deadline_exceeded(format!("no stream within {PATIENCE:?}")));
        let answers = answer.unwrap_or_else(|_| silent());
        let code = answers.as_ref().map_or_else(|status| status.code() as i32, |_| Code::Ok as i32);
        self.options.observer.called(&name(&plan.method), code_name(code), began.elapsed());
        let answers = answers.map_err(|status| self.stream_broke(&turn, plan, &status))?;
        let (plan, resources) = (Arc::clone(plan), resources.to_vec());
        Ok(Events { plan, resources, caller: Arc::clone(self), turn, answers, begun: said })
    }

    fn stream_broke(&self, turn: &Turn, plan: &Stream, status: &Status) -> Error {
        let error = self.judged(Error::from_status(status, OPERATION, &self.errors, &[]));
        let error = error.of(&name(&plan.method));
        self.heed(turn, &error);
        error
    }
}

async fn open(
    link: &Link,
    plan: &Stream,
    asked: DynamicMessage,
) -> Result<Streaming<DynamicMessage>, Status> {
    let path = PathAndQuery::try_from(format!("/{}", name(&plan.method)))
        .map_err(|error| Status::internal(format!("the method has no path: {error}")))?;
    let mut request = Request::new(asked);
    if let Some(authorization) = &link.authorization {
        request.metadata_mut().insert("authorization", authorization.clone());
    }
    let mut client = Grpc::new(link.channel.clone()).max_decoding_message_size(RECEIVE_LIMIT);
    client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let codec = DynamicCodec::new(plan.method.output());
    client.server_streaming(request, path, codec).await.map(tonic::Response::into_inner)
}

/// What is asked for: the constants, and each kind once.
fn request(plan: &Stream, resources: &[Arc<Resource>]) -> DynamicMessage {
    let mut request = DynamicMessage::new(plan.method.input());
    for (to, value) in &plan.request {
        to.set(&mut request, value.clone());
    }
    if let Some(kinds) = &plan.kinds {
        let watched = resources.iter().filter_map(|resource| resource.watched.as_ref());
        let words: BTreeSet<&str> = watched.map(|watched| watched.word.as_str()).collect();
        let element = |word: &str| {
            let text = Value::String(word.to_owned());
            let message = kinds.list.last().and_then(|list| list.kind().as_message().cloned());
            message.map_or(text.clone(), |message| {
                let mut entry = DynamicMessage::new(message);
                kinds.word.set(&mut entry, text);
                Value::Message(entry)
            })
        };
        kinds.list.set(&mut request, Value::List(words.into_iter().map(element).collect()));
    }
    request
}

/// What an event says of these resources.
pub fn read(plan: &Stream, resources: &[Arc<Resource>], event: &DynamicMessage) -> Event {
    let what = plan.what.as_ref().map(|what| {
        // Unset is a value too: the default.
        let value =
            what.field.message_and_field(event).map(|(message, field)| message.get_field(field).into_owned());
        let is = |values: &[Value]| value.as_ref().is_some_and(|value| values.contains(value));
        (is(&what.begin), is(&what.write), is(&what.delete))
    });
    match what {
        Some((true, _, _)) => Event::Begun(plan.begun.as_ref().map(|begun| words(begun, event))),
        Some((_, true, _)) => written(resources, event),
        Some((_, _, true)) => deleted(plan, resources, event),
        Some(_) => Event::Other,
        None => match deleted(plan, resources, event) {
            Event::Other => written(resources, event),
            deleted => deleted,
        },
    }
}

fn written(resources: &[Arc<Resource>], event: &DynamicMessage) -> Event {
    let (found, live) = held(resources, event);
    live.map_or(Event::Other, |live| Event::Written(found, live.clone()))
}

/// The resource that an event holds, and which of these it may be.
fn held<'a>(
    resources: &[Arc<Resource>],
    event: &'a DynamicMessage,
) -> (Vec<Arc<Resource>>, Option<&'a DynamicMessage>) {
    let mut live = None;
    let mut found = Vec::new();
    for resource in resources {
        let Some(watched) = &resource.watched else { continue };
        let Some(message) = watched.event.message(event) else { continue };
        let is_it = |(path, value): &(FieldPath, String)| path.text(message) == *value;
        if watched.constant.as_ref().is_none_or(is_it) {
            live = Some(message);
            found.push(Arc::clone(resource));
        }
    }
    (found, live)
}

/// A deletion names the resource, or holds it as it last was.
fn deleted(plan: &Stream, resources: &[Arc<Resource>], event: &DynamicMessage) -> Event {
    let name = plan.deleted.as_ref().map(|deleted| deleted.name.text(event)).unwrap_or_default();
    if name.is_empty() {
        let (found, live) = held(resources, event);
        let name = found.first().zip(live).map(|(resource, live)| resource.metadata.name.text(live));
        return match name.filter(|_| plan.what.is_some()) {
            Some(name) => Event::Deleted(found, name),
            None => Event::Other,
        };
    }
    let kind = plan.deleted.as_ref().and_then(|deleted| Some(deleted.kind.as_ref()?.text(event)));
    let is_it = |resource: &&Arc<Resource>| {
        let word = resource.watched.as_ref().map(|watched| &watched.word);
        word.is_some_and(|word| kind.as_ref().is_none_or(|kind| kind == word))
    };
    let found: Vec<_> = resources.iter().filter(is_it).cloned().collect();
    if found.is_empty() { Event::Other } else { Event::Deleted(found, name) }
}

fn words(at: &WordsAt, event: &DynamicMessage) -> BTreeSet<String> {
    let list = at.list.get(event);
    let elements = list.iter().filter_map(|value| value.as_list()).flatten();
    let word = |element: &Value| match element {
        Value::String(word) => Some(word.clone()),
        Value::Message(message) => Some(at.word.text(message)),
        _ => None,
    };
    elements.filter_map(word).collect()
}
