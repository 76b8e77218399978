//! Where one is in a JSON value while walking down it: a path for people, and steps to find the field again.
//! Lives on the stack and allocates nothing until somebody asks for it.
use std::fmt;

use crate::schema::FieldPath;

/// A place in a JSON value.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// The whole value.
    Root,
    /// A member that has a field: the key as written, and the way from the object's message to the field.
    Field(&'a Place<'a>, &'a str, &'a FieldPath),
    /// A member that has no field of its own.
    Member(&'a Place<'a>, &'a str),
    /// The entry of a map.
    Key(&'a Place<'a>, &'a str),
    /// An element of a list.
    Item(&'a Place<'a>, usize),
}

/// One step from a message to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To a field, through singular messages.
    Field(FieldPath),
    /// To the entry of a map with text keys.
    Key(String),
    /// To an element of a list.
    Item(usize),
}

impl Place<'_> {
    /// The way from the root's message to the value here.
    pub fn steps(&self) -> Vec<Step> {
        let (parent, step) = match self {
            Self::Root => return Vec::new(),
            Self::Member(parent, _) => return parent.steps(),
            Self::Field(parent, _, path) => (parent, Step::Field((*path).clone())),
            Self::Key(parent, key) => (parent, Step::Key((*key).to_owned())),
            Self::Item(parent, index) => (parent, Step::Item(*index)),
        };
        let mut steps = parent.steps();
        steps.push(step);
        steps
    }
}

impl fmt::Display for Place<'_> {
    /// Dotted, with indices, and keys that are no words in quotes: `spec.owners[0].name`, `spec.traits["a.b"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parent, key) = match self {
            Self::Root => return Ok(()),
            Self::Item(parent, index) => return write!(f, "{parent}[{index}]"),
            Self::Field(parent, key, _) | Self::Member(parent, key) | Self::Key(parent, key) => {
                (parent, *key)
            }
        };
        let is_word =
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        match (is_word, parent) {
            (true, Self::Root) => f.write_str(key),
            (true, _) => write!(f, "{parent}.{key}"),
            (false, _) => write!(f, "{parent}[{key:?}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn paths_are_dotted_and_odd_keys_are_quoted() {
        let spec = Place::Member(&Place::Root, "spec");
        let list = Place::Member(&spec, "owners");
        let item = Place::Item(&list, 0);
        assert_eq!(Place::Member(&item, "name").to_string(), "spec.owners[0].name");
        assert_eq!(Place::Key(&spec, "a.b").to_string(), r#"spec["a.b"]"#);
        assert_eq!(Place::Key(&spec, "").to_string(), r#"spec[""]"#);
        assert_eq!(Place::Key(&spec, "node-1").to_string(), "spec.node-1");
    }
}
