//! How adapters are exposed. Nothing in here ever restarts the server.

use k8s_openapi::api::core::v1::ServiceSpec;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{ParentReference, ServiceType};

/// The Services of the adapters. Nothing in here restarts the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.overrides) || self.overrides.all(a, !has(self.overrides[a].nodePort) || (has(self.overrides[a].type) ? self.overrides[a].type : self.type) != 'ClusterIP')")
    .message("adapterServices.overrides: nodePort needs a Service of type NodePort or LoadBalancer"))]
#[x_kube(validation = Rule::new("!has(self.loadBalancerClass) || self.type == 'LoadBalancer' || (has(self.overrides) && self.overrides.exists(a, has(self.overrides[a].type) && self.overrides[a].type == 'LoadBalancer'))")
    .message("adapterServices.loadBalancerClass needs a Service of type LoadBalancer"))]
#[x_kube(validation = Rule::new("self.mode != 'Shared' || !has(self.overrides) || self.overrides.all(a, !has(self.overrides[a].type) && !has(self.overrides[a].loadBalancerClass) && !has(self.overrides[a].externalTrafficPolicy) && !has(self.overrides[a].ipFamilyPolicy) && !has(self.overrides[a].sessionAffinity) && !has(self.overrides[a].loadBalancerSourceRanges) && !has(self.overrides[a].ipFamilies) && !has(self.overrides[a].annotations) && !has(self.overrides[a].labels) && !has(self.overrides[a].serviceTemplate))")
    .message("adapterServices.mode Shared makes one Service for all adapters: overrides can set port, nodePort, discoveryPorts and parentRefs only"))]
pub struct AdapterServices {
    /// `PerAdapter` gives each adapter a Service of its own; `Shared` gives all adapters one Service, and so one address, named as
    /// nameTemplate says with `adapters` in place of {adapter}. A change makes the new Services first, and removes an old one
    /// when those that take its place have an address.
    #[serde(default)]
    pub mode: ServiceMode,

    /// Type of the Services. A change keeps the Services and their names.
    #[serde(default)]
    pub r#type: ServiceType,

    /// Name of a Service. {instance} and {adapter} are replaced. A change makes new Services, and removes an
    /// old one when the one that takes its place has an address.
    #[serde(default = "default_name_template")]
    #[schemars(length(min = 1, max = 63))]
    pub name_template: String,

    /// What all Services have in common.
    #[serde(flatten)]
    pub all: ServiceSettings,

    /// Settings of single adapters, by adapter type (`nfs`, `smb`). They win over the settings for all; annotations and labels are
    /// added to those for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub overrides: BTreeMap<String, AdapterOverride>,

    /// Gateway API: a TCPRoute to each adapter. Each discovery port has a TCPRoute or UDPRoute of its own, to the listener of its number.
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
    /// Annotations of the Services, for example for a cloud's load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels of the Services. Labels that the operator itself needs cannot be changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// Class of the load balancer, when the cluster has several. Kubernetes does not let it be changed on a Service that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub load_balancer_class: Option<String>,

    /// Addresses, such as `192.0.2.0/24`, from which the load balancer accepts clients. Without it, from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(validation = Rule::new("self.all(range, isCIDR(range))").message("must be address ranges such as 192.0.2.0/24"))]
    pub load_balancer_source_ranges: Vec<String>,

    /// Which nodes take traffic from outside: `Local` keeps the address of the client, which the export rules of DittoFS look at;
    /// `Cluster` hides it. Without it, Services of type LoadBalancer that the operator makes have `Local`, and Services that exist
    /// keep what they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<TrafficPolicy>,

    /// Whether the Services have IPv4 and IPv6 addresses. Without it, Kubernetes decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<IpFamilyPolicy>,

    /// Which addresses the Services have, the first one being the main one. Without it, Kubernetes decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub ip_families: Vec<IpFamily>,

    /// Whether a client always reaches the same pod. There is one pod, so that this matters to some load balancers only. Without it,
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,

    /// Overlay that is merged into each Service last, for what has no field of its own. Ports are known by port and protocol; where ours
    /// lead and what they are called stays. Fields that the type of a Service does not have are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_template: Option<ServiceTemplate>,
}

/// Settings of one adapter's Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterOverride {
    /// Type of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<ServiceType>,

    /// Port that clients connect to, such as 445 for SMB. Without it, it is the adapter's own port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,

    /// Port on every node, in the range that the cluster has for them. Without it, Kubernetes chooses one, which then stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,

    /// Further ports by which clients find the adapter. DittoFS opens them by itself where its adapter settings say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(validation = Rule::new("self.all(p, self.exists_one(q, q == p))").message("must not name a port twice"))]
    pub discovery_ports: Vec<DiscoveryPort>,

    /// Gateways of this adapter's routes, in place of adapterServices.gateway.parentRefs: two adapters cannot share a listener.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub parent_refs: Vec<ParentReference>,

    /// What is set here wins over the settings for all.
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

/// Ports by which clients find an adapter.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryPort {
    /// The portmapper for NFSv3: 111 over TCP and UDP, to 10111 of the pod.
    Portmapper,
    /// Multicast DNS: 5353 over UDP.
    Mdns,
    /// Web Services Dynamic Discovery, by which Windows finds SMB servers: 3702 over UDP and 5357 over TCP.
    Wsd,
}

/// Which nodes take traffic from outside.
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
    /// Labels and annotations that are added.
    #[serde(default)]
    pub metadata: ServiceTemplateMetadata,

    /// Fields of the Service that are merged into it. What the operator stands for cannot be set: selector, type, clusterIP, clusterIPs,
    /// externalName and publishNotReadyAddresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!has(self.selector) && !has(self.type) && !has(self.clusterIP) && !has(self.clusterIPs) && !has(self.externalName) && !has(self.publishNotReadyAddresses)")
        .message("cannot set selector, type, clusterIP, clusterIPs, externalName and publishNotReadyAddresses"))]
    pub spec: Option<ServiceSpec>,
}

/// Labels and annotations of an overlay.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTemplateMetadata {
    /// Annotations that are added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels that are added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Routes of the Gateway API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySettings {
    /// Gateways, or listeners of Gateways, that the routes attach to. Condition GatewayReady tells when the kinds TCPRoute and UDPRoute
    /// are missing in the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub parent_refs: Vec<ParentReference>,
}
