//! What is remembered of an object between two passes, beside what its status says. Lost with the process, so nothing
//! may depend on it but time: without it there is a read more, never another outcome.
use std::time::Duration;

use tokio::time::Instant;

use super::decide::{Record, Repeated, Verb};
use super::retry;

/// How long a target may answer from a cache that does not have our own write yet (up to a second on a real one).
pub const LAG: Duration = Duration::from_secs(5);

/// What is remembered of an object between passes, beside its status.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The record as we last wrote it: newer than a status that a watch or cache gives.
    pub record: Option<Record>,
    /// Something said that live is not as the record has it.
    pub suspect: bool,
    /// Failed passes in a row.
    pub failures: u32,
    /// Secrets that the object refers to: name and the version that was read (empty: it could not be).
    pub secrets: Box<[(String, String)]>,
    /// When we last wrote, or may have, and the revisions that we replaced: reads may still show them.
    pub replaced: Option<Box<(Instant, Vec<String>)>>,
    /// What there is to remember of few objects only.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Clone, Default)]
struct Rare {
    left: Option<Box<str>>,
    /// The update that was done last, while nobody has changed the object since.
    repeated: Option<Repeating>,
    handled: Option<Box<str>>,
}

/// The same update, time and again.
#[derive(Debug, Clone)]
struct Repeating {
    paths: Vec<String>,
    times: u32,
    at: Instant,
}

/// By what one state of a resource is known from another.
pub fn state(revision: &str, hash: &str) -> Box<str> {
    if revision.is_empty() { hash.into() } else { revision.into() }
}

impl Memory {
    /// Whether the record is of a write.
    pub fn has_written(&self) -> bool {
        self.record.as_ref().is_some_and(Record::is_of_a_write)
    }

    /// Whether all was well when last seen, as far as is known.
    pub fn is_in_step(&self) -> bool {
        self.record.is_some() && self.failures == 0 && !self.suspect
    }

    /// How the resource was when a pass found it otherwise than recorded and left it so: see [`state`]. Empty: absent.
    pub fn left(&self) -> Option<&str> {
        self.rare.as_ref()?.left.as_deref()
    }

    /// Sets how a pass left the resource; none: as recorded.
    pub fn set_left(&mut self, left: Option<Box<str>>) {
        if left.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().left = left;
        }
    }

    /// The last request to compare that was handled.
    pub fn handled(&self) -> Option<&str> {
        self.rare.as_ref()?.handled.as_deref()
    }

    /// Sets the last request that was handled.
    pub fn set_handled(&mut self, handled: Option<&str>) {
        if handled.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().handled = handled.map(Into::into);
        }
    }

    /// A write was done just now, or may have been: reads may still show what was there before.
    pub fn wrote(&mut self, replaced: Option<String>) {
        let lately = self.wrote_lately();
        let before = self.replaced.take().filter(|_| lately).map(|before| before.1);
        let revisions = before.unwrap_or_default().into_iter().chain(replaced).collect();
        self.replaced = Some(Box::new((Instant::now(), revisions)));
    }

    /// Counts updates of the same paths in a row, those of a long time ago left out.
    pub fn count(&mut self, verb: Verb, changed: &[String]) {
        /// Longer than the usual time between two scans.
        const ROW: Duration = Duration::from_secs(3600);
        let last = self.rare.as_mut().and_then(|rare| rare.repeated.take());
        let last = last.filter(|last| last.paths == changed && last.at.elapsed() < ROW);
        let times = last.map_or(1, |last| last.times.saturating_add(1));
        if verb == Verb::Update && !changed.is_empty() {
            let paths = changed.to_vec();
            self.rare.get_or_insert_default().repeated = Some(Repeating { paths, times, at: Instant::now() });
        }
    }

    /// Somebody changed the object: what was done before says nothing any more.
    pub fn forget_repeated(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.repeated = None;
        }
    }

    /// The same, as a pass knows it.
    pub fn repeated(&self) -> Option<Repeated> {
        let last = self.rare.as_ref()?.repeated.as_ref()?;
        let lately = last.at.elapsed() < retry::SLOW;
        Some(Repeated { paths: last.paths.clone(), times: last.times, lately })
    }

    /// Whether we wrote so lately that a read may show what was there before.
    pub fn wrote_lately(&self) -> bool {
        self.settles_at().is_some()
    }

    /// Since when reads show what we wrote last, where that is still to come.
    pub fn settles_at(&self) -> Option<Instant> {
        let (at, _) = &**self.replaced.as_ref()?;
        Some(*at + LAG).filter(|settled| *settled > Instant::now())
    }

    /// Whether this is a revision that we replaced lately.
    pub fn has_replaced(&self, revision: &str) -> bool {
        let replaced = self.replaced.as_ref().filter(|_| self.wrote_lately());
        replaced.is_some_and(|replaced| replaced.1.iter().any(|replaced| replaced == revision))
    }

    /// Whether a resource has the recorded revision, and was not left otherwise: then nothing else need be looked at.
    pub fn is_untouched(&self, revision: &str) -> bool {
        let recorded = self.record.as_ref().is_some_and(|record| *record.revision == *revision);
        !revision.is_empty() && self.left().is_none() && recorded
    }

    /// Whether a resource is as the record has it, or as the last pass left it, if that was otherwise.
    pub fn knows(&self, revision: &str, hash: &str) -> bool {
        match self.left() {
            Some(left) => *left == *state(revision, hash),
            None => self.record.as_ref().is_some_and(|record| record.knows(revision, hash)),
        }
    }
}
