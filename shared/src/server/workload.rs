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
    /// Container image of the sidecar. Without it, the image that belongs to the operator. A running pod keeps the
    /// sidecar it has until it is next recreated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// CPU and memory of the sidecar. The next pod has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Least level that the sidecar logs. A change takes effect at once, without a restart.
    #[serde(default)]
    pub log_level: LogLevel,
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
