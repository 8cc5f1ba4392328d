//! What is set up through the API of LDAP and Kerberos. Nothing is connected to.

pub(crate) mod kerberos;
pub(crate) mod ldap;

use serde::{Deserialize, Serialize};

use kerberos::Kerberos;
use ldap::Ldap;

use super::stores::secrets::STARS;
use crate::refusal::Refusal;

/// What is set up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Providers {
    ldap: Option<Ldap>,
    kerberos: Option<Kerberos>,
}

/// One provider in the list of all.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(rename = "type")]
    kind: &'static str,
    enabled: bool,
    configured: bool,
}

impl Providers {
    /// Which there are.
    pub(crate) fn list(&self) -> [Summary; 2] {
        let ldap = self.ldap.as_ref().map(|ldap| ldap.enabled);
        let kerberos = self.kerberos.as_ref().map(|kerberos| kerberos.enabled);
        [("ldap", ldap), ("kerberos", kerberos)].map(|(kind, enabled)| Summary {
            kind,
            enabled: enabled.unwrap_or_default(),
            configured: enabled.is_some(),
        })
    }

    /// Whether there is a directory to ask.
    pub(crate) fn has_directory(&self) -> bool {
        self.ldap.as_ref().is_some_and(|ldap| ldap.enabled)
    }

    /// The keytab that a boot needs.
    pub(crate) fn keytab(&self) -> Option<&str> {
        let kerberos = self.kerberos.as_ref();
        let enabled = kerberos.filter(|kerberos| kerberos.enabled)?;
        Some(&enabled.keytab_path)
    }

    /// The directory, without its password.
    pub(crate) fn ldap(&self) -> Option<Ldap> {
        let mut ldap = self.ldap.clone()?;
        hide(&mut ldap.bind_password);
        Some(ldap)
    }

    /// Kerberos, without its secret.
    pub(crate) fn kerberos(&self) -> Option<Kerberos> {
        let mut kerberos = self.kerberos.clone()?;
        hide(&mut kerberos.machine_account.secret);
        Some(kerberos)
    }

    /// Sets the directory up.
    pub(crate) fn set_ldap(&mut self, ldap: Ldap) -> Result<(), Refusal> {
        self.ldap = Some(self.with_password(ldap).completed()?);
        Ok(())
    }

    /// The server's words why a directory cannot be set up.
    pub(crate) fn judge_ldap(&self, ldap: Ldap) -> Result<(), String> {
        let completed = self.with_password(ldap).completed();
        completed.map(drop).map_err(|refusal| refusal.to_string())
    }

    fn with_password(&self, mut ldap: Ldap) -> Ldap {
        let old = self.ldap.as_ref().map(|old| old.bind_password.clone());
        keep(&mut ldap.bind_password, old);
        ldap
    }

    /// Sets Kerberos up.
    pub(crate) fn set_kerberos(&mut self, mut kerberos: Kerberos) -> Result<(), Refusal> {
        kerberos.check().map_err(Refusal::Unfit)?;
        let old = self.kerberos.as_ref();
        let old = old.map(|old| old.machine_account.secret.clone());
        keep(&mut kerberos.machine_account.secret, old);
        self.kerberos = Some(kerberos);
        Ok(())
    }
}

fn hide(secret: &mut String) {
    if !secret.is_empty() {
        STARS.clone_into(secret);
    }
}

/// A secret that is not said, or said as stars, stays what it was.
fn keep(secret: &mut String, old: Option<String>) {
    if secret.is_empty() || secret == STARS {
        *secret = old.unwrap_or_default();
    }
}
