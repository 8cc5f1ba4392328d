//! Who may use the server. Every change in here restarts the server, unless its text says otherwise.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kerberos, Ldap, SecretKeyReference};
use crate::Duration;

/// Who may use the server: tokens and the first administrator of the REST API, LDAP and Kerberos.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Kind of store for the users of the REST API. There is one.
    #[serde(default)]
    pub r#type: IdentityType,

    /// How the tokens of the REST API are signed and how long they live.
    #[serde(default)]
    pub jwt: JwtIdentity,

    /// The administrator that the server makes at its first start.
    #[serde(default)]
    pub admin: AdminIdentity,

    /// The directory in which users and groups are looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<Ldap>,

    /// Kerberos for NFS and SMB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kerberos: Option<Kerberos>,
}

/// Kind of store for the users of the REST API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum IdentityType {
    /// The server's own control plane.
    #[default]
    Memory,
}

/// How the tokens of the REST API are signed and how long they live.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtIdentity {
    /// Secret with the signing key, at least 32 bytes of text; every byte counts. Without it the operator makes one,
    /// `{name}-jwt-secret`. Another content restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,

    /// Life of an access token, such as `15m`. A change restarts the server.
    #[serde(default = "default_access_token_duration")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("must be a duration of at least 1m, such as 15m"))]
    pub access_token_duration: Duration,

    /// Life of a refresh token, such as `168h`. A change restarts the server.
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
    /// Accepted for compatibility, and has no effect: the server always names its first administrator `admin`. Another name here is
    /// pointed out in condition AdminUsernameHonored.
    #[serde(default = "default_admin_username")]
    #[schemars(length(min = 1, max = 64))]
    pub username: String,

    /// Secret with the first password in clear, 8 to 72 bytes; every byte counts. Without it the operator makes one,
    /// `{name}-admin-bootstrap-credentials`. The server reads it at its first start only. Once the server has
    /// run, the Secret is needed only for a reset of the password.
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
