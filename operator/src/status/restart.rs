//! Whether the server has to be restarted, and what that waits for.

use super::{Finding, View};
use crate::roll::{Roll, Waits};

/// Condition `RollPending`.
pub(super) fn pending(view: &View<'_>) -> Finding {
    match view.roll {
        Roll::NoPod => Finding::no("NoPod", "the next pod gets the latest template"),
        Roll::Current => Finding::no("UpToDate", "the pod needs no restart"),
        Roll::Now(changed) => {
            Finding::yes("Rolling", format!("the pod is being recreated: {changed}"))
        }
        Roll::Pending {
            changed,
            waits_for: Waits::Controller,
        } => Finding::yes(
            "WaitingForController",
            format!("the pod will be recreated: {changed}"),
        ),
        Roll::Pending {
            changed,
            waits_for: Waits::User,
        } => Finding::yes(
            "Manual",
            format!(
                "{changed}, and spec.rollPolicy is Manual: run `kubectl rollout restart statefulset/{} -n {}` when it suits you",
                view.instance.name, view.instance.namespace
            ),
        ),
    }
}
