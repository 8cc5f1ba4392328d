//! Volumes that hold the data of the server.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sizes of the volumes that hold the data of the server. A larger size grows the volumes, where their StorageClass can; condition
/// StorageReady tells. A size below that of the volume is refused, since volumes cannot shrink; a growth that has failed can be
/// taken back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.contentSize) || has(self.contentSize)")
    .message("storage.contentSize cannot be taken away: the files are on that volume"))]
#[x_kube(validation = Rule::new("has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)")
    .message("storage.storageClassName cannot be changed: the claims have been made"))]
pub struct Storage {
    /// Size of the volume for metadata, mounted at /data/store/metadata, such as `10Gi`. A larger size restarts nothing.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("must be a size above zero, such as 10Gi"))]
    pub metadata_size: String,

    /// Size of the volume for file contents, mounted at /data/store/block, such as `100Gi`. Without it there is no such
    /// volume, which suits servers whose files are all in S3. A larger size restarts nothing; to have it at all restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("must be a size above zero, such as 100Gi"))]
    pub content_size: Option<String>,

    /// Size of the volume for the control plane's database, mounted at /data/controlplane. A larger size restarts nothing.
    #[serde(default = "default_control_plane_size")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("must be a size above zero, such as 1Gi"))]
    pub control_plane_size: String,

    /// Most space that the server uses for the local cache of a remote store such as S3, on the volume for file contents, for shares
    /// that set no limit of their own. Without it, the server decides. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isInteger() && quantity(self).isGreaterThan(quantity('0'))").message("must be a size of whole bytes above zero, such as 50Gi"))]
    pub cache_size: Option<String>,

    /// StorageClass of the volumes. Without it, the default class of the cluster. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,

    /// What becomes of the volumes when the DittoServer is deleted: `Retain` keeps them and all files; `Delete` deletes them. They are
    /// always kept while the DittoServer exists, also with `replicas: 0`, and when the StatefulSet is deleted. A change restarts nothing.
    /// The Secrets that the operator generates stay or go with the volumes, by the policy at the moment they are generated.
    #[serde(default)]
    pub retention_policy: RetentionPolicy,
}

/// What becomes of the volumes when the DittoServer is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetentionPolicy {
    /// They are kept.
    #[default]
    Retain,
    /// They are deleted, and the files with them.
    Delete,
}

fn default_control_plane_size() -> String {
    "1Gi".to_owned()
}
