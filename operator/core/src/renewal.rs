//! Pure: whether a running pod gets a new sidecar, and which sidecar the next pod gets.
//!
//! Images of a live pod may be changed, also that of a native sidecar: the kubelet then restarts this container alone. Nothing
//! else of it can be changed, so an image is changed in place only where the pod offers all that the template would offer it,
//! which a hash tells: the contract.
//!
//! Nothing is remembered outside of the cluster. Annotations on the pod say which image was asked for, which one to go back to
//! while the new one has not proved itself, and which one was tried in vain; the template carries them from pod to pod.

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

/// How long a new sidecar has to run until it counts as good. A program that ends at its start is in `CrashLoopBackOff` by then.
const PROBATION: Duration = Duration::from_secs(10);
/// How long a kubelet may take to restart a sidecar whose image was changed. After that the sidecar is asked to end.
const OVERDUE: Duration = Duration::from_secs(30);
/// How much later than the container the process in it may begin.
const BEGINNING: Duration = Duration::from_secs(10);
/// How long what a status says may be of the image before, where nothing ran when the image was changed.
const STALE: Duration = Duration::from_secs(20);
/// How long a new sidecar may take to be started. Where the one before has ended with exit code 0, the kubelet never says in the
/// status why the next one does not start.
const SLOWEST_START: Duration = Duration::from_mins(2);
/// How far the clock that a replacement was noted down by may be ahead of ours.
const MOST_AHEAD: Duration = Duration::from_mins(1);
/// Whoever waits for others looks again this often.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A replacement that takes longer than this, on a dead node for example, does not hold up the others.
const LONGEST_TURN: Duration = Duration::from_mins(10);

/// What is known of the sidecar of an instance.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// Image that is asked for.
    pub asked: String,
    /// When a running pod gets it.
    pub policy: SidecarUpdatePolicy,
    /// When the facts were looked at.
    pub at: Timestamp,
    /// Of the pod, unless there is none or it is being deleted.
    pub pod: Option<PodFacts>,
    /// Of the template in the StatefulSet, if there is one.
    pub template: Option<TemplateFacts>,
}

impl Sidecar {
    /// A sidecar that was started before this moment has to end: its kubelet has not restarted it although its image was
    /// changed long ago. By the clock of the node.
    pub fn end_if_started_before(&self) -> Option<Timestamp> {
        let pod = self.pod.as_ref()?;
        let replaced = pod.replaced.as_ref().filter(|_| pod.previous.is_some())?;
        let State::Running { container, since } = &pod.state else {
            return None;
        };
        let untouched = replaced.container.as_ref() == Some(container);
        let overdue = has_passed(replaced.at, OVERDUE, self.at);
        (untouched && overdue).then_some(())?;
        since.checked_add(BEGINNING).ok()
    }
}

/// Hash over what an image must get along with.
pub fn contract(offered: &impl Serialize) -> String {
    short_digest(offered)
}

/// Whether some time has passed since a moment. Clocks of different machines differ: a moment that is yet to come has not.
fn has_passed(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    left_of(since, time, now).is_none()
}

/// What is left of some time that began at a moment.
fn left_of(since: Timestamp, time: Duration, now: Timestamp) -> Option<Duration> {
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    time.checked_sub(passed).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests;
