//! How adapters are found and exposed. Nothing in here ever restarts the server.

use crate::Duration;
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the sidecar looks at the adapters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterDiscovery {
    /// Time between two looks at the adapters, on localhost. From 100ms to 1h.
    #[serde(default = "default_polling_interval")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('100ms') && duration(self) <= duration('1h')")
        .message("must be a duration from 100ms to 1h, such as 500ms"))]
    pub polling_interval: Duration,

    /// How long an adapter must be switched off or gone before its Service is taken away. A Service that is deleted
    /// may lose its address for good. From 0s to 24h.
    #[serde(default = "default_removal_hold")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('0s') && duration(self) <= duration('24h')")
        .message("must be a duration from 0s to 24h, such as 30s"))]
    pub removal_hold: Duration,
}

impl Default for AdapterDiscovery {
    fn default() -> Self {
        Self {
            polling_interval: default_polling_interval(),
            removal_hold: default_removal_hold(),
        }
    }
}

fn default_polling_interval() -> Duration {
    std::time::Duration::from_millis(500).into()
}

fn default_removal_hold() -> Duration {
    std::time::Duration::from_secs(30).into()
}

/// The Services of the adapters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterServices {
    /// Type of the Services.
    #[serde(default)]
    pub r#type: ServiceType,

    /// Annotations of the Services, for example for a cloud's load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels of the Services. Labels that the operator itself needs cannot be changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// Name of a Service. {instance} and {adapter} are replaced. A change makes new Services and removes the old ones.
    #[serde(default = "default_name_template")]
    #[schemars(length(min = 1, max = 63))]
    pub name_template: String,

    /// Settings of single adapters, by adapter type (`nfs`, `smb`). They win over the settings for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub overrides: BTreeMap<String, AdapterOverride>,
}

impl Default for AdapterServices {
    fn default() -> Self {
        Self {
            r#type: ServiceType::default(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            name_template: default_name_template(),
            overrides: BTreeMap::new(),
        }
    }
}

fn default_name_template() -> String {
    "{instance}-{adapter}".to_owned()
}

/// Settings of one adapter's Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterOverride {
    /// Type of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<ServiceType>,

    /// Annotations of the Service, on top of the annotations for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels of the Service, on top of the labels for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// Port that clients connect to, such as 445 for SMB. Without it, it is the adapter's own port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// Type of a Service.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// An address inside the cluster.
    ClusterIP,
    /// A port on every node.
    NodePort,
    /// An address from the cloud or from a load balancer in the cluster.
    #[default]
    LoadBalancer,
}

impl ServiceType {
    /// The spelling that Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// Who may connect to the server pod.
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
}

impl Default for NetworkPolicySettings {
    fn default() -> Self {
        Self {
            enabled: default_enabled(),
            adapters: AdapterNetworkPolicy::default(),
            api: ApiNetworkPolicy::default(),
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
