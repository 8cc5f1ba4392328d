//! An instance with which something is wrong, and the status that it then has.

use crate::fields::merge;
use dittofs_operator_core::contest::{Contested, Opponent};
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::observed::{Observed, OptionalObjects};
use dittofs_operator_core::outcome::{ApplyError, Failure};
use dittofs_operator_core::renewal::{self, PodFacts};
use dittofs_operator_core::roll;
use dittofs_operator_core::status::{self, View};
use dittofs_shared::crd::DittoServerStatus;
use dittofs_shared::labels;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use serde_json::{Value, json};
use std::sync::Arc;

use super::case::{NOW, bare, parse, with_identity};
use super::render::{observed_by_controller, running_pod};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// An instance, what there is of it, and what is wrong with it.
pub struct Situation {
    pub spec: Value,
    /// Key `server` of the published state.
    pub server: Value,
    /// Merged into the claim `metadata-files-0`.
    pub claim: Value,
    /// Whether that claim is missing.
    pub no_claim: bool,
    /// Merged into the pod. Null: there is none.
    pub pod: Value,
    /// Merged into the StatefulSet. Null: there is none.
    pub set: Value,
    pub is_refused: bool,
    /// Whether somebody changes Service `files-nfs` again and again.
    pub is_contested: bool,
    pub adapters: Value,
    pub services: Value,
}

impl Situation {
    pub fn well() -> Self {
        Self {
            spec: json!({"storage": {"metadataSize": "1Gi"}}),
            server: json!({"status": "reachable", "since": NOW}),
            claim: json!({}),
            no_claim: false,
            pod: json!({"status": {"conditions": conditions("True", "True")}}),
            set: json!({}),
            is_refused: false,
            is_contested: false,
            adapters: json!([{"type": "nfs", "port": 12049, "enabled": false, "running": false}]),
            services: json!([]),
        }
    }

    pub fn published(mut self, status: &str) -> Self {
        self.server = json!({"status": status, "since": NOW, "message": "says the sidecar"});
        self
    }

    pub fn claim(mut self, claim: Value) -> Self {
        merge(&mut self.claim, claim);
        self
    }

    pub fn spec(mut self, spec: Value) -> Self {
        merge(&mut self.spec, spec);
        self
    }

    /// The pod is not ready, and differs in this from one that is.
    pub fn unready(mut self, pod: Value) -> Self {
        self.set = json!({"status": {"readyReplicas": 0}});
        self.pod = json!({"status": {"conditions": conditions("False", "False")}});
        merge(&mut self.pod, pod);
        self
    }

    /// The same, with these statuses of its server and of its sidecar.
    pub fn containers(self, server: Value, sidecar: Value) -> Self {
        let status = |name: &str, more: Value| {
            let mut status = json!({
                "name": name, "image": "", "imageID": "", "restartCount": 3, "ready": false, "started": true,
            });
            merge(&mut status, more);
            status
        };
        self.unready(json!({"status": {
            "phase": "Running",
            "containerStatuses": [status("dittofs", server)],
            "initContainerStatuses": [status("sidecar", sidecar)],
        }}))
    }

    /// An adapter has a load balancer that was made at this time, with this status.
    pub fn balancer(mut self, made: &str, status: &Value) -> Self {
        self.adapters = json!([{"type": "nfs", "port": 12049, "enabled": true, "running": true}]);
        self.services = json!([{
            "metadata": {"name": "files-nfs", "creationTimestamp": made, "labels": {labels::ADAPTER: "nfs"}},
            "spec": {"type": "LoadBalancer", "ports": [{"name": "nfs", "port": 12049}]},
            "status": status,
        }]);
        self
    }

    fn observed(&self) -> Result<Observed, Error> {
        let server = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "metadata": {"name": "files"},
            "spec": self.spec,
        });
        let mut observed = bare(with_identity(serde_json::from_value(server)?));
        if self.no_claim {
            observed.claims.remove(0);
        } else {
            let mut claim = serde_json::to_value(&*observed.claims[0])?;
            merge(&mut claim, self.claim.clone());
            observed.claims[0] = Arc::new(serde_json::from_value(claim)?);
        }
        let mut config_map: ConfigMap = serde_json::from_value(json!({
            "metadata": {"name": "files-adapters", "uid": "a"},
            "data": {"schema": "v1", "server": self.server.to_string(), "adapters": self.adapters.to_string()},
        }))?;
        super::signed_by_sidecar(&mut config_map);
        observed.adapters = (!self.server.is_null()).then(|| Arc::new(config_map));
        Ok(observed)
    }

    fn set(&self, desired: &StatefulSet) -> Result<Option<StatefulSet>, Error> {
        let mut set = serde_json::to_value(observed_by_controller(desired))?;
        merge(&mut set, self.set.clone());
        Ok(if self.set.is_null() {
            None
        } else {
            Some(serde_json::from_value(set)?)
        })
    }

    fn pod(&self, desired: &StatefulSet) -> Result<Option<Pod>, Error> {
        if self.pod.is_null() {
            return Ok(None);
        }
        let running = running_pod(desired, &super::case::Live::default())?;
        let mut pod = serde_json::to_value(running)?;
        merge(
            &mut pod,
            json!({"metadata": {"name": "files-0"}, "spec": {"nodeName": "worker-1"}}),
        );
        merge(&mut pod, self.pod.clone());
        Ok(Some(serde_json::from_value(pod)?))
    }

    pub fn status(&self) -> Result<DittoServerStatus, Error> {
        let mut instance = parse(&self.observed()?);
        let desired = Desired::of(&instance);
        // One that cannot be started as requested may still run.
        let template = Desired::of(&parse(&Self::well().observed()?)).stateful_set;
        let template = template.ok_or("no StatefulSet")?;
        let (set, pod) = (self.set(&template)?, self.pod(&template)?);
        instance.sidecar.pod = pod.as_ref().and_then(PodFacts::of);
        let services: Vec<Service> = serde_json::from_value(self.services.clone())?;
        let services: Vec<_> = services.into_iter().map(Arc::new).collect();
        let failure = Failure {
            kind: "Service".to_owned(),
            name: "files-nfs".to_owned(),
            error: ApplyError::Raced,
        };
        let renewal = renewal::decide(&instance.sidecar, &desired.sidecar_contract);
        let contested = Contested {
            object: "Service files-nfs".to_owned(),
            opponent: Opponent {
                manager: Some("somebody".to_owned()),
                field: "spec.selector".to_owned(),
            },
        };
        let view = View {
            instance: &instance,
            generation: Some(1),
            failures: if self.is_refused { &[failure] } else { &[] },
            refused_growth: &[],
            refused_owners: &[],
            contested: if self.is_contested { &[contested] } else { &[] },
            roll: &roll::decide(instance.spec.roll_policy, set.as_ref(), pod.as_ref()),
            renewal: &renewal,
            config_hash: None,
            stateful_set: set.as_ref(),
            pod: pod.as_ref(),
            adapter_services: &services,
            optional: &OptionalObjects::default(),
            warnings: &[],
            reconcile_request: None,
            previous: None,
        };
        Ok(status::of(&view, NOW.parse()?))
    }
}

/// Of the pod, and of its containers.
pub fn conditions(ready: &str, containers: &str) -> Value {
    json!([
        {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-02T03:00:00Z"},
        {"type": "ContainersReady", "status": containers},
    ])
}
