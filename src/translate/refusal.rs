//! What is said when a JSON value is not what its place takes: one wording for all representations.
use serde_json::Value as Json;

use super::place::Place;
use crate::diagnostic::Diagnostic;

/// Longest piece of somebody's text that a message repeats, in characters.
const LONGEST: usize = 40;

/// Longest label, in characters: it stands to the right of the text.
const LONGEST_LABEL: usize = 60;

/// What a value should have been, and how to write it.
#[derive(Debug)]
pub struct Refusal {
    expected: String,
    help: Option<String>,
}

impl Refusal {
    /// A value that is no `expected`.
    pub fn new(expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), help: None }
    }

    /// Says how to write it, where that is known.
    #[must_use]
    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The diagnostic for what was found instead.
    pub fn found(self, json: &Json, at: &Place<'_>) -> Diagnostic {
        self.diagnostic(&described(json), at)
    }

    /// The diagnostic for a value that may not be repeated.
    pub fn found_hidden(self, json: &Json, at: &Place<'_>) -> Diagnostic {
        self.diagnostic(&kind_of(json).replace("the ", "a "), at)
    }

    fn diagnostic(self, found: &str, at: &Place<'_>) -> Diagnostic {
        let Self { expected, help } = self;
        let is_short = expected.chars().count() <= LONGEST_LABEL;
        let label = if is_short { format!("expected {expected}") } else { "found here".to_owned() };
        Diagnostic::error(format!("expected {expected}, found {found}"))
            .path(at.to_string())
            .label(label)
            .maybe_help(help)
    }
}

/// The text in quotes, shortened where it is long.
pub fn quoted(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{:?}", start + "…")
}

fn described(json: &Json) -> String {
    match json {
        Json::Bool(_) | Json::Number(_) => format!("{} `{json}`", kind_of(json)),
        Json::String(text) => format!("{} {}", kind_of(json), quoted(text)),
        Json::Null | Json::Array(_) | Json::Object(_) => kind_of(json).to_owned(),
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "the boolean",
        Json::Number(_) => "the number",
        Json::String(_) => "the string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
