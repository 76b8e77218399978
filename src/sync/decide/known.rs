//! What a pass knows: plain values, filled in step by step by whoever drives it.
use crate::mapping::errors::Class;
use crate::mapping::plan::OwnedBy;
use crate::mapping::policy::{Adopt, Drift, Management};
use crate::sync::scope::Scope;

/// All that a pass knows.
#[derive(Debug, Clone)]
pub struct Known {
    /// The object, as its watch or a read gave it.
    pub object: Facts,
    /// Why the kind can't be synced on this cluster at all, if so.
    pub unsupported: Option<String>,
    /// What the object asks for.
    pub desired: Desired,
    /// The Secrets that it refers to.
    pub secrets: Secrets,
    /// What the target has.
    pub live: Live,
    /// The write of this pass that went wrong, if one did.
    pub failed: Option<Failed>,
    /// The write of this pass that went through, if one did.
    pub written: Option<Written>,
    /// How often live was read again in this pass.
    pub rereads: u32,
}

/// What the object says by itself, and what is remembered of it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Somebody asked for its deletion.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub finalized: bool,
    /// Its annotation asks us to leave it alone altogether.
    pub ignored: bool,
    /// Its annotation asks us to leave the resource when it goes.
    pub keep: bool,
    /// Nothing is to be done until further notice, and who says so.
    pub paused: Option<String>,
    /// What annotations say that nobody understands.
    pub unknown: Option<String>,
    /// What may be done to the resource.
    pub management: Management,
    /// What becomes of changes made elsewhere.
    pub drift: Drift,
    /// Whether a resource that isn't ours is taken over.
    pub adopt: Adopt,
    /// What its status remembers of the last successful write.
    pub record: Option<Record>,
    /// Its status says that a write went through, whoever wrote both.
    pub synced: bool,
    /// Its status says that all was well with it as it is now, and that we say so.
    pub settled: bool,
    /// Something said that live is not as the record has it.
    pub suspect: bool,
    /// There is one resource of the kind, and its name is not the object's: that one is no matter of this object.
    pub misnamed: bool,
    /// How the resource is known to be ours.
    pub owned_by: OwnedBy,
    /// The API has no call that changes the resource.
    pub immutable: bool,
    /// The API has a create that fails on an existing name.
    pub exclusive_create: bool,
    /// We, or a process before this one, may have written so lately that a read does not show it yet.
    pub lags: bool,
    /// How its scope stands to ours.
    pub scope: Scope,
    /// The paths that we wrote last, as long as nobody changed the object since.
    pub repeated: Option<Repeated>,
    /// Another object that asks for the same resource, and has it first.
    pub rival: Option<String>,
    /// Whether another object takes the resource over when this one goes.
    pub heir: Heir,
}

/// Another object that asks for the same resource, and stays when this one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heir {
    /// There is none.
    #[default]
    None,
    /// As far as is known there is one.
    Told,
    /// Kubernetes said in this pass that there is one.
    Confirmed,
}

/// Writes of the same paths, time and again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeated {
    /// The paths that the last write changed.
    pub paths: Vec<String>,
    /// How often in a row.
    pub times: u32,
    /// The last time was so lately that it is too soon to do it again, where it was often enough.
    pub lately: bool,
}

/// What status remembers of the last successful write. It is remembered of every object, so every byte counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Hash of desired.
    pub desired: Box<str>,
    /// Hash of live as the write left it; empty while nobody has seen it.
    pub live: Box<str>,
    /// The target's revision of it; empty where it has none, or while nobody has seen it.
    pub revision: Box<str>,
}

/// Before the hash of desired: the resource was seen to be so, and not written.
pub(super) const OBSERVED: char = '~';
/// The same, of what a write of ours made before: that record alone may say that it is ours.
pub(super) const OURS: char = '^';
/// Before the hash of desired: the resource was there, and is not to be changed.
pub(super) const FOUND: char = '=';

impl Record {
    /// Whether a write of ours stands behind it. What was only seen to be so may be anybody's.
    pub fn is_of_a_write(&self) -> bool {
        !self.desired.is_empty() && !self.desired.starts_with([OBSERVED, FOUND])
    }

    /// Whether live is as it has it. Same revision: nobody wrote. Same hash: what somebody wrote does not concern us.
    pub fn knows(&self, revision: &str, hash: &str) -> bool {
        let untouched = !self.revision.is_empty() && *self.revision == *revision;
        untouched || (!self.live.is_empty() && *self.live == *hash)
    }
}

/// What the object asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// Not translated yet.
    Unknown,
    /// It can't be translated, with every reason.
    Refused(String),
    /// It could be, to a message of this hash.
    Hash(String),
}

/// The Secrets that an object refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secrets {
    /// Not read yet.
    Unread,
    /// One can't be had, and why.
    Missing(String),
    /// All are read, or there are none.
    Ready,
}

/// What the target has under the object's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// Not read yet.
    Unread,
    /// Nothing.
    Absent,
    /// A resource.
    Found(Found),
    /// It could not be read.
    Unreadable(Failure),
}

/// A resource of the target, as far as decisions go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// It is marked as ours.
    pub owned: bool,
    /// It is marked as another operator's, and how.
    pub theirs: Option<String>,
    /// It is another kind of resource under the same name, and how.
    pub other_kind: Option<String>,
    /// It is older than our own last write: the server answered from a cache.
    pub stale: bool,
    /// Its revision.
    pub revision: String,
    /// Its hash.
    pub hash: String,
    /// Where it differs from desired.
    pub changed: Vec<String>,
    /// Where it would differ if it were marked as ours.
    pub changed_if_ours: Vec<String>,
    /// Those of the places where it has nothing at all.
    pub lacking: Vec<String>,
    /// It is exactly what desired is, with nothing of the server's own.
    pub same: bool,
    /// Desired holds secrets, which can't be compared: that nothing differs proves nothing.
    pub blind: bool,
}

/// An error of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means.
    pub class: Class,
    /// The server's words.
    pub message: String,
}

/// A write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Made what was not there.
    Create,
    /// Replaced what was there.
    Update,
    /// Removed it.
    Delete,
}

/// A write that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub verb: Verb,
    /// How.
    pub failure: Failure,
    /// Live was read since.
    pub reread: bool,
}

/// A write that went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub verb: Verb,
    /// The paths that it changed.
    pub changed: Vec<String>,
    /// Why it was done.
    pub why: Why,
    /// Paths that desired sets and the write's answer lacks: the server knows nothing of them.
    pub dropped: Vec<String>,
    /// What to remember of it.
    pub record: Record,
}

/// Why a write is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Why {
    /// The object asks for it.
    #[default]
    Asked,
    /// Somebody changed the resource elsewhere.
    Reverts,
    /// The resource was somebody else's, and is taken over.
    Adopts,
}
