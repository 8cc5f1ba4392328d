//! Pure: the administrator's first password, which the server needs once.

use std::collections::BTreeMap;

use super::check::check;
use super::references::{Part, Reference};
use super::{SecretFacts, SecretProblem};

/// The server hashes with bcrypt, which accepts no more bytes.
const MAX_LENGTH: usize = 72;

/// Whether the server accepts it.
pub(super) fn evaluate(
    facts: &BTreeMap<String, SecretFacts>,
    password: &Reference,
) -> Result<(), SecretProblem> {
    check(facts, password)?;
    text(facts, password)?;
    let (name, key) = key_of(password);
    let secret = facts.get(name);
    match secret.and_then(|secret| secret.keys.get(key)) {
        Some(value) if value.length > MAX_LENGTH => Err(SecretProblem::TooLong {
            secret: name.to_owned(),
            key: key.to_owned(),
            length: value.length,
            longest: MAX_LENGTH,
        }),
        _ => Ok(()),
    }
}

/// The same for a reset, for which the password is not optional.
pub(crate) fn evaluate_for_reset(
    facts: &BTreeMap<String, SecretFacts>,
    password: &Reference,
) -> Result<(), SecretProblem> {
    let needed = Reference {
        optional: false,
        ..password.clone()
    };
    evaluate(facts, &needed)
}

/// Whether an environment variable can hold it, byte for byte.
pub(super) fn text(
    facts: &BTreeMap<String, SecretFacts>,
    reference: &Reference,
) -> Result<(), SecretProblem> {
    let (name, key) = key_of(reference);
    let value = facts.get(name).and_then(|secret| secret.keys.get(key));
    if value.is_some_and(|value| !value.is_text) {
        return Err(SecretProblem::NotText {
            secret: name.to_owned(),
            key: key.to_owned(),
        });
    }
    Ok(())
}

fn key_of(reference: &Reference) -> (&str, &str) {
    let key = match &reference.part {
        Part::Key(key, _) | Part::Connection(key) => key.as_str(),
        Part::Whole => "",
    };
    (&reference.name, key)
}
