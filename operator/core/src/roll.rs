//! Pure: whether the server pod must be recreated, and why.
//!
//! The template of the StatefulSet is always what we want now, and a pod gets it whenever it is next recreated. The
//! operator itself recreates a pod only when something differs that a running server cannot take up.

mod directory;
mod hash;

use dittofs_shared::crd::RollPolicy;
use dittofs_shared::labels;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use crate::brake::Queue;
use crate::digest::{differing_parts, short_digest};
use crate::pod_status;
pub use directory::Directory;
pub use hash::{Hashes, hashes, not_applied};

/// What is to be done about the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roll {
    /// There is no pod, or it is on its way out: the StatefulSet takes care.
    NoPod,
    /// The pod is as it should be.
    Current,
    /// The pod must be recreated, and may be.
    Now {
        /// What has changed.
        changed: String,
        /// Whether the restart takes a server out of service that clients use, so that it has to be its turn.
        in_turn: bool,
    },
    /// The pod must be recreated, and something must happen first.
    Pending {
        /// What has changed.
        changed: String,
        /// What must happen first.
        waits_for: Waits,
    },
}

/// What a roll waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The user: `rollPolicy` is Manual.
    User,
    /// The controller of the StatefulSet: it would make the pod from the old template.
    Controller,
    /// Servers of other instances: only so many may be out of service at a time.
    Turn(Queue),
}

/// Hash over the text of the configuration, as the status has it.
pub fn config_hash(config: &str) -> String {
    short_digest(&config)
}

/// Decides about the pod.
pub fn decide(policy: RollPolicy, stateful_set: Option<&StatefulSet>, pod: Option<&Pod>) -> Roll {
    let (Some(stateful_set), Some(pod)) = (stateful_set, pod) else {
        return Roll::NoPod;
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return Roll::NoPod;
    }
    let status = stateful_set.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    let is_observed = stateful_set.metadata.deletion_timestamp.is_none()
        && observed == stateful_set.metadata.generation;
    let of_latest = pod_status::is_of_latest_revision(pod, stateful_set);
    if is_observed && of_latest == Some(true) {
        // The next pod would be the same, whatever somebody has written to this one.
        return Roll::Current;
    }
    // Whatever the template has now, this pod has served nobody, and cannot be waiting for a better hour.
    let never_ran = !pod_status::has_started(pod);
    let is_older = is_observed && of_latest == Some(false);
    let (changed, restart) = match reason(stateful_set, pod) {
        Some(reason) => reason,
        None if never_ran && is_older => (
            "it has never started, and its template changed".to_owned(),
            false,
        ),
        None => return Roll::Current,
    };
    if !is_observed {
        return Roll::Pending {
            changed,
            waits_for: Waits::Controller,
        };
    }
    if policy == RollPolicy::Manual && !restart && !never_ran {
        return Roll::Pending {
            changed,
            waits_for: Waits::User,
        };
    }
    Roll::Now {
        changed,
        in_turn: pod_status::is_serving(pod) && !restart,
    }
}

/// Whether the pod is as the template wants it, as far as a running server cares.
pub fn is_current(stateful_set: &StatefulSet, pod: &Pod) -> bool {
    reason(stateful_set, pod).is_none()
}

/// What a running server must be restarted for, and whether somebody has asked for just that. `None`: nothing.
fn reason(stateful_set: &StatefulSet, pod: &Pod) -> Option<(String, bool)> {
    let template = stateful_set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let template = template.and_then(|template| template.annotations.as_ref());
    let wanted = |key: &str| template.and_then(|all| all.get(key)).map(String::as_str);
    let has = |key: &str| pod.annotations().get(key).map(String::as_str);
    // A StatefulSet that was made again does not know of the restarts before.
    let asked = wanted(labels::RESTARTED_AT).filter(|asked| !asked.is_empty());
    if asked.is_some() && asked != has(labels::RESTARTED_AT) {
        return Some(("a restart was asked for".to_owned(), true));
    }
    // Like with like: pods that releases without this annotation have made, and templates that one has written, have
    // the first form only.
    let (wanted, has) = match (wanted(labels::ROLL_INPUTS), has(labels::ROLL_INPUTS)) {
        (Some(wanted), Some(has)) => (wanted, has),
        _ => (
            wanted(labels::ROLL_HASH).unwrap_or_default(),
            has(labels::ROLL_HASH).unwrap_or_default(),
        ),
    };
    let changed = differing_parts(wanted, has);
    (!changed.is_empty()).then(|| (format!("{} changed", changed.join(", ")), false))
}

#[cfg(test)]
mod tests;
