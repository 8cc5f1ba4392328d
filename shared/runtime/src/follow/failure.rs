//! Why objects cannot be followed for the moment.

use kube::core::Status;
use std::fmt;
use std::time::Duration;

use crate::api_error::{ApiError, write_status};

/// The right is missing.
const FORBIDDEN: u16 = 403;
/// The version is too old: what has happened since is not kept.
const GONE: u16 = 410;

/// Why objects cannot be followed for the moment. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The API server refuses, or cannot be reached.
    #[error("{}", ApiError(.0))]
    Request(Box<kube::Error>),
    /// The API server ends a watch with an error.
    #[error("{}", Words(.0))]
    Ended(Box<Status>),
    /// There was no answer, or only a part of it.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// A watch was due to end and has not: nothing arrives any more.
    #[error("the connection is dead: a watch has not ended {} s after it was due", .0.as_secs())]
    Silent(Duration),
    /// A watch has ended before it was due: the API server goes away, or another one has taken its place.
    #[error("the API server ended a watch early")]
    Interrupted,
    /// The answer breaks off.
    #[error("the answer of the API server breaks off: {0}")]
    Broken(std::io::Error),
    /// The answer is none.
    #[error("cannot read the answer of the API server: {0}")]
    Unreadable(serde_json::Error),
    /// The parameters make no request.
    #[error("cannot make the request: {0}")]
    Unusable(kube::core::request::Error),
}

impl Failure {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Request(error) => match &**error {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Ended(status) => Some(status.code),
            _ => None,
        }
    }

    /// Whether the API server has answered, though not as hoped.
    pub fn is_answer(&self) -> bool {
        self.code().is_some()
    }

    /// Whether nothing has arrived, so that the connection may be dead.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Late(_) | Self::Silent(_))
    }

    /// Whether the right is missing.
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(FORBIDDEN)
    }

    /// Whether a new list is all that is needed.
    pub(super) fn is_expired(&self) -> bool {
        self.code() == Some(GONE)
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        Self::Request(Box::new(error))
    }
}

/// What the API server said.
struct Words<'a>(&'a Status);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_status(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_silence_and_by_its_words() {
        let answer = |code| Status::failure("no", "Reason").with_code(code).boxed();
        for (failure, is_answer, is_forbidden, is_expired) in [
            (
                Failure::from(kube::Error::Api(answer(403))),
                true,
                true,
                false,
            ),
            (Failure::Ended(answer(410)), true, false, true),
            (Failure::Ended(answer(500)), true, false, false),
            (Failure::Late(Duration::from_secs(10)), false, false, false),
            (Failure::Interrupted, false, false, false),
        ] {
            assert_eq!(failure.is_answer(), is_answer, "{failure}");
            assert_eq!(failure.is_forbidden(), is_forbidden, "{failure}");
            assert_eq!(failure.is_expired(), is_expired, "{failure}");
        }
        assert_eq!(Failure::Ended(answer(500)).to_string(), "no");
    }
}
