//! Scheduled snapshots of shares.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Scheduled snapshots of one share. Stored, but not implemented yet: this version does not manage shares. Condition
/// ManagementReady says so.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotPolicy {
    /// Name of the share, such as `/archive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub share: Option<String>,

    /// Whether the schedule is active. Defaults to true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,

    /// Interval between snapshots: a duration such as `24h`, or `@hourly`, `@daily` or `@weekly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub interval: Option<String>,

    /// Number of snapshots to keep. 0 means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub keep_last: Option<i32>,

    /// Prefix of the names of the snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub name_prefix: Option<String>,

    /// Age after which a snapshot is deleted, such as `720h`. By default, snapshots do not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub ttl: Option<String>,
}
