//! A resource of a target: what identifies it, and where it keeps what.
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::{Access, Calls, From, Shapes};
use crate::mapping::stream::Watched;
use crate::schema::FieldPath;

/// A resource of the target.
#[derive(Debug)]
pub struct Resource {
    /// The mapping's name: its file without the extension.
    pub name: String,
    /// Its message.
    pub message: MessageDescriptor,
    /// Its JSON form and that of everything below it.
    pub shapes: Shapes,
    /// Where the specification stands.
    pub spec: Spec,
    /// Members at the root that stand beside the specification in the custom resource too.
    pub root: Vec<String>,
    /// The one of them that holds its scope.
    pub scope: Option<String>,
    /// Where its sub-kind follows from what is set.
    pub sub_kinds: Option<SubKinds>,
    /// Where name, labels and so on stand.
    pub metadata: Metadata,
    /// The one name that it can have.
    pub singleton: Option<String>,
    /// How it is known to be ours.
    pub owned_by: OwnedBy,
    /// The API has no call that changes one.
    pub immutable: bool,
    /// How to call the target.
    pub calls: Calls,
    /// Fields copied from live when it is updated.
    pub preserve: Vec<FieldPath>,
    /// Features of which the server must have one; none: always.
    pub requires: Vec<String>,
    /// What the target's roles must say for it.
    pub access: Access,
    /// How it is in the target's event stream, where it is.
    pub watched: Option<Watched>,
}

/// How a resource is known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnedBy {
    /// It carries our mark.
    #[default]
    Mark,
    /// Its object's status has the record of a write of ours: it has no place for a mark.
    Record,
    /// Whoever writes the custom resource claims the only resource: the API puts its own mark in the place of ours.
    Object,
}

impl OwnedBy {
    /// Their names in mappings.
    pub const NAMES: [(&str, Self); 3] =
        [("mark", Self::Mark), ("record", Self::Record), ("object", Self::Object)];
}

/// Members at the root of every custom resource.
pub const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

impl Resource {
    /// What identifies a resource beside its name: the members that a read asks for.
    pub fn parts(&self) -> impl Iterator<Item = &FieldPath> {
        let asked = self.calls.get.first().map(|call| call.request.as_slice()).unwrap_or_default();
        asked.iter().filter_map(|assign| match &assign.from {
            From::Member(path) => Some(path),
            _ => None,
        })
    }
}

/// A sub-kind that follows from which alternative of a choice is set.
#[derive(Debug, Clone, PartialEq)]
pub struct SubKinds {
    /// The member of the JSON form that holds it.
    pub json: String,
    /// Where it stands in the message.
    pub field: FieldPath,
    /// The alternatives, each with its path in the JSON form (`spec.disk`) and what follows from it.
    pub of: Vec<(FieldPath, String, String)>,
}

impl SubKinds {
    /// What follows from what is set; none where nothing is.
    pub fn of(&self, message: &DynamicMessage) -> Option<&str> {
        let set = self.of.iter().find(|(path, ..)| path.get(message).is_some());
        set.map(|(.., sub_kind)| sub_kind.as_str())
    }
}

/// Where a specification stands in the JSON form of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// One member, which is a message.
    Member(String),
    /// These members stand at the root.
    Root(Vec<String>),
}

/// Where a resource keeps what Kubernetes keeps in `metadata`.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// The members of the JSON form: the one that is a message of metadata, or those of the root that are its parts.
    pub json: Vec<String>,
    /// The message keeps them itself: people see a member `metadata`, and all the rest under `spec`.
    pub bare: bool,
    /// Its name.
    pub name: FieldPath,
    /// A map of strings.
    pub labels: Option<FieldPath>,
    /// A text.
    pub description: Option<FieldPath>,
    /// The revision that a conditional update carries.
    pub revision: Option<FieldPath>,
    /// When it expires.
    pub expires: Option<FieldPath>,
    /// A constant that the API asks for.
    pub namespace: Option<(FieldPath, String)>,
}

impl Metadata {
    /// What it holds, by the names that Kubernetes and people have for it.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &FieldPath)> {
        let Self { name, labels, description, revision, expires, .. } = self;
        let parts = [
            ("name", Some(name)),
            ("labels", labels.as_ref()),
            ("description", description.as_ref()),
            ("revision", revision.as_ref()),
            ("expires", expires.as_ref()),
        ];
        parts.into_iter().filter_map(|(name, part)| Some((name, part?)))
    }
}
