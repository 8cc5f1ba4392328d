//! The sidecar and restarts.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogLevel;

/// The sidecar that reads the adapters from the REST API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SidecarSettings {
    /// Container image of the sidecar. Without it, the image that belongs to the operator. A running pod gets a new image as
    /// updatePolicy says; the server is not restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// When a running pod gets a new image of the sidecar. `InPlace`: at once, by a restart of the sidecar alone. An image that cannot
    /// be pulled or keeps crashing is replaced by the one before. `WithNextPod`: when the pod is next recreated. Condition
    /// SidecarUpToDate tells.
    #[serde(default)]
    pub update_policy: SidecarUpdatePolicy,

    /// CPU and memory of the sidecar. The next pod has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Least level that the sidecar logs. A change takes effect at once, without a restart.
    #[serde(default)]
    pub log_level: LogLevel,
}

/// When a running pod gets a new image of the sidecar.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidecarUpdatePolicy {
    /// The image of the running pod is changed, which restarts the sidecar alone.
    #[default]
    InPlace,
    /// The running pod keeps the sidecar it has.
    WithNextPod,
}

/// What happens when a change needs a restart of the server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollPolicy {
    /// The operator recreates the pod at once.
    #[default]
    Automatic,
    /// The operator waits until the pod is deleted or `kubectl rollout restart` asks for it.
    Manual,
}
