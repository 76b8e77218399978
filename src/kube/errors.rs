//! What a failed call to Kubernetes means, and how to say it to a person. Never carries what was sent or received.
use kube::core::Status;

/// What an error means for the one who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The object, or its kind, does not exist.
    Gone,
    /// Somebody wrote in between, or the name is taken: read again.
    Conflict,
    /// The server does not know us, or does not let us.
    Forbidden,
    /// The server can't be reached, is overloaded, or broken: try again later.
    Unavailable,
    /// The request is refused for what it says: only a change helps.
    Invalid,
    /// Anything else.
    Other,
}

/// A call to Kubernetes that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("can't {verb} {what}: {message}")]
pub struct Error {
    /// What it means.
    pub class: Class,
    /// What was tried, as Kubernetes names its verbs (`patch`), or in words.
    pub verb: &'static str,
    /// On what: resource and name.
    pub what: String,
    /// The server's own words, or those of the layer that failed.
    pub message: String,
}

impl Error {
    /// Names the call that failed with it.
    pub fn new(verb: &'static str, what: impl Into<String>, error: &kube::Error) -> Self {
        Self { class: classify(error), verb, what: what.into(), message: describe(error) }
    }
}

fn classify(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => of_status(status),
        kube::Error::HyperError(_)
        | kube::Error::Service(_)
        | kube::Error::ReadEvents(_)
        | kube::Error::Auth(_) => Class::Unavailable,
        kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => Class::Invalid,
        _ => Class::Other,
    }
}

fn of_status(status: &Status) -> Class {
    match status.code {
        // A patch whose test failed is answered with no details; whatever breaks a rule, with them (Kubernetes 1.37).
        422 if status.details.as_ref().is_none_or(|details| details.kind.is_empty()) => Class::Conflict,
        404 => Class::Gone,
        409 => Class::Conflict,
        401 | 403 => Class::Forbidden,
        400 | 405 | 413 | 415 | 422 => Class::Invalid,
        408 | 429 | 500..=599 => Class::Unavailable,
        _ => Class::Other,
    }
}

fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("the server answered {} {}", status.code, status.reason),
        // serde's own text quotes the value that did not fit, which may be a secret.
        kube::Error::SerdeError(error) => {
            format!("the answer is not what was expected (line {}, column {})", error.line(), error.column())
        }
        error => chain(error),
    }
}

/// An error with its causes, without saying the same thing twice.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn api(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "").with_code(code).boxed())
    }

    #[test]
    fn classes_follow_the_status_code() {
        let cases = [
            (404, Class::Gone),
            (409, Class::Conflict),
            (401, Class::Forbidden),
            (403, Class::Forbidden),
            (400, Class::Invalid),
            (422, Class::Conflict),
            (429, Class::Unavailable),
            (503, Class::Unavailable),
            (410, Class::Other),
        ];
        for (code, class) in cases {
            assert_eq!(Error::new("get", "x", &api(code, "no")).class, class, "{code}");
        }
    }

    #[test]
    fn a_broken_rule_is_no_conflict() {
        let details = StatusDetails {
            kind: "Widget".to_owned(),
            name: "a".to_owned(),
            group: "example.dev".to_owned(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        };
        let status = Status::failure("no", "Invalid").with_code(422).with_details(details);
        assert_eq!(of_status(&status), Class::Invalid);
    }

    #[test]
    fn an_error_says_what_was_tried_on_what_and_why() {
        let error = Error::new("patch", "widgets.example.dev default/a", &api(403, "not allowed"));
        assert_eq!(error.to_string(), "can't patch widgets.example.dev default/a: not allowed");
    }

    #[test]
    fn a_decoding_error_does_not_quote_the_value() {
        let source = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        assert!(source.to_string().contains("hunter2"));
        let error = Error::new("get", "secrets default/a", &kube::Error::SerdeError(source));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
