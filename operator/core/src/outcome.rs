//! The result of writing one object, as data, so that no code has to search a text.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::Status;
use kube::{Resource, ResourceExt as _};
use std::fmt::{self, Debug};
use std::time::Duration;

use crate::ownership::Holder;
use crate::warnings::said;

/// Codes of answers of the API server. `Status::is_conflict` and the like check only the reason in this version of
/// `kube`, and a webhook or a proxy may give no reason.
pub mod code {
    /// The operator lacks the right, or an admission policy refuses.
    pub const FORBIDDEN: u16 = 403;
    /// There is no such object.
    pub const NOT_FOUND: u16 = 404;
    /// The object exists already, or has changed.
    pub const CONFLICT: u16 = 409;
    /// The object would not be valid.
    pub const INVALID: u16 = 422;
    /// There are too many requests.
    pub const TOO_MANY: u16 = 429;
    /// The first code of those that blame the API server, or a webhook that it has asked.
    pub const SERVER: u16 = 500;
}

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Created,
    Updated,
    Deleted,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(self, f)
    }
}

/// An object that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object.
    pub object: ObjectReference,
    /// What was done to it.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Whether another writer had changed what was written before, or has changed what was written now.
    pub is_by_others: bool,
}

impl Change {
    /// What was done to `object`.
    pub fn of<K: Resource>(
        object: &K,
        kind: &K::DynamicType,
        action: Action,
        reason: String,
    ) -> Self {
        Self {
            object: object.object_ref(kind),
            action,
            reason,
            is_by_others: false,
        }
    }

    /// The same, with whether another writer has a part in it.
    #[must_use]
    pub fn by_others(self, is_by_others: bool) -> Self {
        Self {
            is_by_others,
            ..self
        }
    }
}

/// How the text of every [`Failure`] begins.
pub(crate) const FAILURE: &str = "cannot write ";

/// An object that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}{error}", self.subject())]
pub struct Failure {
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Why.
    pub error: ApplyError,
}

impl Failure {
    /// `object` could not be written.
    pub fn of<K: Resource>(object: &K, kind: &K::DynamicType, error: ApplyError) -> Self {
        Self {
            kind: K::kind(kind).into_owned(),
            name: object.name_any(),
            error,
        }
    }

    /// How its text begins, whatever the reason.
    pub fn subject(&self) -> String {
        format!("{FAILURE}{} {}: ", self.kind, self.name)
    }

    /// What it is about. A failure that lasts keeps its topic, even if its text differs every time.
    pub fn topic(&self) -> String {
        format!("{} {}: {}", self.kind, self.name, self.error.class())
    }

    /// Whether it was this object that could not be written.
    pub fn concerns<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        self.kind == K::kind(&()) && self.name == object.name_any()
    }
}

fn explain(holder: &Holder) -> String {
    let taken = |by: &str| {
        format!(
            "an object with this name already exists and is not owned by this DittoServer (owner: {by}): delete or rename it, or choose other \
             names for this DittoServer"
        )
    };
    match holder {
        Holder::OtherOperator => "another operator created an object with this name for this DittoServer: delete the object, or leave this \
             DittoServer to that operator"
            .to_owned(),
        Holder::FormerServer => "an object with this name belongs to a former DittoServer of the same name: Kubernetes is deleting it, and the \
             operator then creates a new one"
            .to_owned(),
        Holder::Controller { kind, name } => taken(&format!("{kind} {name}")),
        Holder::NoController => taken("none"),
    }
}

/// Why an object could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An object with this name exists and is not ours.
    #[error("{}", explain(.0))]
    Foreign(Holder),
    /// Another client created, deleted or replaced the object at the same moment.
    #[error(
        "another client created, deleted or replaced it at the same moment; the operator retries"
    )]
    Raced,
    /// The API server has refused the request.
    #[error("the API server refused: {}", message(.0))]
    Refused(Box<Status>),
    /// The request did not reach the API server, or its answer did not reach us.
    #[error("the request to the API server failed: {0}")]
    Request(String),
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
}

/// Some proxies answer without a message, and webhooks with several lines.
fn message(status: &Status) -> String {
    match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => format!("status code {}", status.code),
        ("", reason) => reason.to_owned(),
        (message, _) => said(message),
    }
}

/// A text of others in one line, as conditions and Events show it.
pub(crate) fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let parts = text.split(char::is_control).map(str::trim);
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

impl ApplyError {
    fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused(status) => Some(status),
            _ => None,
        }
    }

    /// By the code alone: `AlreadyExists` and `Conflict` share one.
    fn has_code(&self, codes: &[u16]) -> bool {
        self.status()
            .is_some_and(|status| codes.contains(&status.code))
    }

    /// Which kind of error it is, without the words of the API server.
    fn class(&self) -> String {
        match self {
            Self::Foreign(_) => "foreign".to_owned(),
            Self::Raced => "raced".to_owned(),
            Self::Refused(status) => format!("{} {}", status.code, status.reason),
            Self::Request(_) | Self::Deadline(_) => "unanswered".to_owned(),
        }
    }

    /// Whether it may well be over with the next attempt, without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Foreign(_) => false,
            Self::Raced | Self::Request(_) | Self::Deadline(_) => true,
            Self::Refused(status) => {
                status.code >= code::SERVER
                    || [code::TOO_MANY, code::CONFLICT].contains(&status.code)
            }
        }
    }

    /// The API server has answered with an error: nothing has changed.
    pub fn is_answer(&self) -> bool {
        self.status().is_some()
    }

    /// The object exists already, or has changed.
    pub fn is_conflict(&self) -> bool {
        self.has_code(&[code::CONFLICT])
    }

    /// The object with the uid that was sent no longer exists, or another one has its name.
    pub fn is_replaced(&self) -> bool {
        // The API server treats the uid as an immutable field.
        self.is_conflict() || self.is_not_found() || self.blames("metadata.uid")
    }

    /// Whether the API server names this field as the cause.
    pub fn blames(&self, field: &str) -> bool {
        self.causes().any(|cause| cause == field)
    }

    /// Whether the API server names a field that begins so as the cause, such as an entry of a list.
    pub fn blames_part_of(&self, field: &str) -> bool {
        self.causes().any(|cause| cause.starts_with(field))
    }

    fn causes(&self) -> impl Iterator<Item = &str> {
        let details = self.status().and_then(|status| status.details.as_ref());
        let causes = details.into_iter().flat_map(|details| &details.causes);
        causes.map(|cause| cause.field.as_str())
    }

    /// The object is invalid.
    pub fn is_invalid(&self) -> bool {
        self.has_code(&[code::INVALID])
    }

    /// The API server has forbidden it or found it invalid.
    pub fn is_refusal(&self) -> bool {
        self.has_code(&[code::FORBIDDEN, code::INVALID])
    }

    /// The object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.has_code(&[code::NOT_FOUND])
    }

    /// What the API server said, without the rest of its answer.
    pub fn message(&self) -> String {
        self.status().map_or_else(|| self.to_string(), message)
    }
}

#[cfg(test)]
mod tests;
