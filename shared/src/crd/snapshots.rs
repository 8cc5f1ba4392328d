//! Snapshots that the server makes by itself.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// When the server makes snapshots of a share. Accepted and kept, but not acted on yet: the management of shares is not part of this
/// version. Condition ManagementReady says so.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotPolicy {
    /// Name of the share, such as `/archive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub share: Option<String>,

    /// Whether snapshots are made. Without it they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,

    /// Time between two snapshots: a duration such as `24h`, or `@hourly`, `@daily`, `@weekly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub interval: Option<String>,

    /// Number of snapshots that are kept; 0 means that their number has no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub keep_last: Option<i32>,

    /// What the names of the snapshots begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub name_prefix: Option<String>,

    /// Age after which a snapshot is removed, a duration such as `720h`. Without it their age has no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub ttl: Option<String>,
}
