//! Kerberos, which comes into force with the next start.

use serde::{Deserialize, Serialize};

use super::super::{duration, go::quoted};

/// Kerberos.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kerberos {
    pub(super) enabled: bool,
    pub(super) keytab_path: String,
    service_principal: String,
    realm: String,
    netbios_domain: String,
    dns_domain: String,
    krb5_conf: String,
    max_clock_skew: String,
    context_ttl: String,
    max_contexts: i64,
    pub(super) machine_account: MachineAccount,
}

/// The server's own account in the domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct MachineAccount {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enabled: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    account_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    keytab_path: String,
    #[serde(rename = "dc_address", skip_serializing_if = "Vec::is_empty")]
    dc_addresses: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) secret: String,
}

impl Kerberos {
    /// The server's words why a test of it fails before the keytab is read.
    pub(crate) fn test(&self) -> Result<(), String> {
        self.check()?;
        if self.keytab_path.is_empty() {
            return Err("keytab_path is required".to_owned());
        }
        Ok(())
    }

    /// The server's words why it cannot be.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.enabled {
            for (value, name) in [
                (&self.keytab_path, "keytab_path"),
                (&self.service_principal, "service_principal"),
            ] {
                if value.is_empty() {
                    return Err(format!("{name} is required when kerberos is enabled"));
                }
            }
        }
        let plain = "must not contain '@', '/', or spaces";
        let label = "must be a single label (no '.', '@', '/', or spaces)";
        for (value, name, bad, words) in [
            (&self.realm, "realm", "@/ ", plain),
            (&self.netbios_domain, "netbios_domain", ".@/ ", label),
            (&self.dns_domain, "dns_domain", "@/ ", plain),
        ] {
            if value.contains(|c| bad.contains(c)) {
                return Err(format!("{name} {} {words}", quoted(value)));
            }
        }
        for (text, name) in [
            (&self.max_clock_skew, "max_clock_skew"),
            (&self.context_ttl, "context_ttl"),
        ] {
            match duration::parse(text) {
                _ if text.is_empty() => {}
                Ok(nanos) if nanos < 0 => return Err(format!("{name} must not be negative")),
                Ok(_) => {}
                Err(why) => return Err(format!("invalid {name} {}: {why}", quoted(text))),
            }
        }
        if self.max_contexts < 0 {
            return Err("max_contexts must be >= 0".to_owned());
        }
        Ok(())
    }
}
