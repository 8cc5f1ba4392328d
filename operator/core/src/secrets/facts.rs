//! What is remembered of a Secret: digests, no contents.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::connection_string::{self, ConnectionProblem};
use crate::digest::digest;
use crate::ownership::{Claimant, Ownership};

/// What is remembered of a Secret: digests, no contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its keys.
    pub keys: BTreeMap<String, KeyFacts>,
    /// Changes whenever the Secret does.
    pub resource_version: Option<String>,
    /// Its ownership.
    pub ownership: Ownership,
}

/// What is remembered of the value of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Digest of the value.
    pub digest: String,
    /// Length of the value in bytes.
    pub length: usize,
    /// Why the value is not a connection string. `None`: it is one.
    pub connection_problem: Option<ConnectionProblem>,
    /// Whether an environment variable can hold the value: UTF-8 without a NUL byte.
    pub is_text: bool,
}

impl KeyFacts {
    /// Of a value.
    pub fn of(value: &[u8]) -> Self {
        Self {
            digest: digest(value),
            length: value.len(),
            connection_problem: connection_string::parse(value).err(),
            is_text: !value.contains(&0) && str::from_utf8(value).is_ok(),
        }
    }

    /// What digests over several keys are taken from. Pods carry such digests, so this form must stay.
    pub(super) fn hashed(&self) -> (&str, usize) {
        (&self.digest, self.length)
    }
}

impl SecretFacts {
    /// Of a Secret, from the point of view of one instance.
    pub fn of(secret: &Secret, claimant: Claimant<'_>) -> Self {
        let keys = secret.data.iter().flatten();
        let keys = keys.map(|(key, value)| (key.clone(), KeyFacts::of(&value.0)));
        Self {
            keys: keys.collect(),
            resource_version: secret.resource_version(),
            ownership: claimant.ownership_of(&secret.metadata),
        }
    }

    /// The same of every key.
    pub(super) fn hashed(&self) -> BTreeMap<&str, (&str, usize)> {
        let keys = self.keys.iter();
        keys.map(|(key, facts)| (key.as_str(), facts.hashed()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_without_zero_bytes_only() {
        for (value, is_text) in [
            (&b""[..], true),
            (b"secret\n", true),
            ("g\u{e4}ste".as_bytes(), true),
            (b"a\0b", false),
            (&[0xff], false),
        ] {
            let facts = KeyFacts::of(value);
            assert_eq!(facts.is_text, is_text, "{value:?}");
            assert_eq!(facts.length, value.len());
        }
    }

    #[test]
    fn the_form_that_digests_are_taken_from_stays() {
        let facts = SecretFacts {
            keys: BTreeMap::from([("a".to_owned(), KeyFacts::of(b"x"))]),
            ..SecretFacts::default()
        };
        let form = serde_json::to_string(&facts.hashed()).unwrap();
        assert_eq!(form, format!(r#"{{"a":["{}",1]}}"#, digest(b"x")));
    }
}
