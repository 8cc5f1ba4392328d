//! Pure: which Secrets the server is started with, and whether it can be.

use dittofs_shared::names;
use dittofs_shared::server::{ObservedSecret, SecretKeyReference};
use std::collections::{BTreeMap, BTreeSet};

use super::connection::{self, Connection};
use crate::connection_string::ConnectionProblem;
use crate::named_secrets::{self, AUTHORITY, CERTIFICATE, Part, Reference, Rolls};
use crate::observe::{Observed, SecretFacts, digest};

/// The Secrets of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Key that signs the tokens.
    pub jwt: SecretKeyReference,
    /// First password of the administrator.
    pub admin: SecretKeyReference,
    /// Whether the operator makes the first.
    pub makes_jwt: bool,
    /// Whether the operator makes the second.
    pub makes_admin: bool,
    /// What the server is restarted for, or what is wrong with the Secrets.
    pub digest: Result<Digest, SecretProblem>,
    /// How the server is told its PostgreSQL database, if it uses one that the spec names.
    pub connection: Option<Connection>,
    /// Key of the certificate's Secret by which the sidecar knows the server.
    pub api_authority: &'static str,
    /// All of them, as the user is told.
    pub observed: Vec<ObservedSecret>,
    /// Optional keys that are not there.
    absent: BTreeSet<(String, String)>,
}

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
    /// Of what the server was given as the password for LDAP, mixed with a secret: the digest is for everybody to see.
    pub bind_password: Option<String>,
    /// Of all but the signing key, in the form of the first releases.
    pub all_others: Option<String>,
}

/// Why the server cannot be started with these Secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The field is empty.
    #[error("{0} names no Secret, and the server needs one: set it")]
    Unnamed(String),
    /// The Secret is not there.
    #[error("Secret {0:?}, which {1} names, does not exist in this namespace: create it")]
    Missing(String, String),
    /// The Secret has no such key.
    #[error("Secret {0:?}, which {2} names, has no key {1:?}: add it")]
    NoKey(String, String, String),
    /// The Secret holds no connection.
    #[error(
        "Secret {0:?}, which {2} names, has neither the keys host, database, user and password nor the key {1:?}: add them"
    )]
    NoConnection(String, String, String),
    /// The value cannot be used as a connection string.
    #[error(
        "key {1:?} of Secret {0:?}, which {2} names, {3}. Write it like postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require, \
         or add the keys host, database, user and password"
    )]
    Connection(String, String, String, ConnectionProblem),
    /// The value is too short for the server.
    #[error("key {1:?} of Secret {0:?} has {2} bytes, and the server needs at least {3}")]
    TooShort(String, String, usize, usize),
}

impl Secrets {
    /// Whether the server is given this key. It is not when the key may be missing and is.
    pub fn gives(&self, reference: &SecretKeyReference) -> bool {
        let key = (reference.name.clone(), reference.key.clone());
        !reference.name.is_empty() && !self.absent.contains(&key)
    }
}

/// Finds and checks the Secrets that the instance uses.
pub(super) fn judge(name: &str, observed: &Observed) -> Secrets {
    let spec = &observed.server.spec;
    let identity = &spec.identity;
    let signing_key = named_secrets::signing_key(name, spec);
    let password = named_secrets::first_password(name, spec);
    let others = named_secrets::others(spec);
    let facts = &observed.secrets;
    let makes =
        |own: &Option<SecretKeyReference>| SecretKeyReference::named(own.as_ref()).is_none();
    let makes_jwt = makes(&identity.jwt.secret_ref);
    let makes_admin = makes(&identity.admin.password_secret_ref);
    let mut named: Vec<(&str, &str)> = vec![
        (
            &signing_key.name,
            if makes_jwt {
                "signing key"
            } else {
                &signing_key.field
            },
        ),
        (
            &password.name,
            if makes_admin {
                "first password"
            } else {
                &password.field
            },
        ),
    ];
    named.extend(
        others
            .iter()
            .map(|other| (other.name.as_str(), other.field.as_str())),
    );
    let connection = connection::of(&observed.server, facts);
    let made = connection.iter().filter(|made| made.made_from.is_some());
    named.extend(made.map(|made| (made.secret.as_str(), "connection of the server")));
    let observed = told(name, facts, &named);
    let salt = facts.get(&names::sidecar_credentials(name));
    Secrets {
        jwt: key_of(&signing_key),
        admin: key_of(&password),
        makes_jwt,
        makes_admin,
        digest: digests(facts, &signing_key, &password, &others, salt),
        connection,
        api_authority: authority(facts, spec.control_plane.certificate()),
        absent: absent(facts, &others),
        observed,
    }
}

/// An authority of its own, where the Secret has one. Else the certificate must be trusted by itself.
fn authority(facts: &BTreeMap<String, SecretFacts>, certificate: Option<&str>) -> &'static str {
    let secret = certificate.and_then(|certificate| facts.get(certificate));
    if secret.is_some_and(|secret| secret.keys.contains_key(AUTHORITY)) {
        AUTHORITY
    } else {
        CERTIFICATE
    }
}

pub(super) fn key_of(reference: &Reference) -> SecretKeyReference {
    let key = match &reference.part {
        Part::Key(key, _) | Part::Connection(key) => key.as_str(),
        Part::Whole => "",
    };
    SecretKeyReference::new(&reference.name, key)
}

fn digests(
    facts: &BTreeMap<String, SecretFacts>,
    signing_key: &Reference,
    password: &Reference,
    others: &[Reference],
    salt: Option<&SecretFacts>,
) -> Result<Digest, SecretProblem> {
    check(facts, password)?;
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

/// Only who may read the sidecar's own Secret can try passwords against the result.
fn salted(digest_of_password: &str, salt: Option<&SecretFacts>) -> String {
    let salt = salt.map(|salt| &salt.keys);
    digest(&serde_json::to_vec(&(salt, digest_of_password)).unwrap_or_default())
}

/// Digest of what is used. `None`: it is not there and may be missing.
fn check(
    facts: &BTreeMap<String, SecretFacts>,
    reference: &Reference,
) -> Result<Option<String>, SecretProblem> {
    let Reference { name, field, .. } = reference;
    if name.is_empty() {
        return Err(SecretProblem::Unnamed(field.clone()));
    }
    let Some(secret) = facts.get(name) else {
        let missing = SecretProblem::Missing(name.clone(), field.clone());
        return if reference.optional {
            Ok(None)
        } else {
            Err(missing)
        };
    };
    match &reference.part {
        Part::Whole => Ok(Some(of_whole(secret))),
        Part::Connection(key) => connection::check(secret, reference, key).map(Some),
        Part::Key(key, shortest) => match secret.keys.get(key) {
            Some((_, length)) if length < shortest => Err(SecretProblem::TooShort(
                name.clone(),
                key.clone(),
                *length,
                *shortest,
            )),
            Some((digest, _)) => Ok(Some(digest.clone())),
            None if reference.optional => Ok(None),
            None => Err(SecretProblem::NoKey(
                name.clone(),
                key.clone(),
                field.clone(),
            )),
        },
    }
}

fn of_whole(secret: &SecretFacts) -> String {
    digest(&serde_json::to_vec(&secret.keys).unwrap_or_default())
}

fn absent(
    facts: &BTreeMap<String, SecretFacts>,
    references: &[Reference],
) -> BTreeSet<(String, String)> {
    let optional = references.iter().filter(|reference| reference.optional);
    optional
        .map(key_of)
        .filter(|reference| {
            let secret = facts.get(&reference.name);
            !secret.is_some_and(|secret| secret.keys.contains_key(&reference.key))
        })
        .map(|reference| (reference.name, reference.key))
        .collect()
}

/// Each Secret once, with the fields that name it, or with what the operator has made it for.
fn told(
    instance: &str,
    facts: &BTreeMap<String, SecretFacts>,
    named: &[(&str, &str)],
) -> Vec<ObservedSecret> {
    let own = names::sidecar_credentials(instance);
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, user) in named.iter().chain(&[(own.as_str(), "user of the sidecar")]) {
        if !name.is_empty() {
            users.entry(*name).or_default().insert(*user);
        }
    }
    let tell = |(name, users): (&str, BTreeSet<&str>)| ObservedSecret {
        name: name.to_owned(),
        used_by: users.into_iter().map(str::to_owned).collect(),
        found: facts.contains_key(name),
        resource_version: facts
            .get(name)
            .and_then(|secret| secret.resource_version.clone()),
    };
    users.into_iter().map(tell).collect()
}
