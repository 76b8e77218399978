//! The policies that people set for objects: what may be done to a resource, and what becomes of a change made elsewhere.
//! Words and their meanings alone; who says them and which of them holds is the engine's business.
use std::fmt;

use crate::diagnostic::did_you_mean;

/// What may be done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Management {
    /// Everything: it is created, updated and deleted with its object.
    #[default]
    Manage,
    /// Nothing: it is only compared with what its object asks for.
    Observe,
    /// It is created, and deleted with its object, but never changed.
    CreateOnly,
    /// It is created and updated, and stays when its object goes.
    NoDelete,
}

/// What becomes of a change that was made elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Drift {
    /// It is undone.
    #[default]
    Correct,
    /// The object's status tells of it.
    Report,
    /// Nothing.
    Ignore,
}

/// Whether a resource that is not marked as ours is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Adopt {
    /// It is left alone, and its object says so.
    #[default]
    Never,
    /// Where it is as its object asks already, but for the mark.
    IfIdentical,
    /// Whatever it is like: it becomes as its object asks.
    Always,
}

impl Management {
    /// The words for them.
    pub const NAMES: [(&str, Self); 4] = [
        ("manage", Self::Manage),
        ("observe", Self::Observe),
        ("create-only", Self::CreateOnly),
        ("no-delete", Self::NoDelete),
    ];
}

impl Drift {
    /// The words for them.
    pub const NAMES: [(&str, Self); 3] =
        [("correct", Self::Correct), ("report", Self::Report), ("ignore", Self::Ignore)];
}

impl Adopt {
    /// The words for them.
    pub const NAMES: [(&str, Self); 3] =
        [("never", Self::Never), ("if-identical", Self::IfIdentical), ("always", Self::Always)];
}

/// A policy that is told by a word.
pub trait Named: Copy + PartialEq + 'static {
    /// All words, each with what it means.
    fn names() -> &'static [(&'static str, Self)];

    /// What a word means.
    ///
    /// # Errors
    /// What is wrong with it and which words there are, where it is none of them.
    fn of(word: &str) -> Result<Self, String> {
        if let Some((_, value)) = Self::names().iter().find(|(name, _)| *name == word) {
            return Ok(*value);
        }
        let words = || Self::names().iter().map(|(name, _)| *name);
        let known: Vec<_> = words().map(|name| format!("`{name}`")).collect();
        let help = did_you_mean(word, words()).map(|help| format!(" ({help})")).unwrap_or_default();
        Err(format!("unknown word \"{word}\": expected one of {}{help}", known.join(", ")))
    }

    /// The word for it.
    fn word(self) -> &'static str {
        Self::names().iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

macro_rules! named {
    ($($of:ty),*) => {$(
        impl Named for $of {
            fn names() -> &'static [(&'static str, Self)] {
                &Self::NAMES
            }
        }

        impl fmt::Display for $of {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    )*};
}

named!(Management, Drift, Adopt);

/// What a mapping or a flag says of the policies; nothing where it leaves one open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policies {
    /// What may be done.
    pub management: Option<Management>,
    /// What becomes of changes made elsewhere.
    pub drift: Option<Drift>,
    /// Whether others' resources are taken over.
    pub adopt: Option<Adopt>,
}

impl Policies {
    /// These, and where they leave something open, those.
    #[must_use]
    pub fn or(self, those: Self) -> Self {
        Self {
            management: self.management.or(those.management),
            drift: self.drift.or(those.drift),
            adopt: self.adopt.or(those.adopt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_what_it_says_and_a_slip_is_told() {
        assert_eq!(Drift::of("report"), Ok(Drift::Report));
        assert_eq!(Management::CreateOnly.to_string(), "create-only");
        let slip = Drift::of("reprot").unwrap_err();
        assert_eq!(
            slip,
            "unknown word \"reprot\": expected one of `correct`, `report`, `ignore` (did you mean `report`?)"
        );
        assert!(Adopt::of("Always").is_err(), "words are as they are written");
    }
}
