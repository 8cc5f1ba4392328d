//! The directory in which the server looks users and groups up.
// The switches are those of the server and of the Go operator's schema, and a derive repeats the struct.
#![allow(clippy::struct_excessive_bools)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretKeyReference;

/// The directory, LDAP or Active Directory, in which users and groups are looked up. The connection must be encrypted: an
/// `ldaps://` address, or startTLS, unless allowPlaintext is true. The server stores these settings, the bind
/// password included, in its database when it first starts with them, and takes them from there ever after. A later change restarts
/// nothing and must be made in the server as well: condition DirectoryReady says how.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.enabled || self.url.startsWith('ldaps://') || self.startTLS || self.allowPlaintext")
    .message("identity.ldap.url must begin with ldaps://, or startTLS or allowPlaintext must be true: the server refuses to send the bind password in clear"))]
#[x_kube(validation = Rule::new("!has(self.caSecretRef) || !has(self.caCertFile)")
    .message("identity.ldap.caSecretRef and identity.ldap.caCertFile exclude each other"))]
pub struct Ldap {
    /// Whether the directory is used. To switch it on for the first time restarts the server.
    #[serde(default)]
    pub enabled: bool,

    /// Address of the directory, such as `ldaps://dc.example.com:636`.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^ldaps?://.+"))]
    pub url: String,

    /// Whether an `ldap://` connection is encrypted by StartTLS.
    #[serde(default, rename = "startTLS")]
    pub start_tls: bool,

    /// Whether the bind password may be sent over a connection that is not encrypted.
    #[serde(default)]
    pub allow_plaintext: bool,

    /// Where searches begin, such as `DC=example,DC=com`.
    #[serde(rename = "baseDN")]
    #[schemars(length(min = 1, max = 1024))]
    pub base_dn: String,

    /// Account with which the server searches, such as `CN=dittofs,OU=Services,DC=example,DC=com`.
    #[serde(rename = "bindDN")]
    #[schemars(length(min = 1, max = 1024))]
    pub bind_dn: String,

    /// Secret with the password of that account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_password_secret_ref: Option<SecretKeyReference>,

    /// Attribute that holds the name with which a user logs in. Without it, the server takes `sAMAccountName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub user_attr: Option<String>,

    /// Realm of the directory, such as `EXAMPLE.COM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub realm: Option<String>,

    /// How user and group numbers are found: `rfc2307` reads attributes of the directory, `rid` computes them. Without it, the server
    /// takes `rfc2307`. A change can change who owns which files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idmap: Option<IdMap>,

    /// Whether groups within groups count.
    #[serde(default)]
    pub nested_groups: bool,

    /// Path, inside the pod, of the CA bundle that verifies the certificate of the directory. The file has to come with pod.volumes
    /// and pod.volumeMounts; caSecretRef is simpler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub ca_cert_file: Option<String>,

    /// Secret with the CA bundle that verifies the certificate of the directory. Another content restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyReference>,

    /// Whether the certificate of the directory is not verified. For tests only.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

/// How user and group numbers are found.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(transform = super::texts::left_to_the_field)]
#[serde(rename_all = "lowercase")]
pub enum IdMap {
    /// Attributes uidNumber and gidNumber of the directory.
    Rfc2307,
    /// Computed from the relative identifier.
    Rid,
}

impl IdMap {
    /// The spelling that the server uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rfc2307 => "rfc2307",
            Self::Rid => "rid",
        }
    }
}
