//! How the engine is set up beyond what its target says: for all kinds, and for some. Plain values.
use std::collections::HashMap;
use std::sync::Arc;

use crate::mapping::plan::Kind;
use crate::mapping::policy::Policies;

/// What a process is told about syncing.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Policies for all kinds, where nothing nearer says otherwise.
    pub policies: Policies,
    /// By kind, in the place of what its mapping says.
    pub kinds: HashMap<String, OfKind>,
    /// Passes at a time; none: as the target says.
    pub concurrent: Option<usize>,
    /// Nothing is done, whatever annotations say.
    pub paused: bool,
}

/// What it is told about one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfKind {
    /// Policies.
    pub policies: Policies,
    /// Passes at a time.
    pub concurrent: Option<usize>,
}

impl Settings {
    /// The policies that are set for a kind, or for all.
    pub fn policies_of(&self, kind: &Kind) -> Policies {
        let flags = self.kinds.get(&kind.kubernetes.kind).copied().unwrap_or_default();
        flags.policies.or(kind.sync.policies).or(self.policies)
    }

    /// How many passes of a kind there may be at a time, where anybody says so, by its name.
    pub fn concurrent_of(&self, kind: &Kind) -> Option<(Arc<str>, usize)> {
        let name = kind.kubernetes.kind.as_str();
        let flag = self.kinds.get(name).and_then(|kind| kind.concurrent);
        Some((name.into(), flag.or(kind.sync.concurrent)?))
    }
}
