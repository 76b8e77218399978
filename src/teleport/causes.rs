//! What the errors of gRPC, of HTTP and of routes mean to whoever joins.
use std::error::Error as StdError;

use rustls::AlertDescription;
use tonic::{Code, Status};

use super::errors::{Error, Hint, Nature, Step};
use super::failure::{Failure, Hop, Problem};
use super::route::{Undiscovered, Unpinned};
use super::web::WebError;

/// Longest text of a server's that is shown, in characters.
const LONGEST: usize = 500;

impl From<&Failure> for Error {
    fn from(failure: &Failure) -> Self {
        let nature = match failure {
            Failure::Tls { hop: Hop::Auth, problem: Problem::UnknownAuthority { .. }, .. } => {
                Nature::Credentials
            }
            Failure::Tls { hop: Hop::Auth, problem: Problem::Refused(alert), .. }
                if *alert != AlertDescription::NoApplicationProtocol =>
            {
                Nature::Credentials
            }
            Failure::Tls { problem: Problem::Closed | Problem::Other(_), .. }
            | Failure::Dns { .. }
            | Failure::Tcp { .. }
            | Failure::Silent { .. }
            | Failure::Forward { .. }
            | Failure::Upgrade { .. } => Nature::Away,
            _ => Nature::Refused,
        };
        let hint = if failure.is_before_tls() { Hint::Hopeless } else { Hint::None };
        let text = match failure {
            Failure::Tls {
                hop: Hop::Auth,
                problem: Problem::Refused(AlertDescription::CertificateExpired),
                ..
            } => {
                format!(
                    "{}: our certificate has expired by the server's clock; if it was just issued, the clocks of both \
                     machines differ: set them right",
                    failure.what()
                )
            }
            _ => failure.to_string(),
        };
        Self::Way { text, nature, hint }
    }
}

impl From<&Undiscovered> for Error {
    fn from(error: &Undiscovered) -> Self {
        match error {
            Undiscovered::Failure(failure) => Self::from(failure),
            Undiscovered::NoProxy(error) => match Self::web(Step::Ping, error) {
                way @ Self::Way { .. } => way,
                other => Self::Way { text: error.to_string(), nature: other.nature(), hint: Hint::None },
            },
        }
    }
}

impl From<&Unpinned> for Error {
    fn from(error: &Unpinned) -> Self {
        match error {
            Unpinned::Failure(failure) => Self::from(failure),
            other => Self::Way { text: other.to_string(), nature: Nature::Refused, hint: Hint::Hopeless },
        }
    }
}

impl Error {
    /// What a status means. One that has a source was made on this side: the connection broke.
    pub fn grpc(step: Step, status: &Status) -> Self {
        match status.source() {
            Some(source) => match Failure::within(source) {
                Some(failure) => Self::from(failure),
                None => Self::Broken { step, text: chain(source) },
            },
            None => Self::Refused { step, code: status.code(), text: line(status.message()) },
        }
    }

    /// What an answer over HTTP means that is no success.
    pub fn web(step: Step, error: &WebError) -> Self {
        let way = |nature, hint| Self::Way { text: error.to_string(), nature, hint };
        match error {
            WebError::Failure(failure) => Self::from(failure),
            WebError::Silent { .. } | WebError::Broken { .. } => {
                Self::Broken { step, text: error.to_string() }
            }
            WebError::Status { status, message: Some(text), .. } => {
                Self::Refused { step, code: code(*status), text: line(text) }
            }
            WebError::Status { status: 404 | 405 | 501, .. } => way(Nature::Refused, Hint::Unimplemented),
            WebError::Status { status: 429, .. } => way(Nature::Limited, Hint::None),
            WebError::Status { status: 500.., .. } | WebError::Html { status: 500.., .. } => {
                way(Nature::Away, Hint::None)
            }
            _ => way(Nature::Refused, Hint::None),
        }
    }
}

/// One line of bounded length without control characters.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The gRPC code that an HTTP status of Teleport's stands for.
fn code(status: u16) -> Code {
    match status {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 | 501 => Code::Unimplemented,
        408 | 502..=504 => Code::Unavailable,
        409 => Code::AlreadyExists,
        412 => Code::FailedPrecondition,
        429 => Code::ResourceExhausted,
        _ => Code::Unknown,
    }
}

/// An error's innermost cause says most.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let last = std::iter::successors(Some(error), |&error| error.source()).last();
    line(&last.map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_http_are_read_as_those_of_grpc() {
        let web = |status, message: Option<&str>| WebError::Status {
            url: "https://x/y".to_owned(),
            status,
            message: message.map(str::to_owned),
            content_type: None,
        };
        let of = |status, message| Error::web(Step::Join, &web(status, message));
        assert_eq!(of(403, Some("no")).nature(), Nature::Refused);
        assert_eq!(of(429, Some("slow down")).nature(), Nature::Limited);
        assert_eq!(of(429, None).nature(), Nature::Limited);
        assert_eq!(of(503, None).nature(), Nature::Away);
        assert_eq!(of(502, Some("bad")).nature(), Nature::Away);
        for (status, message, lacks) in [
            (404, None, true),
            (405, None, true),
            (404, Some("404 page not found"), true),
            (404, Some("not found"), true),
            (404, Some("bot is not found"), false),
            (403, None, false),
            (500, None, false),
        ] {
            assert_eq!(of(status, message).is_unimplemented(), lacks, "{status} {message:?}");
        }
    }
}
