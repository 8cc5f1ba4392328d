//! The result of a poll.

use dittofs_shared::published_state::ServerStatus;

/// The result of one poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The adapters that the server lists.
    Seen(Vec<Seen>),
    /// There is no list. Unknown is not empty.
    Failed(Failure),
}

/// One adapter as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Type, such as `nfs` or `smb`.
    pub r#type: String,
    /// Port as the server reports it; it need not be a valid port.
    pub port: i64,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether it is running.
    pub running: bool,
}

/// Why there is no list. The message is published: it contains no secrets, and nothing that varies from poll to poll.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What happened and what to do.
    pub message: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server does not answer, or answers with an error of its own.
    Unreachable,
    /// The server refuses access to the sidecar.
    Refused,
    /// The answer is not one that DittoFS gives.
    Invalid,
}

impl Failure {
    /// The server does not answer, or answers with an error of its own.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unreachable, message)
    }

    /// The server refuses access to the sidecar.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }

    /// The answer is not one that DittoFS gives.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Invalid, message)
    }

    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl FailureKind {
    /// The status that is published for it.
    pub const fn status(self) -> ServerStatus {
        match self {
            Self::Unreachable => ServerStatus::Unreachable,
            Self::Refused => ServerStatus::Refused,
            Self::Invalid => ServerStatus::Invalid,
        }
    }
}
