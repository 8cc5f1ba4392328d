//! Pure: what a new instance has not reached yet is reported only if it lasts. Otherwise it would report every step of its
//! start.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::status::{ConditionType, Reason};

/// A pod is scheduled, its volumes are mounted and its server has started meanwhile, and Events about its trouble have been
/// looked into, so that the report says why it lasts.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// The conditions of a new instance that are on their way. It may be lost: by the times in the status it is known what has
/// been reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Awaited(BTreeMap<&'static str, Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    reason: Reason,
    since: Timestamp,
    is_told: bool,
}

impl Step {
    fn left(&self, now: Timestamp) -> SignedDuration {
        PATIENCE - now.duration_since(self.since)
    }
}

impl Awaited {
    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A condition is on its way. `known_since`: since when the status has said so, if it has. What it has said for long
    /// has been reported, maybe by an operator that is no longer.
    pub(super) fn wait(
        &mut self,
        r#type: ConditionType,
        reason: Reason,
        known_since: Option<Timestamp>,
        now: Timestamp,
    ) {
        let known = self.0.get(r#type.as_str());
        if known.is_none_or(|known| known.reason != reason) {
            let since = known_since.unwrap_or(now);
            let step = Step {
                reason,
                since,
                is_told: now.duration_since(since) >= PATIENCE,
            };
            self.0.insert(r#type.as_str(), step);
        }
    }

    /// A condition is to be reported together with `other`, which is on its way.
    pub(super) fn join(&mut self, r#type: ConditionType, reason: Reason, other: ConditionType) {
        let Some(other) = self.0.get(other.as_str()) else {
            return;
        };
        let step = Step {
            reason,
            since: other.since,
            is_told: false,
        };
        self.0.insert(r#type.as_str(), step);
    }

    /// Only these conditions are there.
    pub(super) fn keep(&mut self, conditions: &[Condition]) {
        self.0
            .retain(|r#type, _| conditions.iter().any(|one| one.type_ == *r#type));
    }

    /// A condition is not on its way, or no longer. Returns whether it has been with this reason, and nobody was told.
    pub(super) fn end(&mut self, r#type: ConditionType, reason: Reason) -> bool {
        let ended = self.0.remove(r#type.as_str());
        ended.is_some_and(|step| !step.is_told && step.reason == reason)
    }

    /// Whether a condition is on its way, and nobody was told.
    pub(super) fn is_untold(&self, r#type: ConditionType) -> bool {
        self.0
            .get(r#type.as_str())
            .is_some_and(|step| !step.is_told)
    }

    /// Whether a condition has been on its way for so long that it is to be reported now.
    pub(super) fn is_due(&self, r#type: ConditionType, now: Timestamp) -> bool {
        let step = self.0.get(r#type.as_str());
        step.is_some_and(|step| !step.is_told && !step.left(now).is_positive())
    }

    /// A condition has been reported.
    pub(super) fn tell(&mut self, r#type: ConditionType) {
        if let Some(step) = self.0.get_mut(r#type.as_str()) {
            step.is_told = true;
        }
    }

    /// When the next one is to be reported.
    pub fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let untold = self.0.values().filter(|step| !step.is_told);
        let left = untold.map(|step| step.left(now)).min()?;
        Some(left.max(SignedDuration::ZERO).unsigned_abs())
    }
}
