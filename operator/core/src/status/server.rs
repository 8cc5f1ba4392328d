//! Whether the pod is ready and the server is running.

use k8s_openapi::api::apps::v1::StatefulSet;

use super::pod::problem;
use super::starting::starting;
use super::{ConditionType, Finding, Reason, View, node, sidecar};
use crate::generation::is_observed;
use crate::pod_status;

/// Whether no server is wanted.
pub(super) fn is_stopped(view: &View<'_>) -> bool {
    view.instance.spec.replicas == 0
}

/// How many pods there are.
pub(super) fn pods(set: &StatefulSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

/// Condition `StatefulSetReady`.
pub(super) fn stateful_set(view: &View<'_>) -> Finding {
    let Some(set) = view.stateful_set else {
        return Finding::no(
            Reason::StatefulSetMissing,
            "the StatefulSet has not been created yet",
        );
    };
    if set.metadata.deletion_timestamp.is_some() {
        return Finding::no(
            Reason::StatefulSetTerminating,
            "the StatefulSet is being deleted and will be recreated; the pod keeps running",
        );
    }
    let unnoticed = sidecar::is_tolerated(view, ConditionType::StatefulSetReady);
    if !is_observed(set) && !sidecar::pod_stays_ready(view) {
        return Finding::no(
            Reason::StatefulSetNotObserved,
            "the StatefulSet controller has not observed the latest change yet",
        );
    }
    let status = set.status.as_ref();
    let ready = status
        .and_then(|status| status.ready_replicas)
        .unwrap_or_default();
    let wanted = view.instance.spec.replicas;
    if wanted == 0 && pods(set) > 0 {
        let stopping = || Finding::no(Reason::Stopping, "the pod is being stopped");
        return node::unreachable(view).map_or_else(stopping, |message| {
            Finding::no(Reason::NodeUnreachable, message)
        });
    }
    if ready >= wanted {
        return Finding::yes(
            Reason::ReplicasReady,
            format!("{ready} of {wanted} pods ready"),
        );
    }
    if unnoticed {
        return Finding::yes(
            Reason::ReplicasReady,
            "the server is running; its sidecar is being restarted",
        );
    }
    not_ready(view, Reason::PodNotReady)
}

/// The cause before its consequences.
fn not_ready(view: &View<'_>, reason: Reason) -> Finding {
    if let Some(message) = node::unreachable(view) {
        return Finding::no(Reason::NodeUnreachable, message);
    }
    let stopping = node::stopping(view).map(|message| Finding::no(reason, message));
    stopping
        .or_else(|| starting(view))
        .unwrap_or_else(|| Finding::no(reason, problem(view)))
}

/// Condition `Available`. What the kubelet reported last says nothing once its node does not answer.
pub(super) fn available(view: &View<'_>) -> Finding {
    if is_stopped(view) {
        return Finding::no(Reason::ScaledToZero, "spec.replicas is 0");
    }
    if let Some(message) = node::unreachable(view) {
        return Finding::unknown(Reason::NodeUnreachable, message);
    }
    if view.pod.is_some_and(pod_status::is_serving) {
        return Finding::yes(Reason::ServerRunning, "the server container is running");
    }
    not_ready(view, Reason::ServerNotRunning)
}
