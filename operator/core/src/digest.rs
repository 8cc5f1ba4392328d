//! Digests, and hashes with named parts, which show what has changed.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Hexadecimal digits of a short digest.
const SHORT: usize = 12;

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The first digits of the digest of a value. Values have string keys only, so they cannot fail to serialise.
pub fn short_digest(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    digest(&bytes)[..SHORT].to_owned()
}

/// The value of one part of a hash that is written as `name:value name:value`.
pub fn part_of<'a>(hash: &'a str, name: &str) -> Option<&'a str> {
    parts(hash).find_map(|(known, value)| (known == name).then_some(value))
}

fn parts(hash: &str) -> impl Iterator<Item = (&str, &str)> {
    hash.split_whitespace()
        .filter_map(|part| part.split_once(':'))
}

/// Names of the parts that differ, or that only one of two hashes has.
pub fn differing_parts(wanted: &str, has: &str) -> Vec<String> {
    let (wanted, has): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (parts(wanted).collect(), parts(has).collect());
    let names: BTreeSet<_> = wanted.keys().chain(has.keys()).collect();
    let differs = |name: &&&str| wanted.get(**name) != has.get(**name);
    let names = names.into_iter().filter(differs);
    names.map(|name| (*name).to_owned()).collect()
}
