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
    #[error("Adapter not found")]
    AdapterNotFound,
    /// Shares, stores, snapshots: real, but not played here.
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
            | Self::InvalidFaults(_) => 400,
            Self::WrongCredentials
            | Self::WrongCurrentPassword
            | Self::InvalidRefreshToken
            | Self::ExpiredRefreshToken
            | Self::CallerGone => 401,
            Self::UserDisabled | Self::AdminIsForever | Self::NotYours => 403,
            Self::UserNotFound | Self::AdapterNotFound | Self::NotSimulated(_) => 404,
            Self::UserExists | Self::AdapterExists => 409,
            Self::BodyTooLarge => 413,
            Self::PasswordNotHashable
            | Self::PasswordNotUpdated
            | Self::AdapterNotCreated
            | Self::NotStored(_) => 500,
        }
    }
}
