//! What an object's annotations ask of us.
use crate::mapping::plan::Words;

/// Wishes of an object's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Leave it alone altogether.
    pub ignore: bool,
    /// Leave the resource when it goes.
    pub keep: bool,
}

impl Policy {
    /// Reads the annotations, each found by name.
    pub fn of<'a>(words: &Words, annotation: impl Fn(&str) -> Option<&'a str>) -> Self {
        let is_set = |name: &str| annotation(name).is_some_and(is_true);
        Self { ignore: is_set(&words.ignore), keep: is_set(&words.keep) }
    }
}

/// The words that Go's `strconv.ParseBool` takes for true: the official operator reads annotations with it.
fn is_true(word: &str) -> bool {
    ["1", "t", "T", "TRUE", "true", "True"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_go_words_are_true() {
        for word in ["1", "t", "T", "TRUE", "true", "True"] {
            assert!(is_true(word), "{word}");
        }
        for word in ["", "0", "f", "yes", "on", "tRUE", " true"] {
            assert!(!is_true(word), "{word}");
        }
    }
}
