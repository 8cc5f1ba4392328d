//! What the sidecar reports in ConfigMap `{name}-adapters` beside the server and its adapters. Each report is a key of
//! its own: an older operator leaves it alone, and for an older sidecar it is absent.

use serde::{Deserialize, Serialize};

/// Most characters of a message that are kept: it ends up in a condition.
const LONGEST_MESSAGE: usize = 512;

/// What the sidecar reports beside the server and its adapters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// What is wrong with the sidecar's own access to the REST API. Absent when nothing is.
    pub access: Option<Access>,
    /// How the last reset of the administrator's password ended.
    pub password_reset: Option<PasswordReset>,
}

/// What is wrong with the sidecar's own access to the REST API, also while the adapters can still be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Whether the server refuses what is signed with the mounted key: it runs with another one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub signing_key_refused: bool,
    /// What happened and what to do, for a person.
    pub message: String,
}

/// How a reset of the administrator's password ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordReset {
    /// Which request this answers, see [`crate::settings::ResetRequest`].
    pub request: String,
    /// How it ended.
    pub outcome: ResetOutcome,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a reset of the administrator's password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetOutcome {
    /// The administrator has the password from the Secret.
    Done,
    /// It did not work, and is tried again.
    Refused,
}

impl Access {
    /// With no more of the message than fits into a condition.
    #[must_use]
    pub fn limited(self) -> Self {
        Self {
            message: limited(&self.message),
            ..self
        }
    }
}

impl PasswordReset {
    /// With no more of the message than fits into a condition.
    #[must_use]
    pub fn limited(self) -> Self {
        Self {
            message: self.message.as_deref().map(limited),
            ..self
        }
    }
}

fn limited(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_MESSAGE)
        .collect()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference.
fn is_false(flag: &bool) -> bool {
    !flag
}
