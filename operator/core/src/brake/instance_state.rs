//! Whether each instance is in service.

use dittofs_shared::crd::DittoServer;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use std::fmt::{self, Display, Formatter};

use crate::pod_status;

/// Namespace and name of an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespacedName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl NamespacedName {
    /// Of a `DittoServer`.
    pub fn of(server: &DittoServer) -> Self {
        Self {
            namespace: server.namespace().unwrap_or_default(),
            name: server.name_any(),
        }
    }
}

impl Display for NamespacedName {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Whether an instance is in service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceState {
    /// Which one.
    pub place: NamespacedName,
    /// Uid of its pod, unless that is being deleted.
    pub pod: Option<String>,
    /// Whether it is out of service for its clients, so that others wait for it.
    pub is_out: bool,
}

impl InstanceState {
    /// Of an instance.
    ///
    /// An unready pod of an older template does not count: it is not expected to become ready, and its restart costs no
    /// service.
    pub fn of(server: &DittoServer, set: Option<&StatefulSet>, pod: Option<&Pod>) -> Self {
        let status = server.status.as_ref();
        let has_served = status.is_some_and(|status| status.first_ready_at.is_some());
        let is_wanted = server.spec.replicas > 0 && !server.spec.paused;
        let pod = pod.filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let is_missed = pod.is_none_or(|pod| {
            let is_latest = set.is_none_or(|set| pod_status::restart_reason(set, pod).is_none());
            is_latest && !pod_status::is_ready(pod)
        });
        Self {
            place: NamespacedName::of(server),
            pod: pod.and_then(kube::ResourceExt::uid),
            is_out: has_served && is_wanted && is_missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_shared::labels;
    use serde_json::{Value, json};

    fn server(spec: &Value, has_served: bool) -> DittoServer {
        let mut server = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"name": "files", "namespace": "team"},
            "spec": {"storage": {"metadataSize": "1Gi"}}, "status": {},
        });
        if has_served {
            server["status"]["firstReadyAt"] = json!("2026-01-01T00:00:00Z");
        }
        let spec = spec.as_object().unwrap().clone();
        server["spec"].as_object_mut().unwrap().extend(spec);
        serde_json::from_value(server).unwrap()
    }

    fn pod(hash: &str, ready: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"uid": "u", "annotations": {labels::ROLL_INPUTS: hash}},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    fn leaving(hash: &str, ready: &str) -> Pod {
        let mut pod = pod(hash, ready);
        pod.metadata.deletion_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
        );
        pod
    }

    #[test]
    fn a_server_is_missed_when_it_has_served_and_its_latest_pod_does_not() {
        let set: StatefulSet = serde_json::from_value(json!({"spec": {
            "selector": {},
            "template": {"metadata": {"annotations": {labels::ROLL_INPUTS: "image:2"}}},
        }}))
        .unwrap();
        let spec = json!({});
        let [here, terminating]: [fn(&str, &str) -> Pod; 2] = [pod, leaving];
        for (spec, has_served, found, expected) in [
            (&spec, true, Some((here, "image:2", "True")), false),
            (&spec, true, Some((here, "image:2", "False")), true),
            (&spec, true, Some((here, "image:1", "False")), false),
            (&spec, true, Some((here, "image:1", "True")), false),
            (&spec, true, Some((terminating, "image:1", "True")), true),
            (&spec, true, None, true),
            (&spec, false, Some((here, "image:2", "False")), false),
            (&spec, false, None, false),
            (&json!({"replicas": 0}), true, None, false),
            (&json!({"paused": true}), true, None, false),
        ] {
            let pod = found.map(|(make, hash, ready)| make(hash, ready));
            let seen = InstanceState::of(&server(spec, has_served), Some(&set), pod.as_ref());
            assert_eq!(seen.is_out, expected, "{spec} {has_served} {pod:?}");
        }
    }
}
