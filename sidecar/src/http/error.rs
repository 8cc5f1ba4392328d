//! Why the REST API gives no response.

use super::MAX_BYTES;
use crate::outcome::Failure;
use crate::tls::TlsError;
use std::time::Duration;

/// Why there is no response. The messages are published, so they contain nothing that varies between equal failures.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address and the path do not form a valid request.
    #[error("{base} is not a valid address of a REST API: {error}")]
    Address {
        /// Address of the REST API.
        base: String,
        /// What is wrong with it.
        error: hyper::http::Error,
    },
    /// Nothing listens on the address.
    #[error("nothing is listening on {base} (connection refused)")]
    ConnectionRefused {
        /// Address of the REST API.
        base: String,
    },
    /// The connection could not be opened, or broke.
    #[error("the connection to {base} failed: {reason}")]
    Connection {
        /// Address of the REST API.
        base: String,
        /// What happened.
        reason: String,
    },
    /// The deadline was exceeded.
    #[error("{base} did not answer {path} within {n} s", n = deadline.as_secs())]
    Deadline {
        /// Address of the REST API.
        base: String,
        /// Path of the request.
        path: String,
        /// The deadline.
        deadline: Duration,
    },
    /// The response is not HTTP.
    #[error("{base} does not speak HTTP; check that this is the address of the DittoFS REST API")]
    NotHttp {
        /// Address of the REST API.
        base: String,
    },
    /// The server expects TLS.
    #[error(
        "{base} expects TLS, but the sidecar uses plain HTTP; \
         give the sidecar an https:// address, or remove the server's certificate"
    )]
    ExpectsTls {
        /// Address of the REST API.
        base: String,
    },
    /// There is no TLS connection.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The body is too large.
    #[error("the answer of {base} to {path} is larger than {MAX_BYTES} bytes")]
    TooLarge {
        /// Address of the REST API.
        base: String,
        /// Path of the request.
        path: String,
    },
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let message = error.to_string();
        match error {
            HttpError::Tls(error) => error.into(),
            HttpError::TooLarge { .. }
            | HttpError::NotHttp { .. }
            | HttpError::ExpectsTls { .. } => Self::invalid(message),
            _ => Self::unreachable(message),
        }
    }
}
