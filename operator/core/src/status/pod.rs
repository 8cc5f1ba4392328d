//! What is wrong with the pod.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// What keeps the pod from being ready, as the scheduler or the kubelet reports it.
pub(super) fn problem(pod: Option<&Pod>) -> String {
    let Some(status) = pod.and_then(|pod| pod.status.as_ref()) else {
        return "the pod does not exist yet".to_owned();
    };
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        return format!(
            "the pod cannot be scheduled: {}",
            condition.message.as_deref().unwrap_or("no reason given")
        );
    }
    let containers = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    match containers
        .filter(|container| !container.ready)
        .find_map(container_problem)
    {
        Some(problem) => problem,
        None => "the pod is running but not ready yet".to_owned(),
    }
}

fn container_problem(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("no reason given");
        let message = waiting
            .message
            .as_deref()
            .map(|message| format!(" ({message})"))
            .unwrap_or_default();
        return Some(format!(
            "container {} is waiting: {reason}{message}",
            container.name
        ));
    }
    let ended = state.terminated.as_ref()?;
    Some(format!(
        "container {} exited with code {}",
        container.name, ended.exit_code
    ))
}
