//! Pure: whether the server pod must be recreated, and why.
//!
//! The template of the StatefulSet is always up to date, and a pod gets it whenever it is next recreated. The
//! operator itself recreates a pod only when something differs that a running server cannot take up.

mod directory;
mod hash;

use dittofs_shared::crd::RollPolicy;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use crate::brake::Queue;
use crate::digest::short_digest;
use crate::generation;
use crate::pod_status::{self, RestartReason};
pub use directory::Directory;
pub use hash::{Hashes, hashes, not_applied};

/// What is to be done about the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roll {
    /// There is no pod, or it is being deleted: the StatefulSet creates the next one.
    NoPod,
    /// The pod needs no restart.
    Current,
    /// The pod must be recreated, and may be.
    Now {
        /// What has changed.
        changed: String,
        /// Whether the restart takes a server out of service that clients use, so that it must wait for its turn.
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
    /// The StatefulSet controller, which would create the pod from the old template.
    Controller,
    /// Servers of other instances: the number out of service at a time is limited.
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
    let is_observed =
        stateful_set.metadata.deletion_timestamp.is_none() && generation::is_observed(stateful_set);
    let of_latest = pod_status::is_of_latest_revision(pod, stateful_set);
    if is_observed && of_latest == Some(true) {
        // The next pod would be the same, even if the annotations of this one were changed.
        return Roll::Current;
    }
    // This pod has served no client, so its restart needs no better time.
    let never_ran = !pod_status::has_started(pod);
    let is_older = is_observed && of_latest == Some(false);
    let reason = pod_status::restart_reason(stateful_set, pod);
    let is_requested = reason == Some(RestartReason::Requested);
    let changed = match reason {
        Some(reason) => reason.to_string(),
        None if never_ran && is_older => {
            "its template changed, and the pod has never started".to_owned()
        }
        None => return Roll::Current,
    };
    if !is_observed {
        return Roll::Pending {
            changed,
            waits_for: Waits::Controller,
        };
    }
    if policy == RollPolicy::Manual && !is_requested && !never_ran {
        return Roll::Pending {
            changed,
            waits_for: Waits::User,
        };
    }
    Roll::Now {
        changed,
        in_turn: pod_status::is_serving(pod) && !is_requested,
    }
}

#[cfg(test)]
mod tests;
