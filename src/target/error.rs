//! What went wrong with a call, as a value: its class by the target's table, and the target's own words made fit to be
//! shown. Decides nothing about what to do next.
use std::error::Error as StdError;

use tonic::{Code, Status};

use super::secret;
use crate::mapping::errors::{CODES, Class, Errors, Operation};

/// Longest text that is kept, in characters: it goes into conditions, events and log lines.
const LONGEST: usize = 2000;

/// A call that failed. Shown, it is the target's text alone, as users of the target know it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What it means.
    pub class: Class,
    /// Number of the gRPC status code.
    pub code: i32,
    /// The target's text on one line.
    pub message: String,
    /// What the call was for.
    pub operation: Operation,
    /// `package.Service/Method`; empty where no call was made.
    pub method: String,
}

impl Error {
    /// The gRPC name of the code.
    pub fn code_name(&self) -> &'static str {
        code_name(self.code)
    }

    /// An error that we found ourselves, before or instead of a call.
    pub(super) fn own(class: Class, code: Code, operation: Operation, message: impl Into<String>) -> Self {
        Self { class, code: code as i32, message: message.into(), operation, method: String::new() }
    }

    /// An error with the method it is about.
    pub(super) fn of(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// What a status means. One that has a source was made on this side: whatever its code, the connection broke.
    /// None of the `secrets` stays in the text.
    pub(super) fn from_status(
        status: &Status,
        operation: Operation,
        errors: &Errors,
        secrets: &[String],
    ) -> Self {
        let (code, text) = match status.source() {
            Some(source) => (Code::Unavailable, chain(source)),
            None => (status.code(), status.message().to_owned()),
        };
        let message = match clean(&secret::hide(text, secrets)) {
            empty if empty.is_empty() => code_name(code as i32).to_owned(),
            text => text,
        };
        Self::own(errors.class(operation, code as i32), code, operation, message)
    }
}

/// The gRPC name of a code's number.
pub fn code_name(code: i32) -> &'static str {
    usize::try_from(code).ok().and_then(|index| CODES.get(index)).copied().unwrap_or("UNKNOWN")
}

/// An error and its causes, each said once; what wraps them only to say that there is one is left out.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut text = String::new();
    for cause in causes.filter(|cause| !cause.is::<tonic::transport::Error>() || cause.source().is_none()) {
        let said = cause.to_string();
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    text
}

/// One line of bounded length without control characters.
fn clean(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn errors() -> Errors {
        let any = HashMap::from([(14, Class::Unavailable), (5, Class::Absent)]);
        Errors { any, of: HashMap::from([((Operation::Create, 5), Class::Reference)]) }
    }

    #[test]
    fn the_class_depends_on_the_operation() {
        let status = Status::not_found("widget x is not found");
        assert_eq!(Error::from_status(&status, Operation::Get, &errors(), &[]).class, Class::Absent);
        let created = Error::from_status(&status, Operation::Create, &errors(), &[]);
        assert_eq!((created.class, created.code_name()), (Class::Reference, "NOT_FOUND"));
        assert_eq!(created.to_string(), "widget x is not found");
    }

    #[test]
    fn a_status_made_here_is_a_broken_connection() {
        let status = Status::from_error(Box::new(std::io::Error::other("reset by peer")));
        let error = Error::from_status(&status, Operation::Get, &errors(), &[]);
        assert_eq!((error.class, error.message.as_str()), (Class::Unavailable, "reset by peer"));
    }

    #[test]
    fn secrets_are_hidden_before_the_text_is_cut() {
        let text = format!("{}hunter2 is weak", "x".repeat(LONGEST - 3));
        let error =
            Error::from_status(&Status::aborted(text), Operation::Get, &errors(), &["hunter2".into()]);
        assert!(error.message.ends_with("x«se…"), "{}", error.message);
    }

    #[test]
    fn text_becomes_one_short_line() {
        assert_eq!(clean("failed\n\tlegacy\u{0} tokens "), "failed legacy tokens");
        assert_eq!(clean(&"ä".repeat(3000)).chars().count(), LONGEST + 1);
        let error = Error::from_status(&Status::aborted(""), Operation::Get, &errors(), &[]);
        assert_eq!(error.message, "ABORTED");
    }
}
