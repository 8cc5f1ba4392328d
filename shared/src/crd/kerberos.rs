//! Kerberos for NFS and SMB.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKeyReference, rules};

/// Kerberos for NFS (RPCSEC_GSS) and SMB. On its first start with Kerberos, the server stores the principal, the
/// realm and the domain names in its database and uses those from then on. A later change of them restarts nothing
/// and must be made in the server as well: condition DirectoryReady says how. Keytabs, krb5.conf and the machine
/// account are read on every start, so changing them restarts the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::identity::kerberos_has_a_principal())]
#[x_kube(validation = rules::identity::kerberos_has_a_keytab())]
pub struct Kerberos {
    /// Whether the server uses Kerberos. Enabling it for the first time restarts the server. Disable it inside the
    /// server before you disable it here: otherwise the server still needs its keytab, and its next start fails.
    #[serde(default)]
    pub enabled: bool,

    /// Service principal, such as `nfs/server.example.com@EXAMPLE.COM`. Required when enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub service_principal: Option<String>,

    /// Realm of the server. Defaults to the part of servicePrincipal after `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub realm: Option<String>,

    /// NetBIOS name of the domain, such as `CONTOSO`, that SMB clients see. Defaults to `WORKGROUP`.
    #[serde(
        default,
        rename = "netbiosDomain",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 15))]
    pub netbios_domain: Option<String>,

    /// DNS name of the domain, such as `contoso.com`, that SMB clients see. Defaults to the realm in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub dns_domain: Option<String>,

    /// Secret with the keytab of the service principal. Required when enabled. A change of the contents restarts
    /// the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keytab_secret_ref: Option<SecretKeyReference>,

    /// Path of krb5.conf in the pod, for a file from the image or from pod.volumes. krb5ConfSecretRef overrides it.
    /// Without either, the server uses /etc/krb5.conf. A change restarts the server.
    #[serde(default, rename = "krb5Conf", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub krb5_conf: Option<String>,

    /// Secret with krb5.conf. A change of the contents restarts the server.
    #[serde(
        default,
        rename = "krb5ConfSecretRef",
        skip_serializing_if = "Option::is_none"
    )]
    pub krb5_conf_secret_ref: Option<SecretKeyReference>,

    /// Computer account of the server in Active Directory. It lets domain users log in with NTLM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_account: Option<MachineAccount>,
}

/// Computer account of the server in Active Directory. It lets domain users log in with NTLM. Used while Kerberos
/// is enabled. Every change restarts the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::identity::machine_account_has_a_name())]
#[x_kube(validation = rules::identity::machine_account_has_a_secret())]
pub struct MachineAccount {
    /// Whether the server uses the account. A change restarts the server.
    #[serde(default)]
    pub enabled: bool,

    /// Name of the account including the trailing `$`, such as `DITTOFS$`. Required when enabled. A change restarts
    /// the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub account_name: Option<String>,

    /// Domain controllers, as host or host:port. A change restarts the server.
    #[serde(default, rename = "dcAddress", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 255)))]
    pub dc_address: Vec<String>,

    /// Secret with the password of the account. A change of the contents restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,

    /// Secret with the keytab of the account. A change of the contents restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keytab_secret_ref: Option<SecretKeyReference>,
}
