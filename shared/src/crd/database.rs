//! Where the control plane keeps its data. Every change in here restarts the server.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretKeyReference;

/// Where the control plane keeps its data. `percona.enabled` wins over everything in here.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Kind of database: `sqlite`, or `postgres`, which needs postgresSecretRef or percona. These two decide by themselves which
    /// database is used, so that a change of the kind alone restarts nothing.
    #[serde(default)]
    pub r#type: DatabaseType,

    /// Settings of the SQLite database.
    #[serde(default)]
    pub sqlite: Sqlite,

    /// Secret with the connection to a PostgreSQL database of yours. When it is set, PostgreSQL is used, whatever `type` says. With
    /// the keys host, database, user and password (and, if wanted, port and sslmode) these are used one by one; otherwise `key`
    /// names the key that holds a whole connection string, such as `postgresql://user:password@host:5432/database?sslmode=require`. The
    /// server takes the parts only, so that the operator makes a Secret with them, `{name}-database-…`, for each string that it sees; it
    /// goes with the DittoServer. Another content restarts the server. No data is moved from one database to the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_secret_ref: Option<SecretKeyReference>,
}

/// Kind of the control plane's database.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseType {
    /// A file on the control plane's volume.
    #[default]
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// Settings of the SQLite database.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sqlite {
    /// Path of the database file. It must be on the control plane's volume, mounted at /data/controlplane: any other
    /// path is lost with the pod. A change restarts the server.
    #[serde(default = "default_sqlite_path")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self.startsWith('/data/controlplane/') && !self.contains('..') && !self.endsWith('/')")
        .message("must be a file below /data/controlplane, the only place whose contents outlive the pod"))]
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
