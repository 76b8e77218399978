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
    /// How several operators that work in one scope tell their resources from each other's.
    pub identity: Option<Identity>,
}

/// What an operator of a scope is known by, and where it keeps that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The label, one of [`Ownership::scoped`], that a resource in a scope has with our value if it is ours.
    pub label: String,
    /// The Secret that holds what stands for [`Ownership::IDENTITY`]; [`Identity::RELEASE`] in it stands for the release.
    pub secret: String,
    /// Its keys: what the first has that is there, holds; without any the first is written.
    pub keys: Vec<String>,
}

impl Identity {
    /// What stands for the name of the release in a Secret's name.
    pub const RELEASE: &str = "{release}";
}

impl Ownership {
    /// What stands for the operator's identity.
    pub const IDENTITY: &str = "{operator-id}";
    /// What can stand in a label, for this process or for the object; a label with one for which there is nothing is left
    /// out.
    pub const WORDS: [&str; 8] = [
        Self::IDENTITY,
        "{owner-email}",
        "{token}",
        "{operator-namespace}",
        "{name}",
        "{namespace}",
        "{api-version}",
        "{kind}",
    ];

    /// The label that a resource in a scope must have to be ours, with its value; none while nobody has said who we are.
    pub fn identity_mark(&self) -> Option<(&str, &str)> {
        let label = &self.identity.as_ref()?.label;
        let value = self.scoped.get(label)?;
        (!value.contains(Self::IDENTITY)).then_some((label, value))
    }
}
