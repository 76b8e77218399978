//! What the operator needs in a target to be let in and to be allowed its work.
use std::collections::BTreeMap;

/// The role that the operator needs in the target: a document of the target's own, which gets a rule for each permission.
#[derive(Debug, Clone)]
pub struct Role {
    /// The role without rules.
    pub document: serde_json::Value,
    /// The members that lead to its list of rules.
    pub rules: Vec<String>,
    /// A rule; `{permission}` and `{verbs}` stand in it for those of a resource.
    pub rule: serde_json::Value,
    /// What a role must allow for each of the calls, by the name that mappings use.
    pub verbs: BTreeMap<String, Vec<String>>,
    /// The members that lead to the object that selectors are put into.
    pub within: Vec<String>,
    /// Selectors of all resources of a type, by the member that holds them.
    pub selectors: BTreeMap<String, serde_json::Value>,
}

/// What lets the operator in beside its role: documents of the target's own. Texts such as `{token}` stand in them for
/// what is asked for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// In the order in which they must be made.
    pub documents: Vec<serde_json::Value>,
    /// How the operator may prove who it is, by the word that people choose: what `{way}` stands for.
    pub ways: BTreeMap<String, serde_json::Value>,
}

impl Setup {
    /// What can be asked for in documents and ways.
    pub const WORDS: [&str; 7] =
        ["{role}", "{name}", "{token}", "{service-account}", "{way}", "{jwks}", "{issuer}"];
}

/// What the target's roles must say for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What a rule calls it.
    pub permission: String,
    /// The selector that the role needs beside the rule.
    pub selector: Option<String>,
}
