//! What shapes the `config.yaml` of the server. Every change in here restarts the server, unless its text says otherwise.

use crate::Duration;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the control plane keeps its data.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Kind of database.
    #[serde(default)]
    pub r#type: DatabaseType,

    /// Settings of the SQLite database.
    #[serde(default)]
    pub sqlite: Sqlite,
}

/// Kind of the control plane's database.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseType {
    /// A file on the control plane's volume.
    #[default]
    Sqlite,
}

/// Settings of the SQLite database.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sqlite {
    /// Path of the database file. It must be on the control plane's volume, mounted at /data/controlplane: any other
    /// path is lost with the pod.
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

/// The REST API of the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlane {
    /// TCP port of the REST API.
    #[serde(default = "default_api_port")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = Rule::new("self != 8081").message("must not be 8081, on which the sidecar answers probes"))]
    pub port: i32,

    /// Who can reach the REST API: `Loopback` only what runs in the pod, and `kubectl port-forward`; `Cluster` makes
    /// the Service `{name}-api`, open to the peers in networkPolicy.api.from.
    #[serde(default)]
    pub exposure: Exposure,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self {
            port: default_api_port(),
            exposure: Exposure::default(),
        }
    }
}

const fn default_api_port() -> i32 {
    8080
}

/// Who can reach the REST API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// The API listens on 127.0.0.1 of the pod.
    #[default]
    Loopback,
    /// The API listens on all addresses of the pod and has a Service.
    Cluster,
}

/// Tokens and the first administrator of the REST API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// How the tokens of the REST API are signed and how long they live.
    #[serde(default)]
    pub jwt: JwtIdentity,

    /// The administrator that the server makes at its first start.
    #[serde(default)]
    pub admin: AdminIdentity,
}

/// How the tokens of the REST API are signed and how long they live.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtIdentity {
    /// Secret with the signing key, at least 32 characters. Without it the operator makes one, `{name}-jwt-secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,

    /// Life of an access token, such as `15m`.
    #[serde(default = "default_access_token_duration")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("must be a duration of at least 1m, such as 15m"))]
    pub access_token_duration: Duration,

    /// Life of a refresh token, such as `168h`.
    #[serde(default = "default_refresh_token_duration")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("must be a duration of at least 1m, such as 168h"))]
    pub refresh_token_duration: Duration,
}

impl Default for JwtIdentity {
    fn default() -> Self {
        Self {
            secret_ref: None,
            access_token_duration: default_access_token_duration(),
            refresh_token_duration: default_refresh_token_duration(),
        }
    }
}

fn default_access_token_duration() -> Duration {
    std::time::Duration::from_mins(15).into()
}

fn default_refresh_token_duration() -> Duration {
    std::time::Duration::from_hours(168).into()
}

/// The administrator that the server makes at its first start.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdminIdentity {
    /// Name of the administrator.
    #[serde(default = "default_admin_username")]
    #[schemars(length(min = 1, max = 64))]
    pub username: String,

    /// Secret with the first password in clear, at least 8 characters. Without it the operator makes one,
    /// `{name}-admin-bootstrap-credentials`. The server reads it at its first start only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKeyReference>,
}

impl Default for AdminIdentity {
    fn default() -> Self {
        Self {
            username: default_admin_username(),
            password_secret_ref: None,
        }
    }
}

fn default_admin_username() -> String {
    "admin".to_owned()
}

/// One key of a Secret in the namespace of the DittoServer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key in the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Log of the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Least level that is written.
    #[serde(default)]
    pub level: LogLevel,

    /// Format of a line.
    #[serde(default)]
    pub format: LogFormat,

    /// Where the lines go. Kubernetes reads standard output and standard error.
    #[serde(default)]
    pub output: LogOutput,
}

/// Least level that is written to a log.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Every step.
    Debug,
    /// Changes and what a reader should know.
    #[default]
    Info,
    /// What may need attention.
    Warn,
    /// What went wrong.
    Error,
}

/// Format of a log line.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    #[default]
    Json,
}

/// Where log lines go.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}
