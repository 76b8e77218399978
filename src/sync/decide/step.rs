//! What a pass does next, and how it ends: plain values for whoever drives it.
use super::known::{Record, Verb, Why};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Put our finalizer on the object.
    AddFinalizer,
    /// Translate the object.
    Translate,
    /// Read the Secrets that it refers to.
    ReadSecrets,
    /// Read live; where it was read before, after a moment that grows with the number of rereads.
    Observe,
    /// Create the resource.
    Create,
    /// Replace the resource that was read.
    Update(Update),
    /// Delete the resource that was read.
    Delete,
    /// Ask Kubernetes whether another object really takes the resource over.
    ConfirmHeir,
    /// Take our finalizer off the object.
    RemoveFinalizer,
    /// The pass is over.
    Finish(Finish),
}

/// How to replace a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The revision that the write carries.
    pub revision: String,
    /// The paths that it changes, for people.
    pub changed: Vec<String>,
    /// Why it is done.
    pub why: Why,
}

/// How a pass ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// What happened.
    pub outcome: Outcome,
    /// What the conditions say; those not named stay as they are.
    pub says: Vec<Say>,
    /// What else there is to say. Where anything is said at all, remarks that are not made again are withdrawn.
    pub remarks: Vec<Remark>,
    /// What status remembers from now on; none: as before.
    pub record: Option<Record>,
    /// When to look again.
    pub wake: Wake,
}

/// What happened in a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing had to.
    InSync,
    /// The object is left alone, by its own word.
    Ignored,
    /// Nothing is done until further notice.
    Paused,
    /// A write went through.
    Wrote(Verb, Vec<String>),
    /// Somebody else's change was undone.
    Reverted(Vec<String>),
    /// Somebody else's resource was taken over.
    Adopted(Vec<String>),
    /// The resource is not as the object asks, and is to be left so.
    Drifted,
    /// The object is free to go; its resource stays, if it has one.
    Released,
    /// The target can't be reached: the object stays as it is.
    Waiting,
    /// Something is wrong, with the reason and text for people.
    Failed(String),
}

/// What one condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// Which condition.
    pub which: Which,
    /// Its status.
    pub status: bool,
    /// Which of the target's reasons and texts.
    pub outcome: &'static str,
    /// What stands in the text for `{error}` and the like.
    pub fills: Vec<(&'static str, String)>,
}

/// The conditions that every object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Whether the specification could be translated.
    Decoded,
    /// Whether its scope is ours.
    Scoped,
    /// Whether the resource is ours.
    Owned,
    /// Whether the last write went through.
    Synced,
}

/// What is said of an object while it holds, and not said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is about.
    pub about: About,
    /// The whole story.
    pub text: String,
    /// The resource is not, or may not be, as the object asks.
    pub unready: bool,
}

/// What a remark is about: each is a condition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// An annotation says what nobody understands: nothing is done.
    UnknownPolicy,
    /// Nothing is done until further notice.
    Paused,
    /// Another object asks for the same resource, and has it.
    Conflict,
    /// The resource is not as the object asks, and is to be left so.
    Drifted,
    /// The server knows nothing of some fields.
    FieldsIgnored,
    /// The same is written again and again.
    UpdateLoop,
}

impl About {
    /// Their names as types of conditions, and as reasons.
    pub const NAMES: [(&str, Self); 6] = [
        ("UnknownPolicy", Self::UnknownPolicy),
        ("Paused", Self::Paused),
        ("Conflict", Self::Conflict),
        ("Drifted", Self::Drifted),
        ("FieldsIgnored", Self::FieldsIgnored),
        ("UpdateLoop", Self::UpdateLoop),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, about)| *about == self).map_or("", |(name, _)| name)
    }
}

/// When to look again, if nothing happens before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Never.
    Never,
    /// Ever later.
    Backoff,
    /// Ever later, and once early when any write goes through: what stands in the way may be gone.
    Early,
    /// Late: only a person or a change elsewhere helps.
    Slow,
    /// When the target can be reached.
    Reachable,
}
