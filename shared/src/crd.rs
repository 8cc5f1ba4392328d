//! The `DittoServer` resource.
//!
//! The group, version, kind and field names are those of the Go operator, so that a resource written for it
//! is accepted here. Doc comments in this module become the output of `kubectl explain`.

mod control_plane;
mod database;
mod discovery;
mod enabled;
mod identity;
mod kerberos;
mod ldap;
mod logging;
mod metrics;
mod network_policy;
mod overrides;
mod percona;
mod pod;
mod rules;
mod secret_reference;
mod service_type;
mod services;
mod snapshots;
mod spelling;
mod status;
mod storage;
mod texts;
mod workload;

pub use control_plane::{ApiService, ControlPlane, Exposure};
pub use database::{Database, DatabaseType, Sqlite};
pub use discovery::AdapterDiscovery;
pub use identity::{AdminIdentity, Identity, IdentityType, JwtIdentity};
pub use kerberos::{Kerberos, MachineAccount};
pub use ldap::{IdMap, Ldap};
pub use logging::{LogFormat, LogLevel, Logging};
pub use metrics::{Metrics, ServiceMonitorSettings};
pub use network_policy::{
    AdapterNetworkPolicy, AdapterPeers, ApiNetworkPolicy, ApiServerEgress, EgressPolicy,
    MetricsNetworkPolicy, NetworkPolicySettings,
};
pub use overrides::ConfigOverrides;
pub use percona::{Percona, PerconaBackup};
pub use pod::{
    DisruptionBudget, EnvFromSecret, EnvFromSecretReference, PodSettings, PullPolicy, UserPolicy,
};
pub use secret_reference::{SecretKeyReference, SecretReference};
pub use service_type::{ParentReference, ServiceType};
pub use services::{
    AdapterOverride, AdapterServices, GatewaySettings, IpFamily, IpFamilyPolicy, ServiceMode,
    ServiceSettings, ServiceTemplate, ServiceTemplateMetadata, SessionAffinity, TrafficPolicy,
};
pub use snapshots::SnapshotPolicy;
pub use status::{AdapterStatus, DittoServerStatus, ObservedSecret, Phase, VolumeStatus};
pub use storage::{RetentionPolicy, Storage};
pub use workload::{RollPolicy, SidecarSettings, SidecarUpdatePolicy};

use crate::{Duration, names};
use k8s_openapi::api::core::v1::{PodSecurityContext, ResourceRequirements, SecurityContext};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Desired state of one DittoFS server. Shares, users and adapters are not part of it: they are managed inside
/// DittoFS at run time.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "dittofs.dittofs.com",
    version = "v1alpha1",
    kind = "DittoServer",
    plural = "dittoservers",
    shortname = "ditto",
    shortname = "dittofs",
    category = "dittofs",
    namespaced,
    status = "DittoServerStatus",
    derive = "PartialEq",
    doc = "A DittoFS file server (NFS and SMB in one process), with the Services and NetworkPolicies that its protocol adapters need.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Adapters", type_ = "string", json_path = ".status.exposedAdapters"),
    printcolumn(name = "Address", type_ = "string", json_path = ".status.address"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    validation = rules::instance_name(),
    validation = rules::name_template_distinguishes(),
    validation = rules::name_template_is_a_service_name(),
    validation = rules::volumes_cannot_shrink("metadataSize", "metadata"),
    validation = rules::volumes_cannot_shrink("contentSize", "content"),
    validation = rules::volumes_cannot_shrink("controlPlaneSize", "controlplane")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::postgres_has_a_server())]
#[x_kube(validation = rules::metrics_have_a_port_of_their_own())]
pub struct DittoServerSpec {
    /// Container image of the DittoFS server. The default is the version that the operator was tested with, and a
    /// DittoServer keeps the one that it was created with. Condition ImagePinned reports an image without a fixed
    /// version, such as `latest`. A change restarts the server.
    #[serde(default = "names::default_server_image")]
    #[schemars(length(min = 1, max = 512))]
    pub image: String,

    /// Number of server pods: 1, or 0 to stop the server and keep its data and Services. A change never restarts a
    /// running server.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0, max = 1))]
    pub replicas: i32,

    /// Volumes for the data of the server. They can grow. They are kept when the DittoServer is deleted, unless
    /// retentionPolicy is Delete.
    pub storage: Storage,

    /// Database in which the control plane of the server stores users, adapters and shares.
    #[serde(default)]
    pub database: Database,

    /// REST API of the server.
    #[serde(default)]
    pub control_plane: ControlPlane,

    /// Service of the REST API. Setting this at all exposes the REST API, as controlPlane.exposure Cluster does.
    /// Exposing it restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ApiService>,

    /// Authentication: tokens and the first administrator of the REST API, LDAP and Kerberos.
    #[serde(default)]
    pub identity: Identity,

    /// PostgreSQL cluster of Percona's operator in which the control plane stores its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percona: Option<Percona>,

    /// Prometheus metrics of the server.
    #[serde(default)]
    pub metrics: Metrics,

    /// Scheduled snapshots of shares. Stored, but not implemented yet: condition ManagementReady says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub snapshot_policies: Vec<SnapshotPolicy>,

    /// Settings merged last into the config.yaml of the server, for settings without a field of their own. The keys
    /// are those of config.yaml. Passwords and keys are refused: set them in pod.env, from a Secret. Condition
    /// ConfigOverridesKnown lists keys that the server does not have. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_overrides: Option<ConfigOverrides>,

    /// How the sidecar discovers adapters. A change takes effect without a restart.
    #[serde(default)]
    pub adapter_discovery: AdapterDiscovery,

    /// Services that expose the adapters that are enabled inside DittoFS.
    #[serde(default)]
    pub adapter_services: AdapterServices,

    /// NetworkPolicies of the server pod.
    #[serde(default)]
    pub network_policy: NetworkPolicySettings,

    /// Sidecar that reads the adapters from the REST API on localhost. A change never restarts a running server.
    #[serde(default)]
    pub sidecar: SidecarSettings,

    /// Scheduling, images, environment and volumes of the pod.
    #[serde(default)]
    pub pod: PodSettings,

    /// Resource requests and limits of the server container. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Logging of the server. A change restarts the server.
    #[serde(default)]
    pub logging: Logging,

    /// When a change that needs a restart restarts the server: `Automatic` at once, `Manual` when you delete the
    /// pod or run `kubectl rollout restart`. Condition RollPending says whether a restart is due.
    #[serde(default)]
    pub roll_policy: RollPolicy,

    /// While true, the operator changes nothing that belongs to this DittoServer. The status says so.
    #[serde(default)]
    pub paused: bool,

    /// How long the server may take to start before it is restarted, from 10s to 168h. The server answers once all
    /// its stores are open; replaying them after a crash can take long. A change takes effect with the next pod.
    #[serde(default = "default_startup_timeout")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_between("10s", "168h", "1h"))]
    pub startup_timeout: Duration,

    /// Seconds that the server gets to shut down before the kubelet kills it. The server shuts down in three
    /// stages; the timeout of each is a third of what is left after 5 s for the server and 10 s for the kubelet and
    /// the sidecar. A larger shutdown_timeout in configOverrides or pod.env extends the grace period of the pod. A
    /// change restarts the server.
    #[serde(default = "default_termination_grace_period_seconds")]
    #[schemars(range(min = 36, max = 86400))]
    pub termination_grace_period_seconds: i64,

    /// Security context of the server container. Fields set here override the restricted defaults. A change
    /// restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,

    /// Security context of the pod. Fields set here override the restricted defaults. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecurityContext>,
}

const fn default_replicas() -> i32 {
    1
}

/// Longer than replaying the metadata of many files takes.
fn default_startup_timeout() -> Duration {
    std::time::Duration::from_hours(1).into()
}

/// 105 s: three shutdown stages of 30 s and a reserve, as in the Go operator.
const fn default_termination_grace_period_seconds() -> i64 {
    105
}
