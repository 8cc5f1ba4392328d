//! Reads from the API server, with a deadline.

use crate::REQUEST_DEADLINE;
use dittofs_runtime::api_error::ApiError;

/// Why something could not be read. It is then unknown whether it is there, and nothing may be concluded.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The API server refused.
    #[error("cannot read {what}: {}", ApiError(.source))]
    Api {
        /// What was read.
        what: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("cannot read {what}: the API server did not answer within {} s", REQUEST_DEADLINE.as_secs())]
    Deadline {
        /// What was read.
        what: String,
    },
}

/// A read with a deadline. `what`: such as `Secret files/files-keys`, for the error.
pub(crate) async fn within_deadline<T>(
    what: impl Fn() -> String,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, ReadError> {
    match tokio::time::timeout(REQUEST_DEADLINE, request).await {
        Ok(result) => result.map_err(|error| ReadError::Api {
            what: what(),
            source: Box::new(error),
        }),
        Err(_) => Err(ReadError::Deadline { what: what() }),
    }
}
