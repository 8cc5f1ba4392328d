//! What a running pod says about its server: its status, and the annotations that it was created with.

mod node;
mod restart;
mod serving;

use dittofs_shared::names;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt as _;

pub use node::{LostNode, lost_in, lost_node};
pub use restart::{RestartReason, restart_reason};
pub use serving::serves;

/// Label with the ControllerRevision that a pod was created from.
const REVISION: &str = "controller-revision-hash";

/// Whether the server container of this pod has ever run. For a container that it failed to start, containerd reports
/// the Unix epoch as the time of its start.
pub fn has_started(pod: &Pod) -> bool {
    server(pod).is_some_and(|container| {
        container.started == Some(true)
            || container.state.as_ref().is_some_and(ran)
            || container.last_state.as_ref().is_some_and(ran)
    })
}

/// Whether its server runs and has started up. The pod may be unready: without its sidecar it is, but clients are
/// still served.
pub fn is_serving(pod: &Pod) -> bool {
    server(pod).is_some_and(|container| {
        let state = container.state.as_ref();
        container.started == Some(true) && state.is_some_and(|state| state.running.is_some())
    })
}

/// The server's container, as the kubelet has reported it.
pub fn server(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let mut statuses = statuses.iter();
    statuses.find(|container| container.name == names::SERVER_CONTAINER)
}

fn ran(state: &ContainerState) -> bool {
    let ended = state.terminated.as_ref();
    let began = ended.and_then(|ended| ended.started_at.as_ref());
    state.running.is_some() || began.is_some_and(|began| began.0 > Timestamp::UNIX_EPOCH)
}

/// Whether the pod is ready, by its own condition.
pub fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether the pod was created from the present template. `None`: the StatefulSet controller has not reported that.
pub fn is_of_latest_revision(pod: &Pod, stateful_set: &StatefulSet) -> Option<bool> {
    let latest = stateful_set.status.as_ref()?.update_revision.as_ref()?;
    let has = pod.labels().get(REVISION)?;
    Some(has == latest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(container: &Value) -> Pod {
        let mut container = container.clone();
        for (key, value) in [
            ("name", json!(names::SERVER_CONTAINER)),
            ("image", json!("")),
            ("imageID", json!("")),
            ("ready", json!(false)),
            ("restartCount", json!(3)),
        ] {
            container[key] = value;
        }
        serde_json::from_value(json!({"status": {"containerStatuses": [container]}})).unwrap()
    }

    #[test]
    fn a_server_has_started_when_it_runs_or_has_run() {
        let ended = |at: &str| json!({"terminated": {"exitCode": 1, "startedAt": at}});
        let at = "2026-01-01T00:00:00Z";
        for (container, expected) in [
            (json!({}), false),
            (
                json!({"state": {"waiting": {"reason": "ImagePullBackOff"}}}),
                false,
            ),
            (
                json!({"state": {"running": {"startedAt": at}}, "started": false}),
                true,
            ),
            (json!({"state": ended(at)}), true),
            (
                json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(at)}),
                true,
            ),
            (
                json!({"state": {"waiting": {"reason": "RunContainerError"}}, "lastState": ended("1970-01-01T00:00:00Z")}),
                false,
            ),
            (json!({"state": {"terminated": {"exitCode": 128}}}), false),
        ] {
            assert_eq!(has_started(&pod(&container)), expected, "{container}");
        }
        assert!(!has_started(&Pod::default()));
    }
}
