//! Where the control plane stores its data. Every change in here restarts the server.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKeyReference, rules};

/// Database of the control plane. `percona.enabled` overrides everything in here.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Type of the database: `sqlite`, or `postgres`, which requires postgresSecretRef or percona. Setting either
    /// of these selects PostgreSQL whatever the type is, so changing the type alone restarts nothing.
    #[serde(default)]
    pub r#type: DatabaseType,

    /// SQLite settings.
    #[serde(default)]
    pub sqlite: Sqlite,

    /// Secret with the connection to an existing PostgreSQL database. Setting it selects PostgreSQL, whatever the
    /// type is. If the Secret has the keys host, database, user and password (and optionally port and sslmode), the
    /// server uses these. Otherwise `key` names the key with a connection string such as
    /// `postgresql://user:password@host:5432/database?sslmode=require`. The operator splits each connection string
    /// into a Secret `{name}-database-…`, which is deleted with the DittoServer. A change of the contents restarts
    /// the server. Data is never migrated between databases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_secret_ref: Option<SecretKeyReference>,
}

/// Type of the control plane's database.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseType {
    /// A file on the control plane's volume.
    #[default]
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// SQLite settings.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sqlite {
    /// Path of the database file. It must be below /data/controlplane, where the control plane's volume is mounted:
    /// every other path is lost with the pod. A change restarts the server.
    #[serde(default = "default_sqlite_path")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = rules::values::file_on_the_control_plane_volume())]
    pub path: String,
}

impl Default for Sqlite {
    fn default() -> Self {
        Self {
            path: default_sqlite_path(),
        }
    }
}

fn default_sqlite_path() -> String {
    "/data/controlplane/controlplane.db".to_owned()
}
