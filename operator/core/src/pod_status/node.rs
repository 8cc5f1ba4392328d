//! Whether the node of a pod still answers, as far as the pod shows it: the operator may not read nodes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus};
use std::time::Duration;

use super::server;

/// How much later than its deadline a kubelet that answers reports that a pod has stopped.
const REPORTS_WITHIN: Duration = Duration::from_secs(30);

/// A node that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostNode<'a> {
    /// Its name.
    pub name: &'a str,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// The node of a pod, if it does not answer.
pub fn lost_node(pod: &Pod, now: Timestamp) -> Option<LostNode<'_>> {
    let name = pod.spec.as_ref()?.node_name.as_deref()?;
    let status = pod.status.as_ref()?;
    if is_lost(status) {
        let ready = condition(status, "Ready");
        let since = ready.and_then(|ready| ready.last_transition_time.as_ref());
        let since = since.map(|time| time.0);
        return Some(LostNode { name, since });
    }
    let deadline = deadline(pod)?;
    (now >= deadline + REPORTS_WITHIN).then_some(LostNode {
        name,
        since: Some(deadline),
    })
}

/// How long until a pod that is being deleted shows that its node does not answer.
pub fn lost_in(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let left = (deadline(pod)? + REPORTS_WITHIN).duration_since(now);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

/// When a node stops reporting, the node controller sets the pod's condition `Ready` to `False` and leaves the rest
/// as the kubelet last reported it, so that containers still count as ready. An unmet readiness gate has the same
/// effect, except for the kubelet's reason.
pub(super) fn is_lost(status: &PodStatus) -> bool {
    let is = |r#type: &str, expected: &str| {
        condition(status, r#type).is_some_and(|condition| {
            condition.status == expected
                && condition.reason.as_deref() != Some("ReadinessGatesNotReady")
        })
    };
    is("Ready", "False") && is("ContainersReady", "True")
}

/// When the kubelet must have killed a server that it still reports as running, because the pod is being deleted. A pod
/// that was not ready before does not show in another way that its node is gone.
fn deadline(pod: &Pod) -> Option<Timestamp> {
    let deadline = pod.metadata.deletion_timestamp.as_ref()?.0;
    let runs = server(pod)?.state.as_ref()?.running.is_some();
    runs.then_some(deadline)
}

fn condition<'a>(status: &'a PodStatus, r#type: &str) -> Option<&'a PodCondition> {
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == r#type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_shared::names;
    use serde_json::{Value, json};

    fn pod(ready: &Value, containers_ready: &str, deleted: Option<&str>, state: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"deletionTimestamp": deleted},
            "spec": {"nodeName": "worker-1", "containers": []},
            "status": {
                "conditions": [ready, {"type": "ContainersReady", "status": containers_ready}],
                "containerStatuses": [{
                    "name": names::SERVER_CONTAINER, "image": "", "imageID": "", "restartCount": 0, "ready": true,
                    "state": state,
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_node_is_lost_when_its_pod_shows_that() {
        let at = "2026-01-01T00:00:00Z";
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let early: Timestamp = "2026-01-01T00:00:10Z".parse().unwrap();
        let ready = |status: &str, reason: Option<&str>| json!({"type": "Ready", "status": status, "reason": reason, "lastTransitionTime": at});
        let (running, ended) = (
            json!({"running": {}}),
            json!({"terminated": {"exitCode": 0}}),
        );
        let gate = Some("ReadinessGatesNotReady");
        for (what, expected, pod, now) in [
            (
                "well",
                false,
                pod(&ready("True", None), "True", None, &running),
                now,
            ),
            (
                "unready",
                false,
                pod(&ready("False", None), "False", None, &running),
                now,
            ),
            (
                "gated",
                false,
                pod(&ready("False", gate), "True", None, &running),
                now,
            ),
            (
                "lost",
                true,
                pod(&ready("False", None), "True", None, &running),
                now,
            ),
            (
                "being deleted",
                false,
                pod(&ready("False", None), "False", Some(at), &running),
                early,
            ),
            (
                "overdue",
                true,
                pod(&ready("False", None), "False", Some(at), &running),
                now,
            ),
            (
                "stopped",
                false,
                pod(&ready("False", None), "False", Some(at), &ended),
                now,
            ),
        ] {
            let found = lost_node(&pod, now);
            let expected = expected.then(|| LostNode {
                name: "worker-1",
                since: Some(at.parse().unwrap()),
            });
            assert_eq!(found, expected, "{what}");
        }
        assert_eq!(lost_node(&Pod::default(), now), None);
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_looked_at_again_in_time() {
        let at = "2026-01-01T00:00:00Z";
        let ready = json!({"type": "Ready", "status": "False"});
        let deleted = pod(&ready, "False", Some(at), &json!({"running": {}}));
        let now: Timestamp = "2026-01-01T00:00:10Z".parse().unwrap();
        assert_eq!(lost_in(&deleted, now), Some(Duration::from_secs(20)));
        assert_eq!(lost_in(&deleted, now + Duration::from_secs(20)), None);
        assert_eq!(lost_in(&pod(&ready, "False", None, &json!({})), now), None);
    }
}
