//! References to Secrets in a custom resource: found while it is read, filled in once their values are known.
//! Holds names and places, never a value.
use prost_reflect::{DynamicMessage, MapKey, Value};

use super::place::{Place, Step};
use crate::schema::FieldPath;

/// What a reference starts with.
pub(super) const SCHEME: &str = "secret://";

/// A member that stands for one key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// The member, for messages: `spec.client_secret`.
    pub path: String,
    /// The namespace of the Secret, which is that of the object; empty where it has none.
    pub namespace: String,
    /// The Secret's name.
    pub name: String,
    /// The key in its data.
    pub key: String,
    steps: Vec<Step>,
}

impl SecretRef {
    /// Reads `secret://NAME/KEY`.
    ///
    /// # Errors
    /// What is missing, in the words that users of the official operator know.
    pub(super) fn parse(text: &str, namespace: &str, at: &Place<'_>) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(SCHEME).ok_or("invalid secret scheme")?;
        let (name, key) = rest.split_once('/').unwrap_or((rest, ""));
        match (name, key) {
            ("", _) => Err("missing secret name"),
            (_, "") => Err("missing secret key"),
            _ => Ok(Self {
                path: at.to_string(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                key: key.to_owned(),
                steps: at.steps(),
            }),
        }
    }

    /// What stands in the message, and is shown, in place of the value.
    pub fn placeholder(&self) -> String {
        let Self { namespace, name, key, .. } = self;
        let separator = if namespace.is_empty() { "" } else { "/" };
        format!("«secret {namespace}{separator}{name}#{key}»")
    }
}

/// Puts values in the places of their references.
pub fn fill(message: &mut DynamicMessage, values: &[(SecretRef, String)]) {
    for (reference, value) in values {
        if let Some(slot) = slot(message, &reference.steps) {
            *slot = Value::String(value.clone());
        }
    }
}

fn slot<'a>(message: &'a mut DynamicMessage, steps: &[Step]) -> Option<&'a mut Value> {
    let (Step::Field(path), rest) = steps.split_first()? else { return None };
    let mut value = field(message, path)?;
    for step in rest {
        value = match step {
            Step::Field(path) => field(value.as_message_mut()?, path)?,
            Step::Item(index) => value.as_list_mut()?.get_mut(*index)?,
            Step::Key(key) => value.as_map_mut()?.get_mut(&MapKey::String(key.clone()))?,
        };
    }
    Some(value)
}

fn field<'a>(message: &'a mut DynamicMessage, path: &FieldPath) -> Option<&'a mut Value> {
    let (last, way) = path.fields().split_last()?;
    let parent = way.iter().try_fold(message, |at, field| at.get_field_mut(field).as_message_mut())?;
    Some(parent.get_field_mut(last))
}

#[cfg(test)]
mod tests {
    use super::{Place, SecretRef};

    #[test]
    fn what_is_missing_is_said() {
        let at = Place::Member(&Place::Root, "token");
        for (text, said) in [
            ("secret:///key", "missing secret name"),
            ("secret://", "missing secret name"),
            ("secret://name", "missing secret key"),
            ("secret://name/", "missing secret key"),
            ("vault://name/key", "invalid secret scheme"),
        ] {
            assert_eq!(SecretRef::parse(text, "ns", &at), Err(said), "{text}");
        }
    }

    #[test]
    fn a_reference_shows_names_only() {
        let at = Place::Member(&Place::Root, "token");
        let shown = |namespace| SecretRef::parse("secret://name/key", namespace, &at).unwrap().placeholder();
        assert_eq!(shown("ns"), "«secret ns/name#key»");
        assert_eq!(shown(""), "«secret name#key»");
    }
}
