//! What somebody saw of a resource, held against what is remembered of its object: our own echo, or a reason to look.
//! Pure: decides no more than whether and when the object has a pass.
use prost_reflect::DynamicMessage;
use tokio::time::Instant;

use super::memory::Memory;
use crate::mapping::plan::Resource;
use crate::translate::compare;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// The resource, as far as it says whether somebody wrote.
    Live {
        /// Its revision; empty where the API has none.
        revision: String,
        /// Its hash.
        hash: String,
    },
    /// It is gone.
    Gone,
    /// It is not as the record has it.
    Other,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is what we wrote, or replaced, or what was known.
    Known,
    /// A pass that reads live.
    Look,
    /// The same, when reads show what we wrote last: it may be only that.
    LookAt(Instant),
}

impl Sight {
    /// The sight of a resource.
    pub fn of(resource: &Resource, live: &DynamicMessage) -> Self {
        let revision = resource.metadata.revision.as_ref().map(|path| path.text(live)).unwrap_or_default();
        Self::Live { revision, hash: compare::hash(resource, live) }
    }

    /// Whether it is as the record has it, or as the last pass left it.
    pub fn is_known(&self, memory: &Memory) -> bool {
        match self {
            Self::Live { revision, hash } => memory.knows(revision, hash),
            Self::Gone => memory.left() == Some(""),
            Self::Other => false,
        }
    }

    /// What follows from it for an object of which this is remembered.
    pub fn judge(&self, memory: &Memory) -> Verdict {
        if self.is_known(memory) {
            return Verdict::Known;
        }
        let (Self::Live { revision, .. }, Some(record)) = (self, &memory.record) else {
            return Verdict::Look;
        };
        if memory.has_replaced(revision) {
            return Verdict::Known;
        }
        match memory.settles_at() {
            // It may be what we wrote: there is no revision to tell.
            Some(at) if revision.is_empty() || record.revision.is_empty() => Verdict::LookAt(at),
            _ => Verdict::Look,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sync::decide::Record;

    fn live(revision: &str, hash: &str) -> Sight {
        Sight::Live { revision: revision.to_owned(), hash: hash.to_owned() }
    }

    fn record(revision: &str, hash: &str) -> Option<Record> {
        Some(Record { desired: "d".into(), live: hash.into(), revision: revision.into() })
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_neither_recorded_nor_replaced_is_looked_at() {
        let now = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        let lately =
            |revisions: &[&str]| Some(Box::new((now, revisions.iter().map(|r| (*r).to_owned()).collect())));
        let later = Verdict::LookAt(now + Duration::from_secs(5));
        for (sight, record, replaced, verdict) in [
            (live("2", "b"), record("2", "a"), None, Verdict::Known),
            (live("3", "a"), record("2", "a"), None, Verdict::Known),
            (live("3", "b"), record("2", "a"), None, Verdict::Look),
            (live("3", "b"), record("2", "a"), lately(&["1"]), Verdict::Look),
            (live("1", "b"), record("2", "a"), lately(&["1"]), Verdict::Known),
            (live("1", "b"), record("2", "a"), None, Verdict::Look),
            // Without revisions our own echo can't be told from somebody's write.
            (live("", "b"), record("", "a"), lately(&[]), later),
            (live("", "b"), record("", "a"), None, Verdict::Look),
            (live("", "a"), record("", "a"), lately(&[]), Verdict::Known),
            // A write that was answered with nothing.
            (live("2", "b"), record("", ""), lately(&[]), later),
            (live("2", "b"), record("", ""), None, Verdict::Look),
            (live("2", "b"), None, None, Verdict::Look),
            (Sight::Gone, record("2", "a"), lately(&[]), Verdict::Look),
            (Sight::Other, record("2", "a"), None, Verdict::Look),
        ] {
            let mut memory = Memory::default();
            (memory.record, memory.replaced) = (record, replaced);
            assert_eq!(sight.judge(&memory), verdict, "{sight:?} {memory:?}");
        }
    }
}
