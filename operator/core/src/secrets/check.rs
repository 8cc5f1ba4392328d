//! Whether the server can use what a reference names.

use std::collections::BTreeMap;

use super::references::{Part, Reference};
use super::{SecretFacts, SecretProblem, connection};
use crate::digest::digest;

/// Digest of what is used. `None`: it is missing, and may be.
pub(super) fn check(
    facts: &BTreeMap<String, SecretFacts>,
    reference: &Reference,
) -> Result<Option<String>, SecretProblem> {
    let Reference { name, field, .. } = reference;
    if name.is_empty() {
        return Err(SecretProblem::Unnamed {
            field: field.clone(),
        });
    }
    let Some(secret) = facts.get(name) else {
        let missing = SecretProblem::Missing {
            secret: name.clone(),
            field: field.clone(),
        };
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
            Some(value) if value.length < *shortest => Err(SecretProblem::TooShort {
                secret: name.clone(),
                key: key.clone(),
                length: value.length,
                shortest: *shortest,
            }),
            Some(value) => Ok(Some(value.digest.clone())),
            None if reference.optional => Ok(None),
            None => Err(SecretProblem::NoKey {
                secret: name.clone(),
                key: key.clone(),
                field: field.clone(),
            }),
        },
    }
}

fn of_whole(secret: &SecretFacts) -> String {
    digest(&serde_json::to_vec(&secret.hashed()).unwrap_or_default())
}
