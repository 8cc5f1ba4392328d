//! Whether the operator or Kubernetes is working on something.

use super::{ConditionStatus, Finding, Reason, View, server, storage};
use crate::roll::{Roll, Waits};

/// Condition `Progressing`.
pub(super) fn progressing(view: &View<'_>) -> Finding {
    if view.instance.spec.paused {
        return Finding::no(Reason::Paused, "spec.paused is true");
    }
    if let Some(rolling) = rolling(view.roll) {
        return rolling;
    }
    let state = server::stateful_set(view);
    // Nothing moves until somebody has seen to the node.
    if state.reason == Reason::NodeUnreachable {
        return state;
    }
    if state.status != ConditionStatus::True && view.instance.startable().is_ok() {
        return Finding::yes(state.reason, state.message);
    }
    if let Some(growing) = storage::growing(view) {
        return Finding::yes(growing.reason, growing.message);
    }
    Finding::no(Reason::ReconcileComplete, "every object is up to date")
}

fn rolling(roll: &Roll) -> Option<Finding> {
    let is_now = match roll {
        Roll::NoPod | Roll::Current => return None,
        Roll::Now { .. } => true,
        Roll::Pending { waits_for, .. } => match waits_for {
            Waits::User => return None,
            Waits::Controller => true,
            Waits::Turn(_) => false,
        },
    };
    Some(if is_now {
        Finding::yes(Reason::Rolling, "the pod is being recreated")
    } else {
        Finding::yes(
            Reason::WaitingForTurn,
            "the pod is waiting for its turn to be recreated",
        )
    })
}

/// Condition `Paused`.
pub(super) fn paused(view: &View<'_>) -> Option<Finding> {
    view.instance.spec.paused.then(|| {
        Finding::yes(
            Reason::Paused,
            "spec.paused is true: the operator changes nothing until it is false",
        )
    })
}
