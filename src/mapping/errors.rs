//! What a gRPC status code means, by what the call was for: a table of the target's, as data.
use std::collections::HashMap;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Reading one resource.
    Get,
    /// Reading all of a kind.
    List,
    /// Making one.
    Create,
    /// Replacing one, conditionally or not.
    Update,
    /// Removing one.
    Delete,
}

impl Operation {
    /// All, with the names that mappings use.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("get", Self::Get),
        ("list", Self::List),
        ("create", Self::Create),
        ("update", Self::Update),
        ("delete", Self::Delete),
    ];
}

/// What an error means for the object whose call it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The resource does not exist.
    Absent,
    /// A resource of that name exists.
    Exists,
    /// Something that the resource refers to does not exist (yet).
    Reference,
    /// The resource does not exist, or something that it refers to: a read tells which.
    AbsentOrReference,
    /// The resource is refused for what it says: only a change helps.
    Invalid,
    /// We may not do this.
    Denied,
    /// Something else stands in the way, and may go (the role's last user).
    Blocked,
    /// Somebody wrote in between.
    Conflict,
    /// The target can't be reached; it is no fault of the object.
    Unavailable,
    /// We ask too much at once.
    Limited,
    /// The server does not have this call.
    Unimplemented,
    /// Anything else: tried again, ever more slowly.
    Other,
}

impl Class {
    /// All, with the names that mappings use.
    pub const NAMES: [(&'static str, Self); 12] = [
        ("absent", Self::Absent),
        ("exists", Self::Exists),
        ("reference", Self::Reference),
        ("absent-or-reference", Self::AbsentOrReference),
        ("invalid", Self::Invalid),
        ("denied", Self::Denied),
        ("blocked", Self::Blocked),
        ("conflict", Self::Conflict),
        ("unavailable", Self::Unavailable),
        ("limited", Self::Limited),
        ("unimplemented", Self::Unimplemented),
        ("other", Self::Other),
    ];
}

/// Names of gRPC status codes, at the index of their number.
pub const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The table.
#[derive(Debug, Clone, Default)]
pub struct Errors {
    /// For any operation.
    pub any: HashMap<i32, Class>,
    /// For one operation, before `any`.
    pub of: HashMap<(Operation, i32), Class>,
}

impl Errors {
    /// What a status code (its number) means for an operation.
    pub fn class(&self, operation: Operation, code: i32) -> Class {
        let special = self.of.get(&(operation, code));
        special.or_else(|| self.any.get(&code)).copied().unwrap_or(Class::Other)
    }
}
