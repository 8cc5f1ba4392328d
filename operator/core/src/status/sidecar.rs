//! Whether the sidecar has the requested image, and which conditions do not change while it is being restarted.

use dittofs_shared::labels;

use super::{ConditionStatus, ConditionType, Finding, Reason, View, has};
use crate::renewal::{NextPod, Refused, Renewal, State};
use crate::roll::Roll;

/// Condition `SidecarUpToDate`. Files are served in every case, so it does not count for `Ready`.
pub(super) fn up_to_date(view: &View<'_>) -> Finding {
    let image = &view.instance.sidecar.requested;
    if view.instance.spec.paused
        && matches!(view.renewal, Renewal::Replace(_) | Renewal::PutBack(..))
    {
        let message =
            format!("spec.paused is true: the sidecar gets image {image} once it is false");
        return Finding::no(Reason::Paused, message);
    }
    match view.renewal {
        Renewal::NoPod => Finding::unknown(Reason::NoPod, "there is no pod"),
        Renewal::Current => {
            Finding::yes(Reason::UpToDate, format!("the sidecar has image {image}"))
        }
        Renewal::Replace(_) | Renewal::Replacing { .. } | Renewal::Settle(_) => Finding::no(
            Reason::Replacing,
            format!("the sidecar is being restarted with image {image}; the server keeps running"),
        ),
        Renewal::PutBack(_, refused) | Renewal::Refused(refused) => refusal(view, refused),
        Renewal::RefusedElsewhere(pod) => Finding::no(
            Reason::ImageRefusedElsewhere,
            format!(
                "image {image} does not run in pod {pod}, so it is not tried here: fix it in pod {pod} first"
            ),
        ),
        Renewal::Forbidden(reason) => Finding::no(
            Reason::Forbidden,
            format!(
                "the operator may not change the sidecar's image: {reason}. Apply the manifests of this version of the operator, \
                 which grant it the right to patch pods"
            ),
        ),
        Renewal::WaitsForOthers => Finding::no(
            Reason::WaitingForOthers,
            format!(
                "the sidecar gets image {image} after others: only a few sidecars are replaced at a time"
            ),
        ),
        Renewal::NotStarted => Finding::no(
            Reason::PodNotStarted,
            format!("the sidecar gets image {image} once the pod has started"),
        ),
        Renewal::NextPod(why) => with_next_pod(*why, image),
    }
}

fn refusal(view: &View<'_>, refused: &Refused) -> Finding {
    let what = if refused.is_about_image() {
        "does not run"
    } else {
        "could not be set"
    };
    let message = format!(
        "image {} {what} ({}), so the sidecar keeps its previous image: correct the image, or retry this one with \
         `kubectl annotate pod {}-0 -n {} {}-`",
        refused.image,
        refused.reason,
        view.instance.name,
        view.instance.namespace,
        labels::SIDECAR_REFUSED_IMAGE,
    );
    Finding::no(Reason::ImageRefused, message)
}

fn with_next_pod(why: NextPod, image: &str) -> Finding {
    match why {
        NextPod::Policy => Finding::no(
            Reason::WithNextPod,
            format!("spec.sidecar.updatePolicy is WithNextPod: the next pod gets image {image}"),
        ),
        NextPod::Contract => Finding::no(
            Reason::NeedsNextPod,
            format!(
                "the next pod gets image {image}: other settings of the sidecar container have changed too, and they cannot be \
                 changed in a running pod"
            ),
        ),
    }
}

/// Whether the server is running and only its sidecar is briefly away, without a problem of its own. Clients do not
/// notice, so no condition changes.
fn is_away_alone(view: &View<'_>) -> bool {
    let Some(pod) = &view.instance.sidecar.pod else {
        return false;
    };
    // The previous image has just been restored, which the cached pod does not show yet.
    let put_back = matches!(view.renewal, Renewal::Refused(_)) && pod.refused.is_none();
    let failing = matches!(pod.state, State::Failing(_));
    let is_exchanged = failing && (view.renewal.is_under_way() || put_back);
    pod.server_runs && (is_exchanged || pod.is_away(view.instance.sidecar.at))
}

/// Whether a template that was only just written concerns the next pod alone: the present one is ready, or would be
/// with its sidecar, and is kept.
pub(super) fn pod_stays_ready(view: &View<'_>) -> bool {
    let pod = view.instance.sidecar.pod.as_ref();
    let is_ready = pod.is_some_and(|pod| pod.server_runs && pod.is_ready);
    matches!(view.roll, Roll::Current)
        && was_true(view, ConditionType::StatefulSetReady)
        && (is_ready || is_away_alone(view))
}

/// Whether only the sidecar is away, and this condition was True before.
pub(super) fn is_tolerated(view: &View<'_>, condition: ConditionType) -> bool {
    was_true(view, condition) && is_away_alone(view)
}

fn was_true(view: &View<'_>, condition: ConditionType) -> bool {
    let previous = view.previous;
    previous.is_some_and(|previous| has(previous, condition, ConditionStatus::True))
}
