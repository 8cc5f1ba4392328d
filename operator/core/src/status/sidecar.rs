//! Whether the pod has the sidecar that is asked for, and what is not to be made of one that is away for a moment.

use dittofs_shared::labels;

use super::{Finding, View, find};
use crate::renewal::{NextPod, Refused, Renewal, State};
use crate::roll::Roll;

/// Condition `SidecarUpToDate`. The files are served in every case, so that `Ready` does not depend on it.
pub(super) fn up_to_date(view: &View<'_>) -> Finding {
    let image = &view.instance.sidecar.asked;
    if view.instance.spec.paused
        && matches!(view.renewal, Renewal::Replace(_) | Renewal::PutBack(..))
    {
        let message =
            format!("spec.paused is true: the sidecar gets image {image} when it is false");
        return Finding::no("Paused", message);
    }
    match view.renewal {
        Renewal::NoPod => Finding::unknown("NoPod", "there is no pod"),
        Renewal::Current => Finding::yes("UpToDate", format!("the pod has image {image}")),
        Renewal::Replace(_) | Renewal::Replacing { .. } | Renewal::Settle(_) => Finding::no(
            "Replacing",
            format!("the sidecar is restarted with image {image}; the server is not restarted"),
        ),
        Renewal::PutBack(_, refused) | Renewal::Refused(refused) => refusal(view, refused),
        Renewal::RefusedElsewhere(pod) => Finding::no(
            "ImageRefusedElsewhere",
            format!(
                "image {image} does not run in pod {pod}, so it is not tried here until that is resolved"
            ),
        ),
        Renewal::Forbidden(reason) => Finding::no(
            "Forbidden",
            format!(
                "the operator may not change the image of the sidecar: {reason}. Apply the manifests of this version of the \
                 operator, which have the right to patch pods"
            ),
        ),
        Renewal::WaitsForOthers => Finding::no(
            "WaitingForOthers",
            format!(
                "the sidecar gets image {image} when other sidecars have been replaced: a few at a time"
            ),
        ),
        Renewal::NotStarted => Finding::no(
            "PodNotStarted",
            format!("the sidecar gets image {image} when the pod has started"),
        ),
        Renewal::NextPod(why) => with_next_pod(*why, image),
    }
}

fn refusal(view: &View<'_>, refused: &Refused) -> Finding {
    let what = if refused.is_about_image() {
        "does not run"
    } else {
        "cannot be set"
    };
    let message = format!(
        "image {} {what} ({}), so the sidecar keeps the image it had: correct the image, or try this one again with \
         `kubectl annotate pod {}-0 -n {} {}-`",
        refused.image,
        refused.reason,
        view.instance.name,
        view.instance.namespace,
        labels::SIDECAR_REFUSED_IMAGE,
    );
    Finding::no("ImageRefused", message)
}

fn with_next_pod(why: NextPod, image: &str) -> Finding {
    match why {
        NextPod::Policy => Finding::no(
            "WithNextPod",
            format!("spec.sidecar.updatePolicy is WithNextPod: the next pod gets image {image}"),
        ),
        NextPod::Contract => Finding::no(
            "NeedsNextPod",
            format!(
                "the next pod gets image {image}: other settings of the sidecar's container have changed, too, which a \
                 running pod cannot take up"
            ),
        ),
    }
}

/// Whether the server runs, and only its sidecar is away, for a moment and not for trouble of its own. Then clients see nothing
/// of it, and neither does whoever reads the conditions.
fn is_away_alone(view: &View<'_>) -> bool {
    let Some(pod) = &view.instance.sidecar.pod else {
        return false;
    };
    // The image before has just been asked back, which the copy of the pod does not show yet.
    let put_back = matches!(view.renewal, Renewal::Refused(_)) && pod.refused.is_none();
    let failing = matches!(pod.state, State::Failing(_));
    let is_exchanged = failing && (view.renewal.is_under_way() || put_back);
    pod.server_runs && (is_exchanged || pod.is_away(view.instance.sidecar.at))
}

/// Whether a template that was only just written concerns the next pod alone: the one that runs is ready, or would be with its
/// sidecar, and stays.
pub(super) fn pod_stays_ready(view: &View<'_>) -> bool {
    let pod = view.instance.sidecar.pod.as_ref();
    let is_ready = pod.is_some_and(|pod| pod.server_runs && pod.is_ready);
    matches!(view.roll, Roll::Current)
        && was_true(view, "StatefulSetReady")
        && (is_ready || is_away_alone(view))
}

/// Whether the sidecar is away alone, and this condition was true before.
pub(super) fn goes_unnoticed(view: &View<'_>, condition: &str) -> bool {
    was_true(view, condition) && is_away_alone(view)
}

fn was_true(view: &View<'_>, condition: &str) -> bool {
    let before = view.previous.and_then(|previous| find(previous, condition));
    before.is_some_and(|before| before.status == "True")
}
