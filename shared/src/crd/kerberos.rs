//! Kerberos for NFS and SMB.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::SecretKeyReference;

/// Kerberos for NFS (RPCSEC_GSS) and SMB. The server stores the principal, the realm and the names of the domain in its database when
/// it first starts with them, and takes them from there ever after. A later change of these restarts nothing and must be made in the
/// server as well: condition DirectoryReady says how. Files, their Secrets and the machine account are read at each start, so that
/// their changes restart the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.enabled || (has(self.servicePrincipal) && self.servicePrincipal != '')")
    .message("identity.kerberos.enabled needs identity.kerberos.servicePrincipal"))]
#[x_kube(validation = Rule::new("!self.enabled || (has(self.keytabSecretRef) && self.keytabSecretRef.name != '')")
    .message("identity.kerberos.enabled needs identity.kerberos.keytabSecretRef"))]
pub struct Kerberos {
    /// Whether Kerberos is used. To switch it on for the first time restarts the server. Switched off here, it stays on in the server,
    /// which does not come up at its next start, without its keytab: switch it off there first.
    #[serde(default)]
    pub enabled: bool,

    /// Principal of the service, such as `nfs/server.example.com@EXAMPLE.COM`. Needed when enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub service_principal: Option<String>,

    /// Realm of the server. Without it, the part of servicePrincipal after `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub realm: Option<String>,

    /// Short name of the domain, such as `CONTOSO`, that SMB clients see. Without it, `WORKGROUP`.
    #[serde(
        default,
        rename = "netbiosDomain",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 15))]
    pub netbios_domain: Option<String>,

    /// DNS name of the domain, such as `contoso.com`, that SMB clients see. Without it, the realm in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub dns_domain: Option<String>,

    /// Secret with the keytab of the service. Needed when enabled. Another content restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keytab_secret_ref: Option<SecretKeyReference>,

    /// Path of krb5.conf inside the pod, when it comes with the image or with pod.volumes. krb5ConfSecretRef wins. Without both, the
    /// server takes /etc/krb5.conf. A change restarts the server.
    #[serde(default, rename = "krb5Conf", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub krb5_conf: Option<String>,

    /// Secret with a krb5.conf. Another content restarts the server.
    #[serde(
        default,
        rename = "krb5ConfSecretRef",
        skip_serializing_if = "Option::is_none"
    )]
    pub krb5_conf_secret_ref: Option<SecretKeyReference>,

    /// Account of this server in an Active Directory, with which domain users can log in by NTLM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_account: Option<MachineAccount>,
}

/// Account of this server in an Active Directory, with which domain users can log in by NTLM. Used while Kerberos is enabled. Every
/// change restarts the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.enabled || (has(self.accountName) && self.accountName != '')")
    .message("machineAccount.enabled needs machineAccount.accountName"))]
#[x_kube(validation = Rule::new("!self.enabled || (has(self.secretRef) && self.secretRef.name != '') || (has(self.keytabSecretRef) && self.keytabSecretRef.name != '')")
    .message("machineAccount.enabled needs machineAccount.secretRef or machineAccount.keytabSecretRef"))]
pub struct MachineAccount {
    /// Whether the account is used. A change restarts the server.
    #[serde(default)]
    pub enabled: bool,

    /// Name of the account, with the `$` at its end, such as `DITTOFS$`. Needed when enabled. A change restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub account_name: Option<String>,

    /// Domain controllers, each a host or host:port. A change restarts the server.
    #[serde(default, rename = "dcAddress", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 255)))]
    pub dc_address: Vec<String>,

    /// Secret with the password of the account. Another content restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,

    /// Secret with the keytab of the account. Another content restarts the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keytab_secret_ref: Option<SecretKeyReference>,
}
