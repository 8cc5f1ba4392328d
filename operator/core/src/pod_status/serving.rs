//! Whether the server in the pod serves, as far as the kubelet has reported. The PodDisruptionBudget depends on it.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::Pod;

use super::node::is_lost;
use super::{is_serving, server};

/// Whether the server is known to serve. The pod as a whole may be unready because of its sidecar.
pub fn serves(pod: &Pod) -> bool {
    let is_lost = pod.status.as_ref().is_some_and(is_lost);
    let is_ready = server(pod).is_some_and(|server| server.ready);
    !is_lost && is_serving(pod) && (is_ready || readiness_asks_the_sidecar(pod))
}

/// The readiness probe in pods of former versions says nothing about the server. For those it is enough that the
/// server has started and runs: the liveness probe has always asked the server itself.
fn readiness_asks_the_sidecar(pod: &Pod) -> bool {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let server = containers.find(|container| container.name == names::SERVER_CONTAINER);
    let probe = server.and_then(|server| server.readiness_probe.as_ref());
    let question = probe.and_then(|probe| probe.http_get.as_ref());
    question
        .is_some_and(|question| question.port == IntOrString::Int(i32::from(names::SIDECAR_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(probed: u16, state: &Value, started: bool, ready: bool, conditions: [&str; 2]) -> Pod {
        let [pod, containers] = conditions;
        serde_json::from_value(json!({
            "metadata": {},
            "spec": {"containers": [{
                "name": names::SERVER_CONTAINER, "readinessProbe": {"httpGet": {"path": "/", "port": probed}},
            }]},
            "status": {
                "conditions": [{"type": "Ready", "status": pod}, {"type": "ContainersReady", "status": containers}],
                "containerStatuses": [{
                    "name": names::SERVER_CONTAINER, "image": "", "imageID": "", "restartCount": 0,
                    "state": state, "started": started, "ready": ready,
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_server_serves_while_its_own_container_is_ready() {
        let (running, crashed) = (
            json!({"running": {}}),
            json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        );
        let (all, none, lost) = (["True", "True"], ["False", "False"], ["False", "True"]);
        // Pods of former versions: their probe asks the sidecar.
        let old = names::SIDECAR_PORT;
        for (what, expected, probed, state, started, ready, conditions) in [
            ("well", true, 8080, &running, true, true, all),
            ("sidecar down", true, 8080, &running, true, true, none),
            ("no answer", false, 8080, &running, true, false, none),
            ("starting", false, 8080, &running, false, false, none),
            ("crashed", false, 8080, &crashed, false, false, none),
            ("node lost", false, 8080, &running, true, true, lost),
            ("old, unwell", true, old, &running, true, false, none),
            ("old, starts", false, old, &running, false, false, none),
            ("old, crashed", false, old, &crashed, false, false, none),
        ] {
            let pod = pod(probed, state, started, ready, conditions);
            assert_eq!(serves(&pod), expected, "{what}");
        }
        assert!(!serves(&Pod::default()), "nothing reported");
    }

    #[test]
    fn a_readiness_gate_that_is_not_met_is_no_lost_node() {
        let mut gated = pod(8080, &json!({"running": {}}), true, true, ["False", "True"]);
        assert!(!serves(&gated));
        let conditions = gated.status.as_mut().unwrap().conditions.as_mut().unwrap();
        conditions[0].reason = Some("ReadinessGatesNotReady".to_owned());
        assert!(serves(&gated));
    }
}
