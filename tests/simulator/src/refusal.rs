//! Every reason why the API refuses a request, with the status and the words of the real server.

use thiserror::Error;

/// A refusal by a handler; answered as an RFC 7807 problem.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("Invalid request body")]
    InvalidBody,
    #[error("Username and password are required")]
    CredentialsRequired,
    #[error("Username is required")]
    UsernameRequired,
    #[error("Password is required")]
    PasswordRequired,
    #[error("New password is required")]
    NewPasswordRequired,
    #[error("Current password is required")]
    CurrentPasswordRequired,
    #[error("Refresh token is required")]
    RefreshTokenRequired,
    #[error("Adapter type is required")]
    AdapterTypeRequired,
    #[error("Invalid role. Must be 'user', 'admin', or 'operator'")]
    UnknownRole,
    #[error("One or more specified groups do not exist")]
    UnknownGroup,
    #[error("Invalid username or password")]
    WrongCredentials,
    #[error("Current password is incorrect")]
    WrongCurrentPassword,
    #[error("Invalid refresh token")]
    InvalidRefreshToken,
    #[error("Refresh token has expired")]
    ExpiredRefreshToken,
    /// Who asks has a good token but is gone.
    #[error("User not found")]
    CallerGone,
    #[error("User account is disabled")]
    UserDisabled,
    #[error("Cannot delete admin user")]
    AdminIsForever,
    #[error("Access denied")]
    NotYours,
    #[error("User not found")]
    UserNotFound,
    /// What is asked for is not there, in the words of its handler.
    #[error("{0}")]
    NotThere(&'static str),
    /// There is one already, or it is in use.
    #[error("{0}")]
    Taken(&'static str),
    /// A value that does not do, in the words of whoever judges it.
    #[error("{0}")]
    Unfit(String),
    #[error("Cannot delete system group")]
    SystemGroup,
    /// The server finds out too late, and only says that it failed.
    #[error("{0}")]
    Failed(&'static str),
    #[error("Adapter not found")]
    AdapterNotFound,
    /// Snapshots, uploads, settings: real, but not played here.
    #[error("Not simulated: {0}")]
    NotSimulated(String),
    #[error("User already exists")]
    UserExists,
    #[error("Adapter already exists")]
    AdapterExists,
    #[error("Failed to hash password")]
    PasswordNotHashable,
    #[error("Failed to update password")]
    PasswordNotUpdated,
    #[error("request body exceeds the 1 MiB limit")]
    BodyTooLarge,
    #[error("Failed to create adapter")]
    AdapterNotCreated,
    /// Only the simulator's own endpoints say this.
    #[error("Invalid faults: {0}")]
    InvalidFaults(String),
    /// The state file cannot be written.
    #[error("Failed to store state: {0}")]
    NotStored(String),
}

impl Refusal {
    /// A value that does not do.
    pub(crate) fn unfit(words: impl Into<String>) -> Self {
        Self::Unfit(words.into())
    }

    /// The HTTP status that goes with it.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::InvalidBody
            | Self::CredentialsRequired
            | Self::UsernameRequired
            | Self::PasswordRequired
            | Self::NewPasswordRequired
            | Self::CurrentPasswordRequired
            | Self::RefreshTokenRequired
            | Self::AdapterTypeRequired
            | Self::UnknownRole
            | Self::UnknownGroup
            | Self::Unfit(_)
            | Self::InvalidFaults(_) => 400,
            Self::WrongCredentials
            | Self::WrongCurrentPassword
            | Self::InvalidRefreshToken
            | Self::ExpiredRefreshToken
            | Self::CallerGone => 401,
            Self::UserDisabled | Self::AdminIsForever | Self::SystemGroup | Self::NotYours => 403,
            Self::UserNotFound | Self::AdapterNotFound | Self::NotThere(_) => 404,
            Self::UserExists | Self::AdapterExists | Self::Taken(_) => 409,
            Self::BodyTooLarge => 413,
            Self::PasswordNotHashable
            | Self::PasswordNotUpdated
            | Self::AdapterNotCreated
            | Self::Failed(_)
            | Self::NotStored(_) => 500,
            // Not 404: to those who delete, that says that all is well.
            Self::NotSimulated(_) => 501,
        }
    }
}
