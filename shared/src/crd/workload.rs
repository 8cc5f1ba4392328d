//! Sidecar and restarts.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogLevel;

/// Sidecar that reads the adapters from the REST API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SidecarSettings {
    /// Container image of the sidecar. Defaults to the image that the operator is configured with. updatePolicy
    /// says when a running pod gets a new image; the server is not restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// When a running pod gets a new sidecar image. `InPlace`: at once; only the sidecar restarts, and an image
    /// that cannot be pulled or keeps crashing is rolled back. `WithNextPod`: when the pod is next recreated. See
    /// condition SidecarUpToDate.
    #[serde(default)]
    pub update_policy: SidecarUpdatePolicy,

    /// Resource requests and limits of the sidecar. A change takes effect with the next pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Minimum log level of the sidecar. A change takes effect at once, without a restart.
    #[serde(default)]
    pub log_level: LogLevel,
}

/// When a running pod gets a new sidecar image.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidecarUpdatePolicy {
    /// The image is changed in the running pod, which restarts only the sidecar.
    #[default]
    InPlace,
    /// The running pod keeps its sidecar.
    WithNextPod,
}

/// When a change that needs a restart restarts the server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollPolicy {
    /// The operator recreates the pod at once.
    #[default]
    Automatic,
    /// The operator waits until you delete the pod or run `kubectl rollout restart`.
    Manual,
}
