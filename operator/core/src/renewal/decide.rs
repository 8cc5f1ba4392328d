//! Whether the sidecar of a running pod is replaced.

use dittofs_shared::crd::SidecarUpdatePolicy;
use std::time::Duration;

use super::edit::Edit;
use super::facts::{PodFacts, Refused, State};
use super::{MAX_WAIT, OVERDUE, PROBATION, SLOWEST_START, Sidecar, left_of};

/// What to do about the sidecar, or what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// There is no pod, or it is being deleted: the next one gets the sidecar of the template.
    NoPod,
    /// The pod has the requested image.
    Current,
    /// The requested image is to be tried.
    Replace(Edit),
    /// The requested image does not run: the previous one is to be restored.
    PutBack(Edit, Refused),
    /// The image runs: the annotations for going back are to be removed.
    Settle(Edit),
    /// The image was changed, and is not proved yet.
    Replacing {
        /// When to reconcile again, unless an event comes first.
        requeue_after: Option<Duration>,
    },
    /// The requested image has failed, and is not tried again until another one is requested.
    Refused(Refused),
    /// The same image has failed in another pod.
    RefusedElsewhere(String),
    /// The limit of sidecars that are replaced at a time is reached.
    WaitsForOthers,
    /// The pod has not started yet.
    NotStarted,
    /// The next pod gets it.
    NextPod(NextPod),
    /// The API server refuses to change the pod.
    Forbidden(String),
}

/// Why the image is not changed in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextPod {
    /// `sidecar.updatePolicy` says so.
    Policy,
    /// The image may need something that the pod does not offer.
    Contract,
}

impl Renewal {
    /// Whether the sidecar is being replaced, so that it may be away for a moment.
    pub fn is_under_way(&self) -> bool {
        matches!(
            self,
            Self::Replace(_) | Self::Replacing { .. } | Self::Settle(_) | Self::PutBack(..)
        )
    }

    /// When to reconcile again, unless an event comes first.
    pub fn requeue_after(&self) -> Option<Duration> {
        match self {
            Self::Replacing { requeue_after } => *requeue_after,
            // An event wakes them. This covers changes without one, such as a deleted pod.
            Self::WaitsForOthers | Self::RefusedElsewhere(_) => Some(MAX_WAIT),
            _ => None,
        }
    }

    /// The image has been changed; the kubelet has to act.
    pub fn begun() -> Self {
        Self::Replacing {
            requeue_after: Some(OVERDUE),
        }
    }
}

/// Decides about the sidecar of the pod. `contract`: hash over what the template offers to an image.
pub fn decide(sidecar: &Sidecar, contract: &str) -> Renewal {
    let Some(pod) = &sidecar.pod else {
        return Renewal::NoPod;
    };
    if pod.image == sidecar.requested {
        return with_requested_image(sidecar, pod);
    }
    match &pod.refused {
        Some(refused) if refused.image == sidecar.requested => Renewal::Refused(refused.clone()),
        _ if sidecar.policy == SidecarUpdatePolicy::WithNextPod => {
            Renewal::NextPod(NextPod::Policy)
        }
        _ if pod.contract.as_deref() != Some(contract) => Renewal::NextPod(NextPod::Contract),
        _ if is_starting(pod) => Renewal::NotStarted,
        _ => Renewal::Replace(Edit::replace(pod, &sidecar.requested, sidecar.at)),
    }
}

/// A pod that may still start by itself is left alone.
fn is_starting(pod: &PodFacts) -> bool {
    match pod.state {
        State::Unreported => true,
        State::Starting => !pod.has_run && pod.previous.is_none(),
        State::Failing(_) | State::Running { .. } => false,
    }
}

fn with_requested_image(sidecar: &Sidecar, pod: &PodFacts) -> Renewal {
    let Some(previous) = &pod.previous else {
        return match pod.refused {
            Some(_) => Renewal::Settle(Edit::settle()),
            None => Renewal::Current,
        };
    };
    if let Some(why) = pod.failure(sidecar.at) {
        let refused = Refused {
            image: pod.image.clone(),
            reason: why.to_owned(),
        };
        return Renewal::PutBack(Edit::put_back(previous, &refused, sidecar.at), refused);
    }
    if pod.is_proved(sidecar.at) {
        return Renewal::Settle(Edit::settle());
    }
    // A pod that was created with the image, and has not started yet.
    if pod.replaced.is_none() && !matches!(pod.state, State::Running { .. }) {
        return Renewal::Current;
    }
    Renewal::Replacing {
        requeue_after: requeue_after(sidecar, pod),
    }
}

/// When the passing of time alone changes the decision.
fn requeue_after(sidecar: &Sidecar, pod: &PodFacts) -> Option<Duration> {
    let replaced = pod.replaced.as_ref();
    match &pod.state {
        State::Failing(_) => pod.left_of_staleness(sidecar.at),
        State::Running { since, .. } if pod.runs_own_image() => {
            left_of(*since, PROBATION, sidecar.at)
        }
        State::Running { .. } => left_of(replaced?.at, OVERDUE, sidecar.at),
        State::Starting => left_of(replaced?.at, SLOWEST_START, sidecar.at),
        State::Unreported => None,
    }
}
