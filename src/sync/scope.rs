//! Whether an object belongs to the part of the target that this process works in. Plain values, compared for equality:
//! a scope within the operator's own is another one. Knows no words of any target.
use crate::mapping::plan::Within;

/// How an object's scope stands to that of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// Neither has one; the kind may know none.
    #[default]
    Neither,
    /// Both have the same.
    Same,
    /// The object alone has one.
    ObjectOnly,
    /// The operator alone has one.
    OperatorOnly,
    /// They have different ones.
    Other {
        /// The object's.
        object: String,
        /// The operator's.
        operator: String,
    },
}

impl Scope {
    /// An object's scope (empty: it has none) held against where this process works.
    pub fn of(object: &str, within: &Within) -> Self {
        match (object, within) {
            ("", Within::Whole | Within::Any) => Self::Neither,
            (_, Within::Any) => Self::Same,
            (_, Within::Whole) => Self::ObjectOnly,
            ("", Within::Part(_)) => Self::OperatorOnly,
            (object, Within::Part(operator)) if object == operator => Self::Same,
            (object, Within::Part(operator)) => {
                Self::Other { object: object.to_owned(), operator: operator.clone() }
            }
        }
    }

    /// Whether this process is the one to sync the object.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Neither | Self::Same)
    }

    /// Which of the target's texts says so.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Neither => "none",
            Self::Same => "true",
            Self::ObjectOnly => "object-only",
            Self::OperatorOnly => "operator-only",
            Self::Other { .. } => "false",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_the_same_or_not() {
        let staging = Within::Part("/staging".to_owned());
        let other =
            |object: &str| Scope::Other { object: object.to_owned(), operator: "/staging".to_owned() };
        for (object, within, expected) in [
            ("", &Within::Whole, Scope::Neither),
            ("/staging", &Within::Whole, Scope::ObjectOnly),
            ("", &staging, Scope::OperatorOnly),
            ("/staging", &staging, Scope::Same),
            ("/staging/eu", &staging, other("/staging/eu")),
            ("/", &staging, other("/")),
            ("", &Within::Any, Scope::Neither),
            ("/staging", &Within::Any, Scope::Same),
        ] {
            let found = Scope::of(object, within);
            assert_eq!(found, expected, "{object:?} {within:?}");
            assert_eq!(found.is_ours(), ["none", "true"].contains(&found.outcome()), "{object:?} {within:?}");
        }
    }
}
