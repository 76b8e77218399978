//! What the engine needs of Kubernetes and of a target, as traits: the real ones, a simulation's, a plan's that only
//! prints. Obligations stand at each call; all of them may be dropped half-way, and the next pass finishes the work.
use std::future::Future;
use std::sync::Arc;

use prost_reflect::DynamicMessage;
use serde_json::Value;

use super::decide::Failure;
use crate::kube::object::{Key, Object};
use crate::mapping::plan::{Kind, Resource};
use crate::target::gate::Write;
use crate::target::stream::Event;

/// What became of a patch of an object.
#[derive(Debug, Clone)]
pub enum Patched {
    /// It is applied; this is the object now.
    Done(Box<Object>),
    /// The object is gone, or is another one of the same name.
    Gone,
    /// It was not as it had been read.
    Conflict,
}

/// A Secret's value that an object may have.
#[derive(Clone)]
pub struct SecretValue {
    /// The value. Shown nowhere.
    pub value: String,
    /// The version of the Secret that it came from.
    pub version: String,
}

/// Something to tell people about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Bad news.
    pub warning: bool,
    /// Why, as one CamelCase word.
    pub reason: String,
    /// What was being done, as one CamelCase word.
    pub action: &'static str,
    /// The whole story.
    pub text: String,
}

/// Kubernetes. Errors are texts for the log: the engine tries again whatever they are.
pub trait Cluster: Send + Sync + 'static {
    /// Reads an object afresh; none where it is gone.
    fn get(&self, kind: &Kind, key: &Key) -> impl Future<Output = Result<Option<Object>, String>> + Send;

    /// Adds our finalizer, if the object is as it was read.
    fn add_finalizer(
        &self,
        kind: &Kind,
        object: &Object,
    ) -> impl Future<Output = Result<Patched, String>> + Send;

    /// Removes our finalizer and no other.
    fn remove_finalizer(
        &self,
        kind: &Kind,
        object: &Object,
    ) -> impl Future<Output = Result<Patched, String>> + Send;

    /// Merges into the status of this very object, if it is as it was read.
    fn patch_status(
        &self,
        kind: &Kind,
        object: &Object,
        status: &Value,
    ) -> impl Future<Output = Result<Patched, String>> + Send;

    /// A value of a Secret in the object's namespace that allows the object to have it. `Err` says why not.
    fn secret(
        &self,
        object: &Object,
        secret: &str,
        key: &str,
    ) -> impl Future<Output = Result<SecretValue, String>> + Send;

    /// Tells people. Never waits, and may drop it.
    fn tell(&self, kind: &Kind, object: &Object, note: Note);
}

/// A target. A write that was answered with an error may have been applied all the same.
pub trait Remote: Send + Sync + 'static {
    /// Reads a resource, possibly from a cache that lags; none where it does not exist. `like` holds what identifies it
    /// beside its name, where there is more.
    fn get(
        &self,
        resource: &Resource,
        name: &str,
        like: Option<&DynamicMessage>,
    ) -> impl Future<Output = Result<Option<DynamicMessage>, Failure>> + Send;

    /// Reads all resources of a kind, handing each over as it comes.
    fn list(
        &self,
        resource: &Resource,
        each: &mut (dyn FnMut(&DynamicMessage) + Send),
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Writes for an object, if writing is allowed. `paths` is what changes, for the change log. Gives the resource as
    /// the write left it, where the target says.
    fn write(
        &self,
        kind: &Kind,
        key: &Key,
        paths: &[String],
        write: Write,
    ) -> impl Future<Output = Result<Option<DynamicMessage>, Failure>> + Send;
}

/// Where a target tells of changes as they happen.
pub trait Feed: Send + Sync + 'static {
    /// A stream of them.
    type Tidings: Tidings;

    /// Asks to be told of these resources. An error that is no passing one says that one of them, at least, is refused.
    fn open(
        &self,
        resources: &[Arc<Resource>],
    ) -> impl Future<Output = Result<Self::Tidings, Failure>> + Send;
}

/// A stream of changes. The first event says that it has begun: nothing is missed from there on, until it ends.
pub trait Tidings: Send + Sync {
    /// The next event; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Event>, Failure>> + Send;

    /// Whether another one should be opened, because this one may end at any time.
    fn is_outdated(&self) -> impl Future<Output = bool> + Send;
}
