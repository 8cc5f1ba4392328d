//! Authentication. Every change in here restarts the server, unless its description says otherwise.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kerberos, Ldap, SecretKeyReference, rules};
use crate::Duration;

/// Authentication: tokens and the first administrator of the REST API, LDAP and Kerberos.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Type of the user store of the REST API. `memory` is the only one.
    #[serde(default)]
    pub r#type: IdentityType,

    /// Signing and lifetime of the REST API's tokens.
    #[serde(default)]
    pub jwt: JwtIdentity,

    /// Administrator that the server creates on its first start.
    #[serde(default)]
    pub admin: AdminIdentity,

    /// LDAP directory of users and groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<Ldap>,

    /// Kerberos for NFS and SMB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kerberos: Option<Kerberos>,
}

/// Type of the user store of the REST API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum IdentityType {
    /// The server's own control plane.
    #[default]
    Memory,
}

/// Signing and lifetime of the REST API's tokens.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtIdentity {
    /// Secret with the signing key: text of at least 32 bytes, used byte for byte, including a trailing newline.
    /// Defaults to the Secret `{name}-jwt-secret`, which the operator generates. A change of the contents restarts
    /// the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,

    /// Lifetime of an access token, at least 1m. A change restarts the server.
    #[serde(default = "default_access_token_duration")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_of_at_least("1m", "15m"))]
    pub access_token_duration: Duration,

    /// Lifetime of a refresh token, at least 1m. A change restarts the server.
    #[serde(default = "default_refresh_token_duration")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::values::duration_of_at_least("1m", "168h"))]
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

/// Administrator that the server creates on its first start.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdminIdentity {
    /// Accepted for compatibility, without effect: the first administrator is always `admin`. Condition
    /// AdminUsernameHonored reports any other name.
    #[serde(default = "default_admin_username")]
    #[schemars(length(min = 1, max = 64))]
    pub username: String,

    /// Secret with the initial password: plain text of 8 to 72 bytes, used byte for byte, including a trailing
    /// newline. Defaults to the Secret `{name}-admin-bootstrap-credentials`, which the operator generates. The
    /// server reads it on its first start only; after that it is needed only to reset the password.
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
