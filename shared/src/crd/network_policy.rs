//! Who may connect to the server pod, and where it may connect to. Nothing in here ever restarts the server.

use k8s_openapi::api::networking::v1::{NetworkPolicyEgressRule, NetworkPolicyPeer};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who may connect to the server pod, and where it may connect to. Nothing in here restarts the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicySettings {
    /// Whether the operator makes NetworkPolicies. When false, it removes its own and only its own.
    #[serde(default = "default_enabled")]
    pub enabled: bool,

    /// Who may connect to the adapters.
    #[serde(default)]
    pub adapters: AdapterNetworkPolicy,

    /// Who may connect to the REST API when controlPlane.exposure is Cluster.
    #[serde(default)]
    pub api: ApiNetworkPolicy,

    /// Who may connect to the metrics when metrics.enabled is true.
    #[serde(default)]
    pub metrics: MetricsNetworkPolicy,

    /// Where the pod may connect to. Without it, everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressPolicy>,
}

impl Default for NetworkPolicySettings {
    fn default() -> Self {
        Self {
            enabled: default_enabled(),
            adapters: AdapterNetworkPolicy::default(),
            api: ApiNetworkPolicy::default(),
            metrics: MetricsNetworkPolicy::default(),
            egress: None,
        }
    }
}

const fn default_enabled() -> bool {
    true
}

/// Who may connect to the adapters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterNetworkPolicy {
    /// Peers that may connect to the ports of the adapters. Without it, everybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,

    /// Peers of single adapters, by adapter type (`nfs`, `smb`), in place of those for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub overrides: BTreeMap<String, AdapterPeers>,
}

/// Who may connect to one adapter.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterPeers {
    /// Peers that may connect to the ports of this adapter. Without it, everybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,
}

/// Who may connect to the REST API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiNetworkPolicy {
    /// Peers that may connect to the port of the REST API. Without it, the pods of the same namespace may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,
}

/// Who may connect to the metrics.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MetricsNetworkPolicy {
    /// Peers that may connect to the port of the metrics. Without it, every pod of the cluster may, since Prometheus runs in a
    /// namespace of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,
}

/// Where the pod may connect to. DNS, and the API server of Kubernetes for the sidecar, are always allowed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EgressPolicy {
    /// Where the server may connect to: S3, a database, a directory. Without it, nowhere. With percona.enabled the pods of the
    /// PerconaPGCluster are allowed, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<NetworkPolicyEgressRule>,

    /// The API server of Kubernetes, to which the sidecar connects.
    #[serde(default)]
    pub api_server: ApiServerEgress,
}

/// Where the API server of Kubernetes is. NetworkPolicies judge the address behind the Service `kubernetes`, which `kubectl get
/// endpointslices kubernetes` shows.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiServerEgress {
    /// Ports of the API server.
    #[serde(default = "default_api_server_ports")]
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 65535)))]
    pub ports: Vec<i32>,

    /// Peers that the API server is. Without it, those ports are allowed everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub to: Option<Vec<NetworkPolicyPeer>>,
}

impl Default for ApiServerEgress {
    fn default() -> Self {
        Self {
            ports: default_api_server_ports(),
            to: None,
        }
    }
}

fn default_api_server_ports() -> Vec<i32> {
    vec![443, 6443]
}
