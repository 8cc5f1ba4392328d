//! NetworkPolicies of the server pod. Nothing in here restarts the server.

use k8s_openapi::api::networking::v1::{NetworkPolicyEgressRule, NetworkPolicyPeer};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// NetworkPolicies of the server pod: who can connect to it, and where it can connect to. Nothing in here restarts
/// the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicySettings {
    /// Whether the operator creates NetworkPolicies. When false, it deletes those that it created, and no others.
    #[serde(default = "default_enabled")]
    pub enabled: bool,

    /// Clients of the adapters.
    #[serde(default)]
    pub adapters: AdapterNetworkPolicy,

    /// Clients of the REST API, when controlPlane.exposure is Cluster.
    #[serde(default)]
    pub api: ApiNetworkPolicy,

    /// Clients of the metrics, when metrics.enabled is true.
    #[serde(default)]
    pub metrics: MetricsNetworkPolicy,

    /// Outgoing connections of the pod. By default, all are allowed.
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

/// Clients of the adapters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterNetworkPolicy {
    /// Peers that can connect to the adapters. By default, all can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,

    /// Peers by adapter type (`nfs`, `smb`). They replace the peers in `from` for that adapter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub overrides: BTreeMap<String, AdapterPeers>,
}

/// Clients of one adapter.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterPeers {
    /// Peers that can connect to this adapter. By default, all can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,
}

/// Clients of the REST API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiNetworkPolicy {
    /// Peers that can connect to the REST API. By default, all pods in the same namespace can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,
}

/// Clients of the metrics.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MetricsNetworkPolicy {
    /// Peers that can connect to the metrics. By default, all pods in the cluster can, because Prometheus usually
    /// runs in another namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<Vec<NetworkPolicyPeer>>,
}

/// Outgoing connections of the pod. DNS, and the Kubernetes API server for the sidecar, are always allowed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EgressPolicy {
    /// Egress rules of the server, for S3, a database or a directory. By default, none. With percona.enabled, the
    /// pods of the PerconaPGCluster are allowed as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<NetworkPolicyEgressRule>,

    /// Kubernetes API server, to which the sidecar connects.
    #[serde(default)]
    pub api_server: ApiServerEgress,
}

/// Kubernetes API server. NetworkPolicies apply to the addresses behind the Service `kubernetes`, which
/// `kubectl get endpointslices kubernetes` shows.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiServerEgress {
    /// Ports of the API server.
    #[serde(default = "default_api_server_ports")]
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 65535)))]
    pub ports: Vec<i32>,

    /// Peers that are the API server. By default, these ports are allowed to all addresses.
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
