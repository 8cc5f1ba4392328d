//! Scheduling, images, environment and volumes of the pod.

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, LocalObjectReference, Toleration, TopologySpreadConstraint, Volume,
    VolumeMount,
};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{SecretReference, rules};

/// Scheduling, images, environment and volumes of the pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::annotations_are_for_our_service_account())]
pub struct PodSettings {
    /// Labels that the node must have. A change restarts the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,

    /// Taints that the pod tolerates. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,

    /// Node and pod affinity of the pod. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,

    /// How the pod is spread over zones or nodes. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,

    /// PriorityClass of the pod. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,

    /// Secrets for pulling the images. A change takes effect with the next pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// When the image of the server is pulled. By default, Kubernetes decides by the tag. A change takes effect
    /// with the next pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,

    /// Annotations of the pod. A change takes effect with the next pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Labels of the pod. They cannot override the labels of the operator. A change takes effect with the next pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// An existing ServiceAccount for the pod, instead of `{name}-sidecar`. A RoleBinding gives it the permissions
    /// of the sidecar; the previous ServiceAccount loses them once no pod uses it. A change takes effect with the
    /// next pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,

    /// Annotations of the ServiceAccount `{name}-sidecar`, for example for IRSA or workload identity. A change
    /// takes effect with the next pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_account_annotations: BTreeMap<String, String>,

    /// Environment variables of the server, such as `AWS_REGION`. They override variables that the operator sets,
    /// such as HOME. Variables for settings that have a field of their own and that the operator depends on, such
    /// as DITTOFS_CONTROLPLANE_PORT, are refused: condition ConfigReady names the field. A change restarts the
    /// server, also of the contents of a referenced Secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub env: Vec<EnvVar>,

    /// Secrets whose keys become environment variables of the server, for example S3 credentials. A change restarts
    /// the server, also of the contents of these Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub env_from: Vec<EnvFromSecret>,

    /// More Secrets whose changes restart the server, for example Secrets in `volumes`. Adding one to the list
    /// restarts the server, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::every_secret_has_a_name())]
    pub secret_refs: Vec<SecretReference>,

    /// Additional volumes of the pod. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::no_volume_of_ours())]
    pub volumes: Vec<Volume>,

    /// Mounts of these volumes in the server container. A change restarts the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::no_mount_of_a_volume_of_ours())]
    #[x_kube(validation = rules::values::no_path_of_ours())]
    pub volume_mounts: Vec<VolumeMount>,

    /// User and groups that the pod runs as, where podSecurityContext sets none. `Fixed`: user, group and fsGroup
    /// 65532, those of the official image. `Platform`: none is set, for platforms that assign them to each namespace,
    /// such as OpenShift. A change restarts the server.
    #[serde(default)]
    pub user_policy: UserPolicy,

    /// Whether a PodDisruptionBudget protects the pod from eviction, for example by `kubectl drain`. `Protect`
    /// creates one that allows no eviction of a ready server: to drain its node, set `replicas: 0` or delete the
    /// pod. A server that is not ready does not block a drain. `Manual` creates none, so that you can create your
    /// own.
    #[serde(default)]
    pub disruption_budget: DisruptionBudget,
}

/// Who chooses the user and the groups of the pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserPolicy {
    /// The operator: those of the official image.
    #[default]
    Fixed,
    /// The platform, when it admits the pod.
    Platform,
}

/// Whether the pod is protected from eviction.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DisruptionBudget {
    /// The operator creates a PodDisruptionBudget that allows no eviction of a ready server.
    #[default]
    Protect,
    /// The operator creates none.
    Manual,
}

/// A Secret whose keys become environment variables.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSecret {
    /// Prefix of the names of the variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub prefix: Option<String>,

    /// The Secret to read.
    pub secret_ref: EnvFromSecretReference,
}

/// A Secret that may be missing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Whether the server also starts without the Secret. Defaults to false.
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
