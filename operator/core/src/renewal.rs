//! Pure: whether a running pod gets a new sidecar, and which sidecar the next pod gets.
//!
//! The image of a container in a live pod may be changed, also that of a native sidecar: the kubelet then restarts
//! only this container. No other field can, so an image is changed in place only if the pod offers it all that the
//! template would offer. A hash over that, the contract, shows whether it does.
//!
//! All state is in the cluster. Annotations on the pod name the image that was requested, the one to go back to until
//! the new one is proved, and the one that failed; the template carries them from pod to pod.

mod decide;
mod edit;
mod facts;
mod template;

use dittofs_shared::crd::SidecarUpdatePolicy;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

use crate::digest::short_digest;
pub use decide::{NextPod, Renewal, decide};
pub use edit::Edit;
pub use facts::{PodFacts, Refused, State, TemplateFacts};
pub use template::{Chosen, choose};

/// How long a new sidecar has to run until it is proved. A program that exits at startup is in `CrashLoopBackOff` by
/// then.
const PROBATION: Duration = Duration::from_secs(10);
/// How long a kubelet may take to restart a sidecar whose image was changed. After that the sidecar is asked to exit.
const OVERDUE: Duration = Duration::from_secs(30);
/// How much later than the container its process may start.
const BEGINNING: Duration = Duration::from_secs(10);
/// How long a status may still describe the previous image, if nothing ran when the image was changed.
const STALE: Duration = Duration::from_secs(20);
/// How long a new sidecar may take to start. If the previous one exited with code 0, the kubelet never reports in the
/// status why the next one does not start.
const SLOWEST_START: Duration = Duration::from_mins(2);
/// How far the clock that recorded a replacement may be ahead of ours.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(1);
/// An instance that waits for others is reconciled this often.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// A replacement that takes longer than this, on a dead node for example, does not hold up the others.
const MAX_TURN: Duration = Duration::from_mins(10);

/// The sidecar of an instance: what is requested, and what was observed.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// The requested image.
    pub requested: String,
    /// When a running pod gets it.
    pub policy: SidecarUpdatePolicy,
    /// When it was observed.
    pub at: Timestamp,
    /// Of the pod, unless there is none or it is being deleted.
    pub pod: Option<PodFacts>,
    /// Of the template in the StatefulSet, if there is one.
    pub template: Option<TemplateFacts>,
}

impl Sidecar {
    /// A sidecar that started before this moment has to exit: its image was changed long ago, but the kubelet has not
    /// restarted it. By the clock of the node.
    pub fn end_if_started_before(&self) -> Option<Timestamp> {
        let pod = self.pod.as_ref()?;
        let replaced = pod.replaced.as_ref().filter(|_| pod.previous.is_some())?;
        let State::Running { since, .. } = &pod.state else {
            return None;
        };
        let overdue = has_passed(replaced.at, OVERDUE, self.at);
        (!pod.runs_own_image() && overdue).then_some(())?;
        since.checked_add(BEGINNING).ok()
    }
}

/// Hash over what an image relies on.
pub fn contract(offered: &impl Serialize) -> String {
    short_digest(offered)
}

/// Whether some time has passed since a moment. The moment may be in the future, because clocks differ.
fn has_passed(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    left_of(since, time, now).is_none()
}

/// What is left of a time span that began at a moment.
fn left_of(since: Timestamp, time: Duration, now: Timestamp) -> Option<Duration> {
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    time.checked_sub(passed).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests;
