//! Rules of LDAP and Kerberos.

use kube::core::Rule;

use super::{is_set, names_a_secret};

/// The server refuses to send a password unencrypted, unless allowPlaintext is set.
pub(in crate::crd) fn ldap_is_encrypted() -> Rule {
    Rule::new("!self.enabled || self.url.startsWith('ldaps://') || self.startTLS || self.allowPlaintext").message(
        "identity.ldap.url must begin with ldaps://, or set startTLS or allowPlaintext to true: the server does not send the bind \
         password unencrypted",
    )
}

/// One CA bundle.
pub(in crate::crd) fn ldap_has_one_ca() -> Rule {
    Rule::new("!has(self.caSecretRef) || !has(self.caCertFile)")
        .message("identity.ldap.caSecretRef and identity.ldap.caCertFile are mutually exclusive")
}

/// Kerberos does nothing without a principal.
pub(in crate::crd) fn kerberos_has_a_principal() -> Rule {
    Rule::new(format!("!self.enabled || ({})", is_set("servicePrincipal")))
        .message("identity.kerberos.enabled requires identity.kerberos.servicePrincipal")
}

/// Nor without a keytab.
pub(in crate::crd) fn kerberos_has_a_keytab() -> Rule {
    let keytab = names_a_secret("keytabSecretRef");
    Rule::new(format!("!self.enabled || ({keytab})"))
        .message("identity.kerberos.enabled requires identity.kerberos.keytabSecretRef")
}

/// A machine account has a name.
pub(in crate::crd) fn machine_account_has_a_name() -> Rule {
    Rule::new(format!("!self.enabled || ({})", is_set("accountName")))
        .message("machineAccount.enabled requires machineAccount.accountName")
}

/// And something to log in with.
pub(in crate::crd) fn machine_account_has_a_secret() -> Rule {
    let password = names_a_secret("secretRef");
    let keytab = names_a_secret("keytabSecretRef");
    Rule::new(format!("!self.enabled || ({password}) || ({keytab})")).message(
        "machineAccount.enabled requires machineAccount.secretRef or machineAccount.keytabSecretRef",
    )
}
