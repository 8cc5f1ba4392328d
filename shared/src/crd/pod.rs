//! Where the pod runs, how its images are fetched, and what comes with it.

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, LocalObjectReference, Toleration, TopologySpreadConstraint, Volume,
    VolumeMount,
};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::SecretReference;

/// Where the pod runs, how its images are fetched, and what comes with it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.serviceAccountName) || !has(self.serviceAccountAnnotations)")
    .message("pod.serviceAccountName and pod.serviceAccountAnnotations exclude each other: annotate your own ServiceAccount yourself"))]
pub struct PodSettings {
    /// Labels that a node must have. A change restarts the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,

    /// Taints of nodes that the pod tolerates. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,

    /// Nodes and pods that the pod wants to be near to, or far from. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,

    /// How the pod is spread among others over zones or nodes. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,

    /// PriorityClass of the pod. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,

    /// Secrets with which the images are pulled. The next pod uses them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// When the image of the server is pulled. Without it, Kubernetes decides by the tag. The next pod follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,

    /// Annotations of the pod. The next pod has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels of the pod. Labels that the operator itself needs cannot be changed. The next pod has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// ServiceAccount of yours that the pod runs with, in place of `{name}-sidecar`. It gets the rights of the sidecar by a
    /// RoleBinding, and the other account loses them when no pod runs with it any more. The next pod has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,

    /// Annotations of the ServiceAccount `{name}-sidecar`, such as those by which a cloud gives the server its identity (IRSA, workload
    /// identity). The next pod has their effect.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_account_annotations: BTreeMap<String, String>,

    /// Environment variables of the server, such as `AWS_REGION`. They win over those of the operator of the same name, such as HOME.
    /// Those that would take the place of fields by which the operator holds the server together, such as
    /// DITTOFS_CONTROLPLANE_PORT, are refused: condition ConfigReady names the field. A change restarts the server, and so does another
    /// content of a Secret that one of them names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub env: Vec<EnvVar>,

    /// Secrets whose keys all become environment variables of the server, such as the credentials for S3. A change restarts the
    /// server, and so does another content of one of these Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub env_from: Vec<EnvFromSecret>,

    /// Secrets that the server must be restarted for when their contents change, such as those in `volumes`. To put one on the list
    /// restarts the server, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.all(secret, secret.name != '')").message("must name each Secret"))]
    pub secret_refs: Vec<SecretReference>,

    /// Volumes of the pod, on top of those that the operator needs. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.all(v, !(v.name in ['config', 'tmp', 'metadata', 'content', 'controlplane']) && !v.name.startsWith('sidecar-') && !v.name.startsWith('dittofs-'))")
        .message("names config, tmp, metadata, content, controlplane, and those beginning with sidecar- or dittofs- belong to the operator"))]
    pub volumes: Vec<Volume>,

    /// Where the server sees those volumes. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.all(m, !(m.mountPath in ['/config', '/tmp', '/data/controlplane', '/data/store/metadata', '/data/store/block']))")
        .message("paths /config, /tmp, /data/controlplane, /data/store/metadata and /data/store/block belong to the operator"))]
    pub volume_mounts: Vec<VolumeMount>,

    /// Whether a PodDisruptionBudget keeps the pod from being evicted, as by `kubectl drain`: `Protect` makes one, so that somebody
    /// has to stop a server that serves on purpose (`replicas: 0`, or deleting the pod), while one that crashes holds up no drain;
    /// `Manual` makes none, and you may make your own.
    #[serde(default)]
    pub disruption_budget: DisruptionBudget,
}

/// Whether the pod is kept from being evicted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DisruptionBudget {
    /// The operator makes a PodDisruptionBudget that allows no eviction of a server that serves.
    #[default]
    Protect,
    /// The operator makes none.
    Manual,
}

/// A Secret whose keys all become environment variables.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSecret {
    /// What the names of the variables begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub prefix: Option<String>,

    /// The Secret.
    pub secret_ref: EnvFromSecretReference,
}

/// A Secret that may be missing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Whether the server starts all the same when the Secret does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// When an image is pulled.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
pub enum PullPolicy {
    /// Each time a container starts.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

impl PullPolicy {
    /// The spelling that Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}
