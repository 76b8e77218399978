//! One call to Kubernetes: bounded in time, its error classified. Retries are the caller's business.
use std::{future::Future, time::Duration};

use super::errors::{Class, Error};

/// How long a call may take, the client's own retries of 429, 503 and 504 included.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits for a call's answer, but not longer than [`TIMEOUT`].
///
/// # Errors
/// The call's own, classified; [`Class::Unavailable`] when there was no answer in time. Whether a write that got no
/// answer was done is not known.
pub async fn call<T>(
    verb: &'static str,
    what: impl Into<String>,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(result) => result.map_err(|error| Error::new(verb, what, &error)),
        Err(_) => Err(Error {
            class: Class::Unavailable,
            verb,
            what: what.into(),
            message: format!("no answer within {} s", TIMEOUT.as_secs()),
        }),
    }
}

/// What became of a write that holds only for the object as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Written (or nothing was to be written); this is what is there now.
    Done(T),
    /// The object is gone.
    Gone,
    /// The object isn't as it was read, or is another one of the same name by now: nothing was written.
    Conflict,
}

impl<T> Outcome<T> {
    /// Takes gone and conflict out of the errors.
    pub(super) fn of(result: Result<T, Error>) -> Result<Self, Error> {
        match result {
            Ok(there) => Ok(Self::Done(there)),
            Err(error) => match error.class {
                Class::Gone => Ok(Self::Gone),
                Class::Conflict => Ok(Self::Conflict),
                _ => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_without_answer_ends() {
        let error = call::<()>("get", "x", std::future::pending()).await.unwrap_err();
        assert_eq!(error.class, Class::Unavailable);
        assert_eq!(error.to_string(), "can't get x: no answer within 30 s");
    }
}
