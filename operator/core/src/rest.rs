//! Pure: whether a reconcile can end at once, because it would only find again what the last one has found.
//!
//! A reconcile is derived from the `DittoServer`, from the other objects of the instance, from Secrets, and from the time.
//! One that has found everything in order names the moment until which that holds if nothing of the rest changes. A
//! reconcile before that moment compares a digest of what it would read, and reads no object.
//!
//! A `DittoServer` that is not ready is always evaluated anew: why it is not may be something that is no input here.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use crate::reconcile_request;
use crate::renewal::Renewal;
use crate::roll::Roll;
use crate::secrets::SecretFacts;
use crate::status::{ConditionStatus, ConditionType, has};

/// Everything is evaluated this often, whatever is remembered.
const LONGEST: Duration = Duration::from_hours(1);

/// Digest of what a reconcile is derived from, except for the time. Means nothing to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs(u64);

impl Inputs {
    /// `objects`: changes with the content of any object of the instance. `None`: it is not known whether a Secret has
    /// changed.
    pub fn of(
        server: &DittoServer,
        objects: u64,
        secrets: &BTreeMap<String, SecretFacts>,
    ) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        let metadata = &server.metadata;
        (metadata.uid.as_ref()?, metadata.resource_version.as_ref()?).hash(&mut hasher);
        objects.hash(&mut hasher);
        for (name, facts) in secrets {
            (name, facts.resource_version.as_ref()?).hash(&mut hasher);
        }
        Some(Self(hasher.finish()))
    }
}

/// What the last reconcile of an instance has left: everything in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtRest {
    inputs: Inputs,
    until: Instant,
}

impl AtRest {
    /// After a reconcile that began at this moment and has changed nothing, and whose conclusions may change after this
    /// time without a change of its inputs.
    pub fn since(inputs: Inputs, began: Instant, due: Duration) -> Self {
        Self {
            inputs,
            until: began + due.min(LONGEST),
        }
    }

    /// How long a reconcile at this moment has nothing to find with these inputs. `None`: it has to look.
    pub fn left(&self, inputs: Inputs, now: Instant) -> Option<Duration> {
        let left = self.until.checked_duration_since(now)?;
        (self.inputs == inputs && !left.is_zero()).then_some(left)
    }
}

/// Whether everything is in order, and is reported so already.
pub fn is_in_order(
    server: &DittoServer,
    status: &DittoServerStatus,
    roll: &Roll,
    renewal: &Renewal,
) -> bool {
    let is_ready = has(status, ConditionType::Ready, ConditionStatus::True);
    is_ready
        && server.status.as_ref() == Some(status)
        && !server.spec.paused
        && reconcile_request::of(server).is_none()
        && *roll == Roll::Current
        && *renewal == Renewal::Current
}

#[cfg(test)]
mod tests;
