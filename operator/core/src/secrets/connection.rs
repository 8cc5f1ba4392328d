//! Pure: how the server gets the connection to PostgreSQL from the Secret that the spec names.
//!
//! The server has a setting for each part of a connection. A Secret that holds the parts is used directly; from one
//! that holds a connection string the operator generates another Secret, with the parts.

use dittofs_shared::crd::{DittoServer, SecretKeyReference};
use dittofs_shared::names;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::references::{self, CONNECTION, CONNECTION_OPTIONS, Part, Reference};
use super::{KeyFacts, SecretFacts, SecretProblem, key_of};
use crate::digest::digest;

/// Where the server finds host, database, user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The Secret that holds the parts.
    pub secret: String,
    /// What the operator generates that Secret from. `None`: it is the user's own.
    pub generated_from: Option<ConnectionString>,
}

/// A connection string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// Where it is.
    pub key: SecretKeyReference,
    /// Digest of it when it was seen.
    pub digest: String,
}

/// The connection of an instance, if its spec names one that is there.
pub(super) fn of(
    server: &DittoServer,
    facts: &BTreeMap<String, SecretFacts>,
) -> Option<Connection> {
    let reference = references::database(&server.spec)?;
    let Part::Connection(key) = &reference.part else {
        return None;
    };
    let secret = facts.get(&reference.name)?;
    if has_parts(secret) {
        return Some(Connection {
            secret: reference.name.clone(),
            generated_from: None,
        });
    }
    let seen = &secret.keys.get(key)?.digest;
    // Not the digest itself: names are public, and a short password could be found by trying.
    let salted = digest(format!("{}/{seen}", server.uid().unwrap_or_default()).as_bytes());
    Some(Connection {
        secret: names::database_connection(&server.name_any(), &salted),
        generated_from: Some(ConnectionString {
            key: key_of(&reference),
            digest: seen.clone(),
        }),
    })
}

/// Name of the Secret that the operator generates from a connection string, if there is one.
pub fn generated_for(
    server: &DittoServer,
    facts: &BTreeMap<String, SecretFacts>,
) -> Option<String> {
    let connection = of(server, facts)?;
    connection
        .generated_from
        .is_some()
        .then_some(connection.secret)
}

/// Digest of a connection, if the server can use it.
pub(super) fn check(
    secret: &SecretFacts,
    reference: &Reference,
    key: &str,
) -> Result<String, SecretProblem> {
    if has_parts(secret) {
        let keys = CONNECTION.iter().chain(&CONNECTION_OPTIONS);
        let used = keys.map(|key| (key, secret.keys.get(*key).map(KeyFacts::hashed)));
        let used: Vec<_> = used.collect();
        return Ok(digest(&serde_json::to_vec(&used).unwrap_or_default()));
    }
    let (name, key_name, field) = (
        reference.name.clone(),
        key.to_owned(),
        reference.field.clone(),
    );
    let Some(value) = secret.keys.get(key) else {
        return Err(SecretProblem::NoConnection {
            secret: name,
            key: key_name,
            field,
        });
    };
    match &value.connection_problem {
        Some(problem) => Err(SecretProblem::Connection {
            secret: name,
            key: key_name,
            field,
            problem: problem.clone(),
        }),
        None => Ok(value.digest.clone()),
    }
}

fn has_parts(secret: &SecretFacts) -> bool {
    CONNECTION.iter().all(|key| secret.keys.contains_key(*key))
}
