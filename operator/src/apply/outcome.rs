//! What came of writing one object.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource, ResourceExt as _};
use std::fmt::{self, Debug};

use crate::observe::REQUEST_DEADLINE;
use crate::ownership::Holder;

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
}

impl Change {
    pub(super) fn of<K: Resource>(
        object: &K,
        kind: &K::DynamicType,
        action: Action,
        reason: String,
    ) -> Self {
        Self {
            object: object.object_ref(kind),
            action,
            reason,
        }
    }
}

/// An object that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} could not be written: {error}")]
pub struct Failure {
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// What stands in the way.
    pub error: ApplyError,
}

impl Failure {
    pub(super) fn of<K: Resource>(object: &K, kind: &K::DynamicType, error: ApplyError) -> Self {
        Self {
            kind: K::kind(kind).into_owned(),
            name: object.name_any(),
            error,
        }
    }

    /// Whether it was this object that could not be written.
    pub(super) fn concerns<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        self.kind == K::kind(&()) && self.name == object.name_any()
    }
}

fn explain(holder: &Holder) -> String {
    let taken = |by: &str| {
        format!(
            "an object of this name exists and belongs to {by}: rename it, or choose other names for this DittoServer"
        )
    };
    match holder {
        Holder::OtherOperator => "another operator made an object of this name for this DittoServer: delete the object, \
             or leave this DittoServer to that operator"
            .to_owned(),
        Holder::FormerServer => "an object of this name belongs to a former DittoServer of this name: Kubernetes deletes \
             it, and then this operator creates a new one"
            .to_owned(),
        Holder::Controller { kind, name } => taken(&format!("{kind} {name}")),
        Holder::Nobody => taken("nobody that this operator knows"),
    }
}

/// What stands in the way of writing an object.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Somebody else's object has this name.
    #[error("{}", explain(.0))]
    Foreign(Holder),
    /// Somebody else created, deleted or replaced the object at the same moment.
    #[error(
        "somebody else created, deleted or replaced it at the same moment; the operator reads it again"
    )]
    Raced,
    /// The API server refused.
    #[error("the API server refused: {0}")]
    Api(#[source] Box<kube::Error>),
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", REQUEST_DEADLINE.as_secs())]
    Deadline,
}

impl ApplyError {
    /// The API server has said no: nothing has happened.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(_)))
    }

    /// The object exists already, or is not what it was.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if status.code == 409))
    }

    /// There is no object any more with the uid that was sent, or another one has its name.
    pub fn is_replaced(&self) -> bool {
        let Self::Api(error) = self else {
            return false;
        };
        let kube::Error::Api(status) = &**error else {
            return false;
        };
        let mut causes = status.details.iter().flat_map(|details| &details.causes);
        // The API server compares the uid as a field that nobody can change.
        self.is_conflict()
            || self.is_not_found()
            || causes.any(|cause| cause.field == "metadata.uid")
    }

    /// The object would not be a valid one.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if status.code == 422))
    }

    /// What the API server said, without the rest of its answer.
    pub fn message(&self) -> String {
        match self {
            Self::Api(error) => match &**error {
                kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
                error => error.to_string(),
            },
            error => error.to_string(),
        }
    }

    /// The API server has understood, and does not want it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if [403, 422].contains(&status.code)))
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if status.code == 404))
    }
}
