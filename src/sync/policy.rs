//! Which policies hold for an object: its own annotations go before those of its namespace, these before what is set for
//! its kind, that before what is set for the process. Pure. A word that nobody knows is never guessed at.
use crate::mapping::plan::Words;
use crate::mapping::policy::{Adopt, Drift, Management, Named, Policies};

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An annotation of the object.
    Object,
    /// An annotation of its namespace.
    Namespace,
    /// A flag.
    Process,
}

/// The policies that hold for an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Leave it alone altogether: the official operator's word.
    pub ignore: bool,
    /// Leave the resource when it goes: the official operator's word.
    pub keep: bool,
    /// Do nothing until further notice, and who says so.
    pub paused: Option<Source>,
    /// What may be done.
    pub management: Management,
    /// What becomes of changes made elsewhere.
    pub drift: Drift,
    /// Whether others' resources are taken over.
    pub adopt: Adopt,
    /// What is said and not understood.
    pub unknown: Vec<String>,
    /// Somebody wants it compared now: a token of theirs.
    pub requested: Option<String>,
}

/// What annotations say, on an object or a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    management: Word<Management>,
    drift: Word<Drift>,
    adopt: Word<Adopt>,
    paused: Word<bool>,
}

/// What one annotation says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Word<T> {
    #[default]
    Silent,
    Known(T),
    /// Why it isn't understood.
    Unknown(String),
}

impl<T: Copy> Word<T> {
    fn read(name: &str, text: Option<&str>, of: impl Fn(&str) -> Result<T, String>) -> Self {
        match text.map(of) {
            None => Self::Silent,
            Some(Ok(value)) => Self::Known(value),
            Some(Err(why)) => Self::Unknown(format!("annotation {name}: {why}")),
        }
    }

    /// The nearest that says anything, and who it is.
    fn first(words: [(Source, &Self); 2]) -> Option<(Source, &Self)> {
        words.into_iter().find(|(_, word)| !matches!(word, Self::Silent))
    }
}

impl Said {
    /// Reads annotations, each found by name.
    pub fn read<'a>(words: &Words, annotation: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self {
            management: Word::read(&words.management, annotation(&words.management), Management::of),
            drift: Word::read(&words.drift, annotation(&words.drift), Drift::of),
            adopt: Word::read(&words.adopt, annotation(&words.adopt), Adopt::of),
            paused: Word::read(&words.paused, annotation(&words.paused), flag),
        }
    }
}

impl Policy {
    /// What holds for an object with these annotations, in a namespace that says this; `kind` and `process` are what is
    /// set for its kind and for all.
    pub fn of<'a>(
        words: &Words,
        annotation: impl Fn(&str) -> Option<&'a str>,
        namespace: &Said,
        set: Policies,
        paused: bool,
    ) -> Self {
        let object = Said::read(words, &annotation);
        let is_set = |name: &str| annotation(name).is_some_and(is_true);
        let mut policy = Self {
            ignore: is_set(&words.ignore),
            keep: is_set(&words.keep),
            paused: paused.then_some(Source::Process),
            management: set.management.unwrap_or_default(),
            drift: set.drift.unwrap_or_default(),
            adopt: set.adopt.unwrap_or_default(),
            unknown: Vec::new(),
            requested: annotation(&words.sync_requested).map(str::to_owned),
        };
        let Self { management, drift, adopt, unknown, .. } = &mut policy;
        choose(management, [&object.management, &namespace.management], unknown);
        choose(drift, [&object.drift, &namespace.drift], unknown);
        choose(adopt, [&object.adopt, &namespace.adopt], unknown);
        // A process that pauses does so for all: nobody can be heard over it.
        if policy.paused.is_none() {
            let mut paused = false;
            let said = choose(&mut paused, [&object.paused, &namespace.paused], &mut policy.unknown);
            policy.paused = said.filter(|_| paused);
        }
        policy
    }
}

/// Takes over what the nearest says, and gives who it was.
fn choose<T: Copy>(value: &mut T, words: [&Word<T>; 2], unknown: &mut Vec<String>) -> Option<Source> {
    let [object, namespace] = words;
    let (source, word) = Word::first([(Source::Object, object), (Source::Namespace, namespace)])?;
    match word {
        Word::Known(known) => *value = *known,
        Word::Unknown(why) if source == Source::Namespace => unknown.push(format!("the namespace's {why}")),
        Word::Unknown(why) => unknown.push(why.clone()),
        Word::Silent => {}
    }
    Some(source)
}

/// The words that Go's `strconv.ParseBool` takes for true: the official operator reads annotations with it.
fn is_true(word: &str) -> bool {
    ["1", "t", "T", "TRUE", "true", "True"].contains(&word)
}

/// A truth value in Go's words, where another word is a mistake and not false.
fn flag(word: &str) -> Result<bool, String> {
    let is_false = ["0", "f", "F", "FALSE", "false", "False"].contains(&word);
    match (is_true(word), is_false) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(format!("unknown word \"{word}\": expected `true` or `false`")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::mapping::embedded;

    type Annotations = BTreeMap<String, String>;

    fn words() -> Words {
        embedded().expect("the embedded plan is sound").words
    }

    fn annotations(pairs: &[(&str, &str)]) -> Annotations {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn resolve(object: &Annotations, namespace: &Annotations, set: Policies, paused: bool) -> Policy {
        let words = words();
        let find =
            |annotations: &'static Annotations| move |name: &str| annotations.get(name).map(String::as_str);
        let (object, namespace) =
            (Box::leak(Box::new(object.clone())), Box::leak(Box::new(namespace.clone())));
        let said = Said::read(&words, find(namespace));
        Policy::of(&words, find(object), &said, set, paused)
    }

    #[test]
    fn only_go_words_are_true() {
        for word in ["1", "t", "T", "TRUE", "true", "True"] {
            assert!(is_true(word), "{word}");
        }
        for word in ["", "0", "f", "yes", "on", "tRUE", " true"] {
            assert!(!is_true(word), "{word}");
        }
    }

    #[test]
    fn the_nearest_word_holds() {
        let w = words();
        let (object, namespace) =
            (annotations(&[(&w.drift, "correct")]), annotations(&[(&w.drift, "ignore")]));
        let none = annotations(&[]);
        let set = Policies { drift: Some(Drift::Report), ..Policies::default() };
        assert_eq!(resolve(&object, &namespace, set, false).drift, Drift::Correct);
        assert_eq!(resolve(&none, &namespace, set, false).drift, Drift::Ignore);
        assert_eq!(resolve(&none, &none, set, false).drift, Drift::Report);
        assert_eq!(resolve(&none, &none, Policies::default(), false).drift, Drift::Correct);
    }

    #[test]
    fn an_unknown_word_is_told_unless_a_nearer_one_makes_it_idle() {
        let w = words();
        let bad = annotations(&[(&w.management, "observ")]);
        let told = resolve(&annotations(&[]), &bad, Policies::default(), false).unknown;
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("the namespace's annotation ") && told[0].contains("`observe`?"),
            "{told:?}"
        );
        let good = annotations(&[(&w.management, "manage")]);
        assert!(resolve(&good, &bad, Policies::default(), false).unknown.is_empty());
        assert!(resolve(&bad, &good, Policies::default(), false).unknown[0].starts_with("annotation "));
    }

    #[test]
    fn a_pause_says_who_asked_for_it() {
        let w = words();
        let (yes, no) = (annotations(&[(&w.paused, "true")]), annotations(&[(&w.paused, "false")]));
        let none = annotations(&[]);
        let paused =
            |object, namespace, process| resolve(object, namespace, Policies::default(), process).paused;
        assert_eq!(paused(&yes, &none, false), Some(Source::Object));
        assert_eq!(paused(&none, &yes, false), Some(Source::Namespace));
        assert_eq!(paused(&no, &yes, false), None);
        assert_eq!(paused(&no, &none, true), Some(Source::Process));
    }
}
