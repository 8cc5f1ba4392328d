//! Digests, and hashes with named parts, which show what has changed.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Hexadecimal digits of a short digest.
const SHORT: usize = 12;
/// Hexadecimal digits of a digest that is longer, such as that of an object.
const MEDIUM: usize = 16;
/// JSON of most objects is not much longer, and the allocator has this size at hand.
const USUAL_SIZE: usize = 1024;

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The first digits of [`digest`].
pub fn medium_digest(bytes: &[u8]) -> String {
    let mut text = digest(bytes);
    text.truncate(MEDIUM);
    text
}

/// The first digits of the digest of a value, as roll hashes have them.
pub fn short_digest(value: &impl Serialize) -> String {
    first_digits(value, SHORT)
}

/// The first digits of the digest of an object, as annotations have them that tell what was applied.
pub fn object_digest(object: &impl Serialize) -> String {
    first_digits(object, MEDIUM)
}

/// Of the JSON of a value. Values have string keys only, so they cannot fail to serialise.
fn first_digits(value: &impl Serialize, digits: usize) -> String {
    let mut json = Vec::with_capacity(USUAL_SIZE);
    if serde_json::to_writer(&mut json, value).is_err() {
        json.clear();
    }
    let whole = Sha256::digest(&json);
    hexadecimal(whole.get(..digits / 2).unwrap_or(&whole))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let character = |digit: u8| match digit {
        0..10 => b'0' + digit,
        _ => b'a' - 10 + digit,
    };
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(character(byte >> 4).into());
        text.push(character(byte & 15).into());
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_sha_256_in_hexadecimal_from_the_front() {
        let whole = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), whole);
        assert_eq!(short_digest(&7), digest(b"7")[..12]);
        assert_eq!(object_digest(&7), digest(b"7")[..16]);
    }
}
