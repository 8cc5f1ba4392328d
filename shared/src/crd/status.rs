//! What the operator reports about an instance.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Observed state of one DittoFS server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DittoServerStatus {
    /// Generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Conditions of the server. `Ready` summarizes the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// Adapters inside the server, and the addresses for clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub adapters: Vec<AdapterStatus>,

    /// Exposed adapters and their ports, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_adapters: Option<String>,

    /// Address of the first exposed adapter that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,

    /// Phase of the server: `Pending`, `Running`, `Failed`, `Stopped`, `Unknown` or `Deleting`. Conditions say more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// Image of the running server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// Image of the running sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_image: Option<String>,

    /// Hash of the config.yaml that the server should run with. The name of its ConfigMap ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,

    /// Secrets that the spec names, and whether they exist. Never their contents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub observed_secrets: Vec<ObservedSecret>,

    /// Volumes of the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub volumes: Vec<VolumeStatus>,

    /// Name of the PerconaPGCluster that the server uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percona_cluster_name: Option<String>,

    /// Last handled value of the annotation dittofs.dittofs.com/reconcile-now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,

    /// Last handled value of the annotation dittofs.dittofs.com/reset-admin-password. A value that was set when the
    /// DittoServer was created counts as handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_password_reset: Option<String>,

    /// When the server was first ready. Never cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,

    /// Version of the running server, as its metrics tell it. While the sidecar cannot read them, because they need a token or
    /// `configOverrides` changes them, it is the tag or digest of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// Number of pods that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Number of pods that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,

    /// Number of pods that are available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<i32>,
}

/// Phase of a server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
pub enum Phase {
    /// The server is not running yet.
    Pending,
    /// The server is running.
    Running,
    /// The server cannot run with this spec.
    Failed,
    /// The server is stopped because of `replicas: 0`.
    Stopped,
    /// Nobody knows whether the server runs, because its node does not answer.
    Unknown,
    /// The DittoServer is being deleted.
    Deleting,
}

/// One volume of the server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct VolumeStatus {
    /// Name of the volume in the pod: `metadata`, `content` or `controlplane`.
    #[schemars(length(max = 63))]
    pub name: String,

    /// Name of the PersistentVolumeClaim.
    pub claim: String,

    /// Actual size of the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub capacity: Option<String>,
}

/// A Secret that the spec names.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ObservedSecret {
    /// Name of the Secret.
    pub name: String,

    /// Fields of the spec that name the Secret, or the purpose for which the operator created it.
    pub used_by: Vec<String>,

    /// Whether the Secret exists.
    pub found: bool,

    /// Resource version of the Secret. It changes with the contents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// One adapter inside the server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterStatus {
    /// Type of the adapter, such as `nfs` or `smb`.
    pub r#type: String,

    /// Port of the adapter in the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,

    /// Whether the adapter is enabled inside DittoFS.
    pub enabled: bool,

    /// Whether the adapter listens on its port.
    pub running: bool,

    /// Whether a Service exposes the adapter.
    pub exposed: bool,

    /// Name of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,

    /// Host or host:port that clients connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,

    /// Commands to mount a share on a client. Replace {share} and {user}.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_commands: Vec<String>,

    /// Why the adapter is not exposed, or when its Service will be deleted, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
