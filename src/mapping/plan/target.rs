//! A target as a whole: its words, how it is reached, and its kinds.
use std::collections::BTreeMap;
use std::sync::Arc;

use prost_reflect::MethodDescriptor;

use super::{Connection, Kind, Ownership, Role, Setup, Words};
use crate::mapping::errors::Errors;
use crate::mapping::stream::Stream;
use crate::schema::FieldPath;

/// All that one process syncs to: a target's words and its kinds.
#[derive(Debug)]
pub struct Target {
    /// The folder's name, for people.
    pub name: String,
    /// What is the same for all of its kinds on the Kubernetes side.
    pub words: Words,
    /// How a resource says that it is ours.
    pub ownership: Ownership,
    /// How it is reached.
    pub connection: Connection,
    /// How to learn what the server can do.
    pub features: Features,
    /// The stream that tells of changes, where there is one.
    pub stream: Option<Stream>,
    /// What gRPC codes mean.
    pub errors: Errors,
    /// How much at once.
    pub limits: Limits,
    /// The role that the operator needs, where the target has such a thing.
    pub role: Option<Role>,
    /// What else lets the operator in, where the target has such a thing.
    pub setup: Option<Setup>,
    /// Kinds of resources that have no mapping, and why.
    pub absent: BTreeMap<String, String>,
    /// One for each Kubernetes kind, by name.
    pub kinds: Vec<Arc<Kind>>,
    /// The part of it that this process works in: a setting, in no file.
    pub within: Within,
}

/// The part of a target that a process works in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Within {
    /// What is in no scope.
    #[default]
    Whole,
    /// This scope alone.
    Part(String),
    /// Whatever the scope: to try things out.
    Any,
}

impl Target {
    /// The target for a process that works in this part of it. Within a scope that is only kinds that have one.
    #[must_use]
    pub fn within(mut self, within: Within) -> Self {
        if matches!(within, Within::Part(_)) {
            self.kinds.retain(|kind| kind.resource.scope.is_some());
        }
        Self { within, ..self }
    }

    /// The target for a process that is known by these words: what labels say of it.
    #[must_use]
    pub fn known_as(mut self, words: &[(&str, String)]) -> Self {
        for text in self.ownership.scoped.values_mut() {
            for (word, value) in words {
                *text = text.replace(word, value);
            }
        }
        self
    }

    /// The kind that a document of the target's own is of: the one whose constants it has.
    pub fn kind_of_document(&self, document: &serde_json::Value) -> Option<&Arc<Kind>> {
        let fits = |kind: &&Arc<Kind>| {
            kind.constants.iter().all(|constant| document[&constant.json] == constant.value)
        };
        self.kinds.iter().find(fits)
    }

    /// The kind that objects of this API version (`group/version`) and kind are.
    pub fn kind_of(&self, api_version: &str, kind: &str) -> Option<&Arc<Kind>> {
        let (group, version) = api_version.split_once('/')?;
        self.kinds.iter().find(|found| {
            let k = &found.kubernetes;
            k.kind == kind && k.group == group && k.versions.iter().any(|served| served == version)
        })
    }
}

/// How to learn what the server can do: a call, and where its answer says so.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// Calls in order of preference; the request is empty.
    pub call: Vec<MethodDescriptor>,
    /// For each feature its places in the answer: the first that is there says whether it is on.
    pub paths: BTreeMap<String, Vec<AnswerPath>>,
    /// Where the answer names the cluster.
    pub cluster: Option<AnswerPath>,
    /// Where the answer gives the server's version.
    pub version: Option<AnswerPath>,
}

/// A place in an answer: fields, then possibly an entry of a map, then fields of that.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerPath {
    /// From the answer to a scalar, or to a map.
    pub to: FieldPath,
    /// The key of the map's entry, and the way on from there (empty: the entry itself).
    pub entry: Option<(String, FieldPath)>,
}

/// How much at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Resources a page of a list.
    pub page_size: i32,
    /// Largest message that the server takes, in bytes.
    pub message_bytes: usize,
    /// Calls in flight for the whole target.
    pub concurrent: usize,
    /// Passes at a time of one kind.
    pub concurrent_kind: usize,
}
