//! Everything observed of an instance, before any decision.

use dittofs_shared::crd::DittoServer;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::optional::{Absence, OptionalKind};
use crate::ownership::is_controlled_by;
use crate::secrets::SecretFacts;

/// Everything observed of an instance, before any decision.
#[derive(Clone, Debug)]
pub struct Observed {
    /// When it was observed.
    pub at: Timestamp,
    /// The `DittoServer` itself.
    pub server: DittoServer,
    /// ConfigMap `{name}-adapters`, if it is ours.
    pub adapters: Option<Arc<ConfigMap>>,
    /// See [`dittofs_shared::settings::Settings::publish_to`], as the sidecar has it now.
    pub publish_to: Option<String>,
    /// The StatefulSet, if it is ours.
    pub stateful_set: Option<Arc<StatefulSet>>,
    /// The pod. It may have lost its StatefulSet: see [`Observed::own_pod`].
    pub pod: Option<Arc<Pod>>,
    /// The claims with the labels of the instance.
    pub claims: Vec<Arc<PersistentVolumeClaim>>,
    /// The Services of adapters, whatever they are called.
    pub adapter_services: Vec<Arc<Service>>,
    /// The NetworkPolicies, baseline included.
    pub network_policies: Vec<Arc<NetworkPolicy>>,
    /// The Secrets that the instance refers to or that are generated for it, by name. Missing ones are left out.
    pub secrets: BTreeMap<String, SecretFacts>,
    /// Other `DittoServers` of the namespace whose tokens are signed with the same key.
    pub key_sharers: Vec<String>,
    /// Objects of the kinds that a cluster may lack.
    pub optional: OptionalObjects,
}

impl Observed {
    /// A new `DittoServer`, without any objects.
    pub fn nothing_of(server: DittoServer, at: Timestamp) -> Self {
        Self {
            server,
            at,
            adapters: None,
            publish_to: None,
            stateful_set: None,
            pod: None,
            claims: Vec::new(),
            adapter_services: Vec::new(),
            network_policies: Vec::new(),
            secrets: BTreeMap::new(),
            key_sharers: Vec::new(),
            optional: OptionalObjects::default(),
        }
    }

    /// The pod, if our StatefulSet controls it. No other pod is ever deleted or granted access. A pod that has lost its
    /// StatefulSet is still in `pod`, until the new one has adopted it.
    pub fn own_pod(&self) -> Option<&Pod> {
        let uid = self.stateful_set.as_ref()?.uid();
        let pod = self.pod.as_deref();
        pod.filter(|pod| is_controlled_by(&pod.metadata, uid.as_deref()))
    }
}

/// Objects of the kinds that a cluster may lack.
#[derive(Clone, Debug, Default)]
pub struct OptionalObjects {
    /// The kinds without objects, and why.
    pub absent: BTreeMap<OptionalKind, Absence>,
    /// PerconaPGCluster `{name}-postgres`, whatever its owner.
    pub percona: Option<Arc<DynamicObject>>,
    /// The ServiceMonitors, TCPRoutes and UDPRoutes that are the instance's.
    pub owned: BTreeMap<OptionalKind, Vec<Arc<DynamicObject>>>,
}
