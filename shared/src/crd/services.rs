//! Services of the adapters. Nothing in here restarts the server.

use k8s_openapi::api::core::v1::ServiceSpec;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{ParentReference, ServiceType, rules};
use crate::adapter_type::DiscoveryPort;

/// Services of the adapters. Nothing in here restarts the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::services::node_ports_need_a_type_with_them())]
#[x_kube(validation = rules::services::load_balancer_class_needs_a_load_balancer())]
#[x_kube(validation = rules::services::shared_service_has_one_of_each())]
pub struct AdapterServices {
    /// `PerAdapter` creates one Service per adapter. `Shared` creates one Service, with one address, for all
    /// adapters; its name is the nameTemplate with `adapters` for {adapter}. After a change, the new Services are
    /// created first; an old Service is deleted once the Services that replace it have an address.
    #[serde(default)]
    pub mode: ServiceMode,

    /// Type of the Services. A change is made in place: the Services are not recreated.
    #[serde(default)]
    pub r#type: ServiceType,

    /// Template for the names of the Services. {instance} is replaced by the name of the DittoServer and {adapter}
    /// by the adapter type. A change creates new Services; an old one is deleted once the one that replaces it has
    /// an address.
    #[serde(default = "default_name_template")]
    #[schemars(length(min = 1, max = 63))]
    pub name_template: String,

    /// Settings of all Services.
    #[serde(flatten)]
    pub all: ServiceSettings,

    /// Settings by adapter type (`nfs`, `smb`). They override the settings for all adapters; annotations and labels
    /// are added to those for all adapters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub overrides: BTreeMap<String, AdapterOverride>,

    /// Gateway API: creates a TCPRoute per adapter, and a TCPRoute or UDPRoute per discovery port. A route to a
    /// discovery port attaches to the listener with the same port number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewaySettings>,
}

impl Default for AdapterServices {
    fn default() -> Self {
        Self {
            mode: ServiceMode::default(),
            r#type: ServiceType::default(),
            name_template: default_name_template(),
            all: ServiceSettings::default(),
            overrides: BTreeMap::new(),
            gateway: None,
        }
    }
}

fn default_name_template() -> String {
    "{instance}-{adapter}".to_owned()
}

/// Settings of a Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSettings {
    /// Annotations of the Services, for example for the load balancer of a cloud.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels of the Services. They cannot override the labels of the operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// Load balancer class, for clusters with several. Immutable on an existing Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub load_balancer_class: Option<String>,

    /// Client address ranges that the load balancer accepts, such as `192.0.2.0/24`. By default, it accepts all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(validation = rules::services::all_are_address_ranges())]
    pub load_balancer_source_ranges: Vec<String>,

    /// Which nodes accept traffic from outside the cluster. `Local` preserves the client address, which the export
    /// rules of DittoFS use; `Cluster` hides it. Defaults to `Local` for new Services of type LoadBalancer.
    /// Existing Services keep their policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<TrafficPolicy>,

    /// Whether the Services have IPv4 addresses, IPv6 addresses or both. By default, Kubernetes decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<IpFamilyPolicy>,

    /// IP families of the Services; the first one is the primary family. Two without `ipFamilyPolicy` mean
    /// `PreferDualStack`. By default, Kubernetes decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub ip_families: Vec<IpFamily>,

    /// Session affinity of the Services. There is only one pod, so this matters only to some load balancers.
    /// Defaults to `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,

    /// Overlay merged into each Service last, for settings without a field of their own. Ports are matched by port
    /// and protocol. The names and target ports of ports that the operator creates cannot be changed. Fields that
    /// do not apply to the type of the Service are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_template: Option<ServiceTemplate>,
}

/// Settings of one adapter.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterOverride {
    /// Type of the Service of this adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<ServiceType>,

    /// Port that clients connect to, such as 445 for SMB. Defaults to the port of the adapter inside DittoFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,

    /// Node port, within the node port range of the cluster. By default, Kubernetes assigns one, which the Service
    /// keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,

    /// Additional ports that clients use to discover the adapter. DittoFS listens on them if they are enabled in
    /// its adapter settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(validation = rules::services::no_port_twice())]
    pub discovery_ports: Vec<DiscoveryPort>,

    /// Parents of this adapter's routes, instead of adapterServices.gateway.parentRefs: two adapters cannot share a
    /// listener.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub parent_refs: Vec<ParentReference>,

    /// Overrides of the settings for all adapters.
    #[serde(flatten)]
    pub own: ServiceSettings,
}

/// How adapters share Services.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceMode {
    /// One Service for each adapter.
    #[default]
    PerAdapter,
    /// One Service for all adapters.
    Shared,
}

/// Which nodes accept traffic from outside the cluster.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
pub enum TrafficPolicy {
    /// All nodes. The server sees the address of a node.
    Cluster,
    /// The node that the pod runs on. The server sees the address of the client.
    Local,
}

/// Whether Services have addresses of both families.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
pub enum IpFamilyPolicy {
    /// One address.
    SingleStack,
    /// Two addresses where the cluster has both.
    PreferDualStack,
    /// Two addresses.
    RequireDualStack,
}

/// Family of an address.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}

/// Whether a client always reaches the same pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
pub enum SessionAffinity {
    /// No.
    None,
    /// Yes, by the address of the client.
    ClientIP,
}

/// Overlay of a Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTemplate {
    /// Labels and annotations to add.
    #[serde(default)]
    pub metadata: ServiceTemplateMetadata,

    /// Fields to merge into the spec of the Service. The operator manages selector, type, clusterIP, clusterIPs,
    /// externalName and publishNotReadyAddresses: these cannot be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::services::template_leaves_ours_alone())]
    pub spec: Option<ServiceSpec>,
}

/// Labels and annotations of an overlay.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTemplateMetadata {
    /// Annotations to add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels to add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Routes of the Gateway API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySettings {
    /// Gateways, or listeners of Gateways, that the routes attach to. Condition GatewayReady reports when the
    /// cluster lacks the kinds TCPRoute or UDPRoute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub parent_refs: Vec<ParentReference>,
}
