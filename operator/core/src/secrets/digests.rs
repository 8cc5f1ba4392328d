//! Digests of the Secrets that the server is restarted for.

use dittofs_shared::crd::SecretKeyReference;
use std::collections::{BTreeMap, BTreeSet};

use super::check::check;
use super::references::{Reference, Rolls};
use super::{SecretFacts, SecretProblem, first_password, key_of};
use crate::digest::digest;

/// Digests of what the server is restarted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of the signing key.
    pub signing_key: String,
    /// Of all others, while there are any, but for those of LDAP and Kerberos.
    pub others: Option<String>,
    /// Of files for LDAP.
    pub ldap: Option<String>,
    /// Of files and passwords for Kerberos.
    pub kerberos: Option<String>,
    /// Of the password for LDAP that the server was given, salted with a secret, because the digest is public.
    pub bind_password: Option<String>,
    /// Of all but the signing key, in the form of the first releases.
    pub all_others: Option<String>,
}

/// Checks the Secrets, and takes the digests.
pub(super) fn digests(
    facts: &BTreeMap<String, SecretFacts>,
    signing_key: &Reference,
    password: Option<&Reference>,
    others: &[Reference],
    salt: Option<&SecretFacts>,
) -> Result<Digest, SecretProblem> {
    if let Some(password) = password {
        first_password::evaluate(facts, password)?;
    }
    first_password::text(facts, signing_key)?;
    let signing_key = check(facts, signing_key)?.unwrap_or_default();
    let mut parts = BTreeSet::new();
    for reference in others {
        let digest = check(facts, reference)?;
        let digest = match reference.rolls {
            Rolls::Not => continue,
            Rolls::Name => None,
            Rolls::Contents | Rolls::Stored => digest,
        };
        let SecretKeyReference { name, key, .. } = key_of(reference);
        parts.insert((reference.field.clone(), name, key, digest));
    }
    let stored = |field: &str| {
        let mut stored = others.iter().filter(|other| other.rolls == Rolls::Stored);
        stored.any(|other| other.field == field)
    };
    let of = |wanted: &dyn Fn(&str) -> bool| {
        let parts: Vec<_> = parts.iter().filter(|part| wanted(&part.0)).collect();
        (!parts.is_empty()).then(|| digest(&serde_json::to_vec(&parts).unwrap_or_default()))
    };
    let (ldap, kerberos) = ("spec.identity.ldap.", "spec.identity.kerberos.");
    Ok(Digest {
        signing_key,
        others: of(&|field| !field.starts_with(ldap) && !field.starts_with(kerberos)),
        ldap: of(&|field| field.starts_with(ldap) && !stored(field)),
        kerberos: of(&|field| field.starts_with(kerberos)),
        bind_password: of(&stored).map(|password| salted(&password, salt)),
        all_others: of(&|_| true),
    })
}

/// Trying passwords against the result takes the right to read the sidecar's own Secret.
fn salted(digest_of_password: &str, salt: Option<&SecretFacts>) -> String {
    let salt = salt.map(SecretFacts::hashed);
    digest(&serde_json::to_vec(&(salt, digest_of_password)).unwrap_or_default())
}
