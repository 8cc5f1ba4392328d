//! LDAP directory of users and groups.
// The switches are those of the server and of the Go operator's schema, and a derive repeats the struct.
#![allow(clippy::struct_excessive_bools)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKeyReference, rules};

/// LDAP directory or Active Directory in which the server looks up users and groups. The connection must be
/// encrypted, with an `ldaps://` URL or startTLS, unless allowPlaintext is true. On its first start with LDAP, the
/// server stores these settings, including the bind password, in its database and uses those from then on. A later
/// change restarts nothing and must be made in the server as well: condition DirectoryReady says how.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::identity::ldap_is_encrypted())]
#[x_kube(validation = rules::identity::ldap_has_one_ca())]
pub struct Ldap {
    /// Whether the server uses the directory. Enabling it for the first time restarts the server.
    #[serde(default)]
    pub enabled: bool,

    /// URL of the directory, such as `ldaps://dc.example.com:636`.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^ldaps?://.+"))]
    pub url: String,

    /// Whether an `ldap://` connection is encrypted with StartTLS.
    #[serde(default, rename = "startTLS")]
    pub start_tls: bool,

    /// Whether the server may send the bind password over an unencrypted connection.
    #[serde(default)]
    pub allow_plaintext: bool,

    /// Base DN of searches, such as `DC=example,DC=com`.
    #[serde(rename = "baseDN")]
    #[schemars(length(min = 1, max = 1024))]
    pub base_dn: String,

    /// DN that the server binds with, such as `CN=dittofs,OU=Services,DC=example,DC=com`.
    #[serde(rename = "bindDN")]
    #[schemars(length(min = 1, max = 1024))]
    pub bind_dn: String,

    /// Secret with the password of bindDN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_password_secret_ref: Option<SecretKeyReference>,

    /// Attribute with the login name of a user. Defaults to `sAMAccountName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub user_attr: Option<String>,

    /// Realm of the directory, such as `EXAMPLE.COM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub realm: Option<String>,

    /// Mapping of users and groups to UIDs and GIDs: `rfc2307` reads the attributes uidNumber and gidNumber, `rid`
    /// computes them from the relative identifier. Defaults to `rfc2307`. A change can change the ownership of
    /// existing files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idmap: Option<IdMap>,

    /// Whether nested groups are resolved.
    #[serde(default)]
    pub nested_groups: bool,

    /// Path in the pod of a CA bundle for the certificate of the directory. The file must be mounted with
    /// pod.volumes and pod.volumeMounts. Prefer caSecretRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub ca_cert_file: Option<String>,

    /// Secret with a CA bundle for the certificate of the directory. A change of the contents restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyReference>,

    /// Whether to skip verification of the certificate of the directory. For tests only.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

/// Mapping of users and groups to UIDs and GIDs.
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
