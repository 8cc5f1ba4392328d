//! A server that takes its time to start.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::{Finding, View};

/// What is said while the server container runs and has not answered yet. `None`: there is no such container.
pub(super) fn starting(view: &View<'_>) -> Option<Finding> {
    let server = server(view.pod?)?;
    let running = server.state.as_ref()?.running.as_ref()?;
    if server.started == Some(true) {
        return None;
    }
    let since = running
        .started_at
        .as_ref()
        .map(|time| format!(" since {}", time.0))
        .unwrap_or_default();
    let before = match server.restart_count {
        0 => String::new(),
        1 => ". It was restarted once before".to_owned(),
        restarts => format!(". It was restarted {restarts} times before"),
    };
    let timeout = &view.instance.spec.startup_timeout;
    Some(Finding::no(
        "ServerStarting",
        format!(
            "the server has been starting{since}: it answers once all its stores are open, and is restarted when that takes longer than \
             spec.startupTimeout, {timeout}{before}"
        ),
    ))
}

/// The container of the server in a pod that the kubelet has reported on.
pub(super) fn server(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    statuses
        .iter()
        .find(|container| container.name == names::SERVER_CONTAINER)
}
