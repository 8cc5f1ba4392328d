//! Pure: the administrator's first password, which the server needs once.

use std::collections::BTreeMap;

use super::references::{Part, Reference};
use super::{SecretFacts, SecretProblem, check};

/// bcrypt, with which the server hashes, takes no more bytes.
const LONGEST: usize = 72;

/// Whether the server takes it.
pub(super) fn evaluate(
    facts: &BTreeMap<String, SecretFacts>,
    password: &Reference,
) -> Result<(), SecretProblem> {
    check(facts, password)?;
    text(facts, password)?;
    let (name, key) = key_of(password);
    let secret = facts.get(name);
    match secret.and_then(|secret| secret.keys.get(key)) {
        Some((_, length)) if *length > LONGEST => Err(SecretProblem::TooLong(
            name.to_owned(),
            key.to_owned(),
            *length,
            LONGEST,
        )),
        _ => Ok(()),
    }
}

/// What a reset needs: there is no doing without it.
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

/// Whether it can be an environment variable, byte for byte.
pub(super) fn text(
    facts: &BTreeMap<String, SecretFacts>,
    reference: &Reference,
) -> Result<(), SecretProblem> {
    let (name, key) = key_of(reference);
    let is_odd = facts
        .get(name)
        .is_some_and(|secret| secret.not_text.contains(key));
    if is_odd {
        return Err(SecretProblem::NotText(name.to_owned(), key.to_owned()));
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
