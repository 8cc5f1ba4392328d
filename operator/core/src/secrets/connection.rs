//! Pure: how the server is told its PostgreSQL database, when the spec names a Secret with it.
//!
//! The server has a setting for each part of a connection. A Secret that holds them one by one is used as it is; of one that holds
//! a connection string the operator makes another, with the parts.

use dittofs_shared::crd::{DittoServer, SecretKeyReference};
use dittofs_shared::names;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::references::{self, CONNECTION, CONNECTION_OPTIONS, Part, Reference};
use super::{SecretFacts, SecretProblem, key_of};
use crate::digest::digest;

/// Where the server finds host, database, user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The Secret that holds them one by one.
    pub secret: String,
    /// What the operator makes that Secret from, unless it is the user's own.
    pub made_from: Option<ConnectionString>,
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
            made_from: None,
        });
    }
    let (seen, _) = secret.keys.get(key)?;
    // Not the digest itself: a name is for everybody to see, and a short password could be found by trying.
    let salted = digest(format!("{}/{seen}", server.uid().unwrap_or_default()).as_bytes());
    Some(Connection {
        secret: names::database_connection(&server.name_any(), &salted),
        made_from: Some(ConnectionString {
            key: key_of(&reference),
            digest: seen.clone(),
        }),
    })
}

/// Name of the Secret that the operator makes of a connection string, if there is one.
pub fn made_for(server: &DittoServer, facts: &BTreeMap<String, SecretFacts>) -> Option<String> {
    let connection = of(server, facts)?;
    connection.made_from.is_some().then_some(connection.secret)
}

/// Digest of a connection, if the server can be told it.
pub(super) fn check(
    secret: &SecretFacts,
    reference: &Reference,
    key: &str,
) -> Result<String, SecretProblem> {
    if has_parts(secret) {
        let keys = CONNECTION.iter().chain(&CONNECTION_OPTIONS);
        let used: Vec<_> = keys.map(|key| (key, secret.keys.get(*key))).collect();
        return Ok(digest(&serde_json::to_vec(&used).unwrap_or_default()));
    }
    let name = || reference.name.clone();
    let field = || reference.field.clone();
    let Some((digest, _)) = secret.keys.get(key) else {
        return Err(SecretProblem::NoConnection(name(), key.to_owned(), field()));
    };
    match secret.connections.get(key) {
        Some(Err(problem)) => Err(SecretProblem::Connection(
            name(),
            key.to_owned(),
            field(),
            problem.clone(),
        )),
        _ => Ok(digest.clone()),
    }
}

fn has_parts(secret: &SecretFacts) -> bool {
    CONNECTION.iter().all(|key| secret.keys.contains_key(*key))
}
