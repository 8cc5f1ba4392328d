//! Errors of the Kubernetes API as text for logs, conditions and Events.
//!
//! The `Display` of [`kube::Error`] ends in a `Debug` dump of the whole answer, and what it says of a failed connection
//! is not the cause.

use kube::core::Status;
use std::error::Error;
use std::fmt;

/// Displays the message of the API server and nothing else, or why there was no answer.
///
/// ```
/// # use dittofs_runtime::api_error::ApiError;
/// let answer = kube::core::Status::failure("configmaps \"files\" not found", "NotFound").with_code(404);
/// let error = kube::Error::Api(answer.boxed());
/// assert_eq!(ApiError(&error).to_string(), "configmaps \"files\" not found");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ApiError<'a>(pub &'a kube::Error);

impl fmt::Display for ApiError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            kube::Error::Api(status) => write_status(status, f),
            kube::Error::Service(_) | kube::Error::HyperError(_) => {
                write!(f, "cannot reach the API server: {}", innermost(self.0))
            }
            other => other.fmt(f),
        }
    }
}

/// Proxies in front of the API server may answer without a message.
pub(crate) fn write_status(status: &Status, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !status.message.is_empty() {
        f.write_str(&status.message)
    } else if !status.reason.is_empty() {
        f.write_str(&status.reason)
    } else {
        write!(f, "HTTP status {}", status.code)
    }
}

/// The error at the bottom of the chain: the outer ones often say only that something below failed.
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn answer(message: &str, reason: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, reason).with_code(403).boxed())
    }

    #[test]
    fn an_answer_is_its_message_and_no_dump() {
        let error = answer("secrets \"a\" is forbidden", "Forbidden");
        assert!(error.to_string().contains("Status {"), "{error}");
        assert_eq!(ApiError(&error).to_string(), "secrets \"a\" is forbidden");
    }

    #[test]
    fn an_answer_without_a_message_still_has_a_text() {
        assert_eq!(ApiError(&answer("", "Forbidden")).to_string(), "Forbidden");
        assert_eq!(ApiError(&answer("", "")).to_string(), "HTTP status 403");
    }

    #[test]
    fn a_failed_connection_is_told_by_its_cause() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = kube::Error::Service(Box::new(refused));
        assert_eq!(
            ApiError(&error).to_string(),
            "cannot reach the API server: connection refused"
        );
    }
}
