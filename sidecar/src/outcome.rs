//! What a poll can say.

use dittofs_shared::published_state::ServerStatus;

/// What one poll of the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The list of adapters.
    Seen(Vec<Seen>),
    /// No list. Unknown is not empty.
    Failed(Failure),
}

/// One adapter of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Type, such as `nfs` or `smb`.
    pub r#type: String,
    /// Port, as the server says; it need not be one.
    pub port: i64,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it works.
    pub running: bool,
}

/// Why there is no list, for a person. The message holds no numbers that move from poll to poll, and no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Who is to look at it.
    pub kind: FailureKind,
    /// What happened, and what can be done.
    pub message: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer, or an error of the server's own.
    Unreachable,
    /// The server does not accept the sidecar.
    Refused,
    /// The answer is none that DittoFS gives.
    Invalid,
}

impl Failure {
    /// No answer, or an error of the server's own.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unreachable, message)
    }

    /// The server does not accept the sidecar.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }

    /// The answer is none that DittoFS gives.
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
    /// The word for it in the published state.
    pub const fn status(self) -> ServerStatus {
        match self {
            Self::Unreachable => ServerStatus::Unreachable,
            Self::Refused => ServerStatus::Refused,
            Self::Invalid => ServerStatus::Invalid,
        }
    }
}
