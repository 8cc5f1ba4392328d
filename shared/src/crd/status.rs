//! What the operator says of an instance.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator sees of one DittoFS server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DittoServerStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// What holds now, and why. `Ready` sums them up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The adapters inside the server, and where clients reach them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub adapters: Vec<AdapterStatus>,

    /// The exposed adapters with their ports, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_adapters: Option<String>,

    /// Address of the first exposed adapter that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,

    /// In one word how far the server is: `Pending`, `Running`, `Failed`, `Stopped` or `Deleting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// Image of the server that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// Image of the sidecar that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_image: Option<String>,

    /// Hash over the configuration that the server should run with, and the end of the name of its ConfigMap. It changes when the
    /// rendered config.yaml does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,

    /// The Secrets that the spec names, and whether they can be used. No contents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub observed_secrets: Vec<ObservedSecret>,

    /// The volumes of the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub volumes: Vec<VolumeStatus>,

    /// Name of the PerconaPGCluster that the server uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percona_cluster_name: Option<String>,

    /// Value of the annotation dittofs.dittofs.com/reconcile-now that was acted on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,

    /// Value of the annotation dittofs.dittofs.com/reset-admin-password that was acted on last. A value that was there when the
    /// DittoServer was created counts as acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_password_reset: Option<String>,
    /// When the server was first seen ready. It stays for ever: a server that was ready once is missed when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,

    /// Tag or digest of the server image that runs.
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

/// How far a server is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
pub enum Phase {
    /// It is not running yet.
    Pending,
    /// It runs.
    Running,
    /// It cannot run as asked.
    Failed,
    /// It is stopped as asked.
    Stopped,
    /// It is being deleted.
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

    /// Size that the volume has.
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

    /// Fields of the spec that name it, or what the operator has made it for.
    pub used_by: Vec<String>,

    /// Whether it exists.
    pub found: bool,

    /// Version of the Secret that was seen. It changes with the contents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// One adapter inside the server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AdapterStatus {
    /// Type of the adapter, such as `nfs` or `smb`.
    pub r#type: String,

    /// Port that the adapter has inside the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,

    /// Whether the adapter is switched on inside DittoFS.
    pub enabled: bool,

    /// Whether the adapter listens on its port.
    pub running: bool,

    /// Whether a Service leads to the adapter.
    pub exposed: bool,

    /// Name of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,

    /// Host or host:port that clients use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,

    /// Commands with which a client uses the adapter, with {share} and {user} to be replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_commands: Vec<String>,

    /// Why the adapter is not exposed, or is about to leave, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
