//! Volumes for the data of the server.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// Volumes for the data of the server. Increasing a size expands the volume if its StorageClass allows that: see
/// condition StorageReady. Volumes cannot shrink, so a size below that of the volume is refused; a failed expansion
/// can be reverted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::content_stays())]
#[x_kube(validation = rules::storage_class_stays())]
pub struct Storage {
    /// Size of the metadata volume, mounted at /data/store/metadata, such as `10Gi`. Increasing it restarts nothing.
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::size("10Gi"))]
    pub metadata_size: String,

    /// Size of the volume for file contents, mounted at /data/store/block, such as `100Gi`. Without it there is no
    /// such volume, which suits servers that store all files in S3. Increasing it restarts nothing; setting it for
    /// the first time restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::size("100Gi"))]
    pub content_size: Option<String>,

    /// Size of the volume for the control plane's database, mounted at /data/controlplane. Increasing it restarts
    /// nothing.
    #[serde(default = "default_control_plane_size")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::size("1Gi"))]
    pub control_plane_size: String,

    /// Maximum size of the local cache of a remote store such as S3, for shares without a limit of their own. The
    /// cache is on the volume for file contents. By default, the server decides. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::size_in_bytes("50Gi"))]
    pub cache_size: Option<String>,

    /// StorageClass of the volumes. Defaults to the default StorageClass of the cluster. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,

    /// Whether the volumes are kept (`Retain`) or deleted with all files (`Delete`) when the DittoServer is
    /// deleted. They are always kept while the DittoServer exists, also with `replicas: 0` and when the StatefulSet
    /// is deleted. Secrets that the operator generates are kept or deleted as the policy was when they were
    /// generated. A change restarts nothing.
    #[serde(default)]
    pub retention_policy: RetentionPolicy,
}

/// What happens to the volumes when the DittoServer is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetentionPolicy {
    /// The volumes are kept.
    #[default]
    Retain,
    /// The volumes are deleted, with all files.
    Delete,
}

fn default_control_plane_size() -> String {
    "1Gi".to_owned()
}
