//! What the sidecar reports in ConfigMap `{name}-adapters` beside the server and its adapters. Each report is a key
//! of its own: an older operator ignores it, and an older sidecar does not write it.

use serde::{Deserialize, Serialize};

/// Maximum length of a message, in characters: it becomes part of a condition.
const MAX_MESSAGE: usize = 512;

/// What the sidecar reports beside the server and its adapters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// Problem of the sidecar's own access to the REST API. Absent when there is none.
    pub access: Option<Access>,
    /// Result of the last reset of the administrator's password.
    pub password_reset: Option<PasswordReset>,
    /// Version of the server, as the server itself reports it.
    pub server_version: Option<String>,
}

/// Problem of the sidecar's own access to the REST API. The adapters may still be readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Whether the server rejects tokens signed with the mounted key, because it runs with another one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub signing_key_refused: bool,
    /// What happened and what to do, for the user.
    pub message: String,
}

/// Result of a reset of the administrator's password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordReset {
    /// The request, see [`crate::settings::ResetRequest`].
    pub request: String,
    /// Whether it worked.
    pub outcome: ResetOutcome,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Outcome of a reset of the administrator's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetOutcome {
    /// The administrator has the password from the Secret.
    Done,
    /// It failed and is tried again.
    Refused,
}

impl Access {
    /// The same with a message of at most 512 characters.
    #[must_use]
    pub fn limited(self) -> Self {
        Self {
            message: limited(&self.message),
            ..self
        }
    }
}

impl PasswordReset {
    /// The same with a message of at most 512 characters.
    #[must_use]
    pub fn limited(self) -> Self {
        Self {
            message: self.message.as_deref().map(limited),
            ..self
        }
    }
}

/// A version as the server or a published state has it, unless it is none.
pub fn version(text: &str) -> Option<String> {
    const MAX_VERSION: usize = 64;
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-+_".contains(c);
    let is_version = !text.is_empty() && text.len() <= MAX_VERSION && text.chars().all(is_fit);
    is_version.then(|| text.to_owned())
}

fn limited(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MESSAGE)
        .collect()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference.
fn is_false(flag: &bool) -> bool {
    !flag
}
