//! PostgreSQL cluster of Percona's operator.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{SecretReference, rules};

/// PostgreSQL cluster of Percona's operator, which must be installed. The server starts once the cluster is ready.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Percona {
    /// Whether the control plane stores its data in the PerconaPGCluster `{name}-postgres`. An existing cluster of
    /// this name is used unchanged; otherwise the operator creates it. Overrides spec.database. A change restarts
    /// the server; data is not migrated.
    #[serde(default)]
    pub enabled: bool,

    /// Name of the database. A change restarts the server while percona is enabled.
    #[serde(default = "default_database_name")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub database_name: String,

    /// Whether the PerconaPGCluster is deleted with the DittoServer, if the operator created it. Otherwise it is
    /// kept, and a new DittoServer of the same name uses it again. Its volumes are kept unless you add the
    /// finalizer percona.com/delete-pvc to it.
    #[serde(default)]
    pub delete_with_server: bool,

    /// Number of PostgreSQL instances. A change does not restart the DittoFS server.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 5))]
    pub replicas: i32,

    /// StorageClass of the PostgreSQL volumes. Defaults to the default StorageClass of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,

    /// Size of each PostgreSQL volume. Percona's operator grows the volumes when you increase it.
    #[serde(default = "default_storage_size")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::size("10Gi"))]
    pub storage_size: String,

    /// Backups of PostgreSQL to S3.
    #[serde(default)]
    pub backup: PerconaBackup,
}

impl Default for Percona {
    fn default() -> Self {
        Self {
            enabled: false,
            database_name: default_database_name(),
            delete_with_server: false,
            replicas: default_replicas(),
            storage_class_name: None,
            storage_size: default_storage_size(),
            backup: PerconaBackup::default(),
        }
    }
}

fn default_database_name() -> String {
    "dittofs".to_owned()
}

const fn default_replicas() -> i32 {
    1
}

fn default_storage_size() -> String {
    "10Gi".to_owned()
}

/// Backups of PostgreSQL to S3 with pgBackRest.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::backup_has_a_bucket())]
pub struct PerconaBackup {
    /// Whether to back up PostgreSQL.
    #[serde(default)]
    pub enabled: bool,

    /// S3 bucket of the backups. Required when enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub bucket: Option<String>,

    /// URL of the S3 service, such as `https://s3.eu-west-1.amazonaws.com`. Required when enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub endpoint: Option<String>,

    /// Region of the bucket.
    #[serde(default = "default_region")]
    #[schemars(length(max = 64))]
    pub region: String,

    /// Secret with the S3 credentials, under the key s3.conf, in the format of pgBackRest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,

    /// Cron schedule of full backups.
    #[serde(default = "default_full_schedule")]
    #[schemars(length(min = 6, max = 64))]
    pub full_schedule: String,

    /// Cron schedule of incremental backups.
    #[serde(default = "default_incremental_schedule")]
    #[schemars(length(min = 6, max = 64))]
    pub incr_schedule: String,

    /// Days to keep a full backup.
    #[serde(default = "default_retention_days")]
    #[schemars(range(min = 1, max = 9_999_999))]
    pub retention_days: i32,
}

impl Default for PerconaBackup {
    fn default() -> Self {
        Self {
            enabled: false,
            bucket: None,
            endpoint: None,
            region: default_region(),
            credentials_secret_ref: None,
            full_schedule: default_full_schedule(),
            incr_schedule: default_incremental_schedule(),
            retention_days: default_retention_days(),
        }
    }
}

fn default_region() -> String {
    "eu-west-1".to_owned()
}

fn default_full_schedule() -> String {
    "0 2 * * *".to_owned()
}

fn default_incremental_schedule() -> String {
    "0 * * * *".to_owned()
}

const fn default_retention_days() -> i32 {
    7
}
