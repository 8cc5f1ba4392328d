//! Volumes, the sidecar and restarts.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogLevel;

/// Sizes of the volumes that hold the data of the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of the volume for metadata, mounted at /data/store/metadata, such as `10Gi`.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("must be a size above zero, such as 10Gi"))]
    pub metadata_size: String,

    /// Size of the volume for file contents, mounted at /data/store/block, such as `100Gi`. Without it there is no such
    /// volume, which suits servers whose files are all in S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("must be a size above zero, such as 100Gi"))]
    pub content_size: Option<String>,

    /// Size of the volume for the control plane's database, mounted at /data/controlplane.
    #[serde(default = "default_control_plane_size")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("must be a size above zero, such as 1Gi"))]
    pub control_plane_size: String,

    /// StorageClass of the volumes. Without it, the default class of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

fn default_control_plane_size() -> String {
    "1Gi".to_owned()
}

/// The sidecar that reads the adapters from the REST API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SidecarSettings {
    /// Container image of the sidecar. Without it, the image that belongs to the operator. A running pod keeps the
    /// sidecar it has until it is next recreated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// CPU and memory of the sidecar.
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
