//! What is wrong with the pod: what its own status says first, then what Events say.

mod advice;
pub(super) mod container;
mod log_line;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::ResourceExt as _;

use super::View;
use crate::warnings::{self, Warning, said};
use advice::Advice;
use container::Place;

/// What keeps the pod from being ready, and what to do.
pub(super) fn problem(view: &View<'_>) -> String {
    let status = view.pod.and_then(|pod| Some((pod, pod.status.as_ref()?)));
    let Some((pod, status)) = status else {
        return not_created(view);
    };
    let place = place(view);
    let explained = of_status(pod, status, &place);
    explained
        .or_else(|| warning(view, "Pod", &pod.name_any()).map(|warning| of_event(warning, &place)))
        .unwrap_or_else(|| unexplained(status, &place))
}

/// Whether the status of the pod says what is wrong, so that no Event has to.
pub(super) fn is_explained(view: &View<'_>, pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.is_some_and(|status| of_status(pod, status, &place(view)).is_some())
}

fn place<'a>(view: &View<'a>) -> Place<'a> {
    Place {
        namespace: &view.instance.namespace,
        instance: &view.instance.name,
    }
}

fn warning<'a>(view: &View<'a>, kind: &str, name: &str) -> Option<&'a Warning> {
    warnings::cause(view.warnings, kind, name)
}

/// There is no pod: the StatefulSet controller has not created it.
fn not_created(view: &View<'_>) -> String {
    let Some(set) = view.stateful_set.map(StatefulSet::name_any) else {
        return "the pod does not exist yet".to_owned();
    };
    let namespace = &view.instance.namespace;
    let Some(warning) = warning(view, "StatefulSet", &set) else {
        return format!(
            "the pod does not exist yet: if that lasts, `kubectl describe statefulset {set} -n {namespace}` shows why"
        );
    };
    let said = warning.said();
    // `create Pod files-0 in StatefulSet files failed error: pods "files-0" is forbidden: …`
    let (_, said) = said.split_once(" failed error: ").unwrap_or(("", &said));
    format!(
        "the pod cannot be created: {said}{}. The StatefulSet controller retries after up to 17 minutes; `kubectl rollout restart \
         statefulset {set} -n {namespace}` makes it retry at once",
        Advice::REFUSED.after(said, namespace)
    )
}

/// What the scheduler and the kubelet have written into the pod.
fn of_status(pod: &Pod, status: &PodStatus, place: &Place<'_>) -> Option<String> {
    ended(status)
        .or_else(|| container::first_problem(pod, status, place))
        .or_else(|| unscheduled(status, place))
}

/// A pod that has failed as a whole, such as by an eviction. The StatefulSet controller replaces it.
fn ended(status: &PodStatus) -> Option<String> {
    let message = status.message.as_deref()?;
    let reason = status.reason.as_deref().unwrap_or("Failed");
    (status.phase.as_deref() == Some("Failed")).then(|| {
        format!(
            "the pod has failed and is recreated: {reason}: {}",
            said(message)
        )
    })
}

fn unscheduled(status: &PodStatus, place: &Place<'_>) -> Option<String> {
    let said = scheduler_said(status)?;
    let advice = Advice::UNSCHEDULED.after(&said, place.namespace);
    Some(format!("the pod cannot be scheduled: {said}{advice}"))
}

/// Why the scheduler finds no node, if it does not.
pub(super) fn scheduler_said(status: &PodStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let message = condition.message.as_deref().unwrap_or("no reason given");
    // What follows only says that evicting other pods would not help either.
    let message = message.split(" preemption:").next().unwrap_or(message);
    Some(said(
        message.trim_end_matches(" no new claims to deallocate,"),
    ))
}

/// The pod has a node, and the kubelet or the storage driver reports something.
fn of_event(warning: &Warning, place: &Place<'_>) -> String {
    let said = warning.said();
    let what = match warning.reason.as_str() {
        "Unhealthy" => "the server does not pass its check",
        "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" => "a volume cannot be mounted",
        _ => "the pod does not start",
    };
    let advice = Advice::NOT_STARTED.after(&said, place.namespace);
    format!("{what}: {said}{advice}")
}

fn unexplained(status: &PodStatus, place: &Place<'_>) -> String {
    if container::is_being_created(status) {
        return format!(
            "the pod is being started: if that lasts, `{}` shows why",
            place.describe()
        );
    }
    "the pod is running but not ready yet".to_owned()
}

#[cfg(test)]
mod tests;
