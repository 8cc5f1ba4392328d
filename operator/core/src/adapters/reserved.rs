//! Ports of the pod that are not for clients.

use dittofs_shared::crd::DittoServerSpec;
use dittofs_shared::names;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use std::collections::BTreeMap;

/// Variable of the sidecar's container with the address of the REST API.
pub const API_URL: &str = "DITTOFS_SIDECAR_API_URL";
/// Name of the container port that the metrics are served on. Not `metrics`, as in StatefulSets of the Go operator:
/// names are unique, and in a StatefulSet that was taken over, that port can remain.
pub const METRICS_PORT: &str = "dittofs-metrics";

/// The ports of the spec, and those of the running pod: with `rollPolicy: Manual` the two can differ for long, and the
/// server listens where its pod says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedPorts(BTreeMap<u16, &'static str>);

impl ReservedPorts {
    /// The ports of a spec, and of the pod that was created from it or from an earlier one.
    pub fn of(spec: &DittoServerSpec, pod: Option<&Pod>) -> Self {
        let mut reserved = Self::default();
        reserved.add(Some(spec.control_plane.port), "the REST API");
        let metrics = spec.metrics().map(|metrics| metrics.port);
        reserved.add(metrics, "the metrics");
        reserved.add(Some(i32::from(names::SIDECAR_PORT)), "the sidecar");
        let local = "the metrics that the sidecar reads";
        reserved.add(spec.local_metrics_port(), local);
        if let Some(pod) = pod.and_then(|pod| pod.spec.as_ref()) {
            let until = "the REST API of the running pod until its next restart";
            reserved.add(api_port(pod), until);
            let until = "the metrics of the running pod until its next restart";
            reserved.add(metrics_port(pod), until);
        }
        reserved
    }

    /// What a port is reserved for. `None`: an adapter may have it.
    pub fn owner(&self, port: u16) -> Option<&'static str> {
        self.0.get(&port).copied()
    }

    /// The first one keeps the port: the spec comes before the running pod.
    fn add(&mut self, port: Option<i32>, owner: &'static str) {
        if let Some(port) = port.and_then(|port| u16::try_from(port).ok()) {
            self.0.entry(port).or_insert(owner);
        }
    }
}

/// In pods of every version of the operator, it is in the environment of the sidecar, which is immutable.
fn api_port(pod: &PodSpec) -> Option<i32> {
    let sidecar = container(pod.init_containers.as_deref(), names::SIDECAR_CONTAINER)?;
    let mut variables = sidecar.env.iter().flatten();
    let url = variables.find(|variable| variable.name == API_URL)?;
    let (_, port) = url.value.as_deref()?.rsplit_once(':')?;
    port.parse().ok()
}

fn metrics_port(pod: &PodSpec) -> Option<i32> {
    let server = container(Some(pod.containers.as_slice()), names::SERVER_CONTAINER)?;
    let mut ports = server.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref() == Some(METRICS_PORT))?;
    Some(port.container_port)
}

fn container<'a>(all: Option<&'a [Container]>, name: &str) -> Option<&'a Container> {
    all?.iter().find(|container| container.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(api: i32, metrics: Option<i32>) -> DittoServerSpec {
        let mut spec = json!({"storage": {"metadataSize": "1Gi"}, "controlPlane": {"port": api}});
        if let Some(metrics) = metrics {
            spec["metrics"] = json!({"enabled": true, "port": metrics});
        }
        serde_json::from_value(spec).unwrap()
    }

    fn pod(url: &str, metrics: Option<i32>) -> Pod {
        let port = metrics.map(|port| json!([{"name": METRICS_PORT, "containerPort": port}]));
        serde_json::from_value(json!({"metadata": {}, "spec": {
            "initContainers": [{"name": names::SIDECAR_CONTAINER, "env": [{"name": API_URL, "value": url}]}],
            "containers": [{"name": names::SERVER_CONTAINER, "ports": port}],
        }}))
        .unwrap()
    }

    #[test]
    fn the_ports_of_the_spec_are_reserved_and_those_of_the_running_pod_as_well() {
        let running = pod("https://127.0.0.1:8080", Some(9090));
        let reserved = ReservedPorts::of(&spec(9443, Some(9191)), Some(&running));
        for (port, words) in [
            (9443, &["the REST API"][..]),
            (9191, &["the metrics"]),
            (8081, &["the sidecar"]),
            (8080, &["the REST API of the running pod", "restart"]),
            (9090, &["the metrics of the running pod", "restart"]),
        ] {
            let owner = reserved.owner(port).unwrap_or_default();
            let says_all = words.iter().all(|word| owner.contains(word));
            assert!(says_all, "{port} is reserved for {owner:?}");
        }
        for port in [0, 12049, 1445, 443] {
            assert_eq!(reserved.owner(port), None, "{port}");
        }
    }

    #[test]
    fn the_port_of_the_metrics_for_the_sidecar_is_reserved_while_others_cannot_read_them() {
        let owner = |spec, port| ReservedPorts::of(&spec, None).owner(port);
        let local = Some("the metrics that the sidecar reads");
        for (api, metrics, port, expected) in [
            (8080, None, 18082, local),
            (18082, None, 18082, Some("the REST API")),
            (18082, None, 18083, local),
            (8080, Some(9090), 18082, None),
        ] {
            assert_eq!(
                owner(spec(api, metrics), port),
                expected,
                "{api} {metrics:?}"
            );
        }
    }

    #[test]
    fn a_pod_that_is_as_asked_reserves_nothing_more() {
        let spec = spec(8080, Some(9090));
        let running = pod("http://127.0.0.1:8080", Some(9090));
        let with_pod = ReservedPorts::of(&spec, Some(&running));
        assert_eq!(with_pod, ReservedPorts::of(&spec, None));
    }

    #[test]
    fn a_pod_that_does_not_say_reserves_nothing_more() {
        let spec = spec(8080, None);
        for url in ["", "http://127.0.0.1", "http://127.0.0.1:none", ":70000"] {
            let reserved = ReservedPorts::of(&spec, Some(&pod(url, None)));
            assert_eq!(reserved, ReservedPorts::of(&spec, None), "{url}");
        }
    }
}
