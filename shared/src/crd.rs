//! The `DittoServer` resource.
//!
//! The group, version, kind and field names are those of the Go operator, so that a resource written for it
//! is accepted here. Doc comments in this module become the texts of `kubectl explain`.

mod control_plane;
mod database;
mod discovery;
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
pub use pod::{DisruptionBudget, EnvFromSecret, EnvFromSecretReference, PodSettings, PullPolicy};
pub use secret_reference::{SecretKeyReference, SecretReference};
pub use service_type::{ParentReference, ServiceType};
pub use services::{
    AdapterOverride, AdapterServices, DiscoveryPort, GatewaySettings, IpFamily, IpFamilyPolicy,
    ServiceMode, ServiceSettings, ServiceTemplate, ServiceTemplateMetadata, SessionAffinity,
    TrafficPolicy,
};
pub use snapshots::SnapshotPolicy;
pub use status::{AdapterStatus, DittoServerStatus, ObservedSecret, Phase, VolumeStatus};
pub use storage::{RetentionPolicy, Storage};
pub use workload::{RollPolicy, SidecarSettings, SidecarUpdatePolicy};

use crate::Duration;
use k8s_openapi::api::core::v1::{PodSecurityContext, ResourceRequirements, SecurityContext};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// What a user wants of one DittoFS server. Shares, users and adapters are not here: they are managed inside
/// DittoFS, at run time.
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
    /// Container image of the DittoFS server. A tag that never moves is safer than `latest`. A change restarts the server.
    #[serde(default = "default_image")]
    #[schemars(length(min = 1, max = 512))]
    pub image: String,

    /// Number of server pods: 1, or 0 to stop the server and keep its data and its Services. A change never restarts a running server.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0, max = 1))]
    pub replicas: i32,

    /// Volumes that hold the data of the server. They can grow, and they are kept when the DittoServer is deleted unless retentionPolicy
    /// says otherwise.
    pub storage: Storage,

    /// Where the control plane of the server keeps its users, adapters and shares.
    #[serde(default)]
    pub database: Database,

    /// The REST API of the server.
    #[serde(default)]
    pub control_plane: ControlPlane,

    /// The Service of the REST API. That it is set at all opens the REST API to the cluster, as controlPlane.exposure Cluster does,
    /// which restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ApiService>,

    /// Who may use the server: tokens and the first administrator of the REST API, LDAP and Kerberos.
    #[serde(default)]
    pub identity: Identity,

    /// A PostgreSQL cluster made by Percona's operator, in which the control plane keeps its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percona: Option<Percona>,

    /// The metrics of the server, for Prometheus.
    #[serde(default)]
    pub metrics: Metrics,

    /// Snapshots that the server makes by itself. Accepted and kept, but not acted on yet: condition ManagementReady says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub snapshot_policies: Vec<SnapshotPolicy>,

    /// Settings of the server, in the words of its config.yaml, that are merged last into the config.yaml that the operator writes:
    /// for what has no field of its own. Passwords and keys are refused here; give them as environment variables in pod.env, from a
    /// Secret. Keys that the server is known not to have are named in condition ConfigOverridesKnown. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_overrides: Option<ConfigOverrides>,

    /// How the sidecar looks at the adapters. Changes take effect without a restart.
    #[serde(default)]
    pub adapter_discovery: AdapterDiscovery,

    /// The Services that are made, one for each adapter that is switched on inside DittoFS.
    #[serde(default)]
    pub adapter_services: AdapterServices,

    /// Who may connect to the server pod.
    #[serde(default)]
    pub network_policy: NetworkPolicySettings,

    /// The sidecar that reads the adapters from the REST API on localhost. Changes never restart a running server.
    #[serde(default)]
    pub sidecar: SidecarSettings,

    /// Where the pod runs, how its images are fetched, and what comes with it.
    #[serde(default)]
    pub pod: PodSettings,

    /// CPU and memory of the server container. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Log of the server. A change restarts the server.
    #[serde(default)]
    pub logging: Logging,

    /// Whether a change that needs a restart of the server restarts it at once (`Automatic`), or waits until
    /// somebody deletes the pod or runs `kubectl rollout restart` (`Manual`). Condition RollPending tells.
    #[serde(default)]
    pub roll_policy: RollPolicy,

    /// While true, the operator changes nothing that belongs to this DittoServer and says so in its status.
    #[serde(default)]
    pub paused: bool,

    /// How long the server may take to start. It answers once all its stores are open, and a long replay after a crash takes its time.
    /// A server that has not answered by then is restarted, and begins again. From 10s to 168h. A change takes effect with the next pod.
    #[serde(default = "default_startup_timeout")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('168h')")
        .message("must be a duration from 10s to 168h, such as 1h"))]
    pub startup_timeout: Duration,

    /// Seconds the server gets to finish its work when it is stopped. The server stops in stages, and each of them may take a third of
    /// this, less 5 s: then it ends by itself before the kubelet kills it. A shutdown_timeout in configOverrides or pod.env that needs
    /// more lengthens what the pod gets. A change restarts the server.
    #[serde(default = "default_termination_grace_period_seconds")]
    #[schemars(range(min = 36, max = 86400))]
    pub termination_grace_period_seconds: i64,

    /// Security context of the server container. Fields that are set win over the restricted defaults. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,

    /// Security context of the pod. Fields that are set win over the restricted defaults. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecurityContext>,
}

fn default_image() -> String {
    "marmos91c/dittofs:latest".to_owned()
}

const fn default_replicas() -> i32 {
    1
}

/// As long as a replay of many files can be expected to take, and a little more.
fn default_startup_timeout() -> Duration {
    std::time::Duration::from_hours(1).into()
}

/// 105 s: three drain stages of 30 s and some room, as the Go operator has it.
const fn default_termination_grace_period_seconds() -> i64 {
    105
}
