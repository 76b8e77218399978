//! What a target is called on the Kubernetes side, what its conditions say, and how its resources say that they are ours.
use std::collections::BTreeMap;

/// Names on the Kubernetes side, and the texts of conditions.
#[derive(Debug, Clone)]
pub struct Words {
    /// API group of all kinds.
    pub group: String,
    /// What the names of all kinds start with.
    pub kind_prefix: String,
    /// Category of all kinds (`kubectl get CATEGORY`).
    pub category: String,
    /// Finalizer that holds an object until its resource is gone.
    pub finalizer: String,
    /// Name of the Lease by which one of several replicas is chosen.
    pub lease: String,
    /// Annotation: leave the object alone altogether.
    pub ignore: String,
    /// Annotation: deleting the object leaves the resource.
    pub keep: String,
    /// Annotation that becomes the resource's description.
    pub description: String,
    /// Annotation on a Secret: names of the objects that may read it, or `*`.
    pub lookup: String,
    /// Annotation on the CRD of a kind that has scopes: `true`.
    pub scoped_kind: Option<String>,
    /// Annotation: what may be done to the resource.
    pub management: String,
    /// Annotation: what becomes of a change made elsewhere.
    pub drift: String,
    /// Annotation: whether a resource that is not marked as ours is taken over.
    pub adopt: String,
    /// Annotation: do nothing until further notice.
    pub paused: String,
    /// Annotation: each new value has the object compared now.
    pub sync_requested: String,
    /// Integers that a status may hold beside what the engine writes there, and their formats (`int64`): others write or
    /// expect them.
    pub status: BTreeMap<String, String>,
    /// Whether the specification could be translated.
    pub decoded: Condition,
    /// Whether the object's scope is ours.
    pub scoped: Option<Condition>,
    /// Whether the resource is ours.
    pub owned: Condition,
    /// Whether the last write went through.
    pub synced: Condition,
}

/// One condition type and what it can say: outcomes by name (`true`, `false`, and further ones of its own).
#[derive(Debug, Clone)]
pub struct Condition {
    /// The condition's type.
    pub type_: String,
    /// Reason and message by outcome; `{error}` in a message stands for the error's text, and so on.
    pub says: BTreeMap<String, Says>,
}

/// A reason and a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Says {
    /// CamelCase reason.
    pub reason: String,
    /// Text; `{error}` stands for the error's.
    pub message: String,
}

/// The label that marks a resource as ours.
#[derive(Debug, Clone)]
pub struct Ownership {
    /// Its key.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Further labels of what is in a scope, that people see whose it is; [`Ownership::WORDS`] stand in their texts.
    pub scoped: BTreeMap<String, String>,
}

impl Ownership {
    /// What stands for who this process is; a label with one that nobody has said is left out.
    pub const OF_PROCESS: [&str; 3] = ["{owner-email}", "{token}", "{operator-namespace}"];
    /// What can stand in a label: the same, and what stands for the object.
    pub const WORDS: [&str; 7] = [
        "{owner-email}",
        "{token}",
        "{operator-namespace}",
        "{name}",
        "{namespace}",
        "{api-version}",
        "{kind}",
    ];
}
