//! A directory that knows users.

use serde::{Deserialize, Serialize};

use super::super::{duration, go::quoted};
use crate::refusal::Refusal;

/// A directory.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ldap {
    pub(super) enabled: bool,
    url: String,
    start_tls: bool,
    allow_plaintext: bool,
    base_dn: String,
    bind_dn: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) bind_password: String,
    user_attr: String,
    realm: String,
    idmap: String,
    nested_groups: bool,
    timeout: String,
    max_group_results: i64,
    tls: LdapTls,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct LdapTls {
    ca_cert_file: String,
    client_cert_file: String,
    client_key_file: String,
    insecure_skip_verify: bool,
    min_version: String,
}

impl Ldap {
    /// With defaults where nothing is said. Only one that is enabled is judged.
    pub(super) fn completed(mut self) -> Result<Self, Refusal> {
        let timeout = match self.timeout.as_str() {
            "" => 0,
            text => duration::parse(text).map_err(|why| {
                Refusal::unfit(format!("invalid timeout {}: {why}", quoted(text)))
            })?,
        };
        or(&mut self.user_attr, "sAMAccountName");
        or(&mut self.idmap, "rfc2307");
        if self.max_group_results == 0 {
            self.max_group_results = 200;
        }
        if self.enabled {
            self.check(timeout)
                .map_err(|why| Refusal::unfit(format!("ldap.{why}")))?;
        }
        self.timeout = match timeout {
            0 => "10s".to_owned(),
            nanos if nanos > 0 => duration::shown(nanos),
            // Kept, and not shown.
            _ => String::new(),
        };
        Ok(self)
    }

    fn check(&self, timeout: i64) -> Result<(), String> {
        let url = self.url.trim().to_lowercase();
        if url.is_empty() {
            return Err("url is required when ldap is enabled".to_owned());
        }
        if url.starts_with("ldap://") {
            if !self.start_tls && !self.allow_plaintext {
                return Err(
                    "url uses plaintext ldap://; set ldap.start_tls=true to upgrade to TLS, \
                    or ldap.allow_plaintext=true to explicitly permit an unencrypted bind"
                        .to_owned(),
                );
            }
        } else if !url.starts_with("ldaps://") {
            let url = quoted(&self.url);
            return Err(format!(
                "url must use the ldap:// or ldaps:// scheme (got {url})"
            ));
        }
        for (value, words) in [
            (
                self.base_dn.trim(),
                "base_dn is required when ldap is enabled",
            ),
            (
                self.bind_dn.trim(),
                "bind_dn is required (service-account bind is the minimum supported auth)",
            ),
            (
                self.bind_password.as_str(),
                "bind_password is required (an empty password performs an anonymous bind)",
            ),
        ] {
            if value.is_empty() {
                return Err(words.to_owned());
            }
        }
        self.check_details(timeout)
    }

    fn check_details(&self, timeout: i64) -> Result<(), String> {
        if !is_attribute(&self.user_attr) {
            let name = quoted(&self.user_attr);
            return Err(format!(
                "user_attr {name} is not a valid LDAP attribute name"
            ));
        }
        if self.max_group_results < 0 {
            let got = self.max_group_results;
            return Err(format!("max_group_results must be >= 0 (got {got})"));
        }
        if !matches!(self.idmap.as_str(), "rfc2307" | "rid") {
            let name = quoted(&self.idmap);
            return Err(format!(
                "idmap {name} is not supported (use \"rfc2307\" or \"rid\")"
            ));
        }
        if self.tls.client_cert_file.is_empty() != self.tls.client_key_file.is_empty() {
            return Err(
                "tls.client_cert_file and ldap.tls.client_key_file must be set together".to_owned(),
            );
        }
        if !matches!(self.tls.min_version.as_str(), "" | "1.2" | "1.3") {
            let name = quoted(&self.tls.min_version);
            return Err(format!(
                "tls.min_version {name} is not supported (use \"1.2\" or \"1.3\")"
            ));
        }
        if timeout < 0 {
            let got = duration::shown(timeout);
            return Err(format!("timeout must be >= 0 (got {got})"));
        }
        Ok(())
    }
}

fn is_attribute(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn or(text: &mut String, default: &str) {
    if text.is_empty() {
        default.clone_into(text);
    }
}
