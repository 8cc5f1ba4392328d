//! Passwords are kept as salted SHA-256: enough for a test double, and quick in tests.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// Below this the real server fails to hash.
const SHORTEST: usize = 8;
/// The real server hashes with bcrypt, which takes no more bytes than this.
const LONGEST: usize = 72;

/// A password that can be checked but not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    salt: [u8; 16],
    digest: [u8; 32],
}

impl PasswordHash {
    /// Hashes a password of an acceptable length.
    pub(crate) fn new(password: &str) -> Result<Self, Refusal> {
        if !(SHORTEST..=LONGEST).contains(&password.len()) {
            return Err(Refusal::PasswordNotHashable);
        }
        let salt: [u8; 16] = rand::random();
        Ok(Self {
            salt,
            digest: digest(salt, password),
        })
    }

    /// Whether this is the hash of `password`.
    pub(crate) fn matches(&self, password: &str) -> bool {
        digest(self.salt, password) == self.digest
    }
}

fn digest(salt: [u8; 16], password: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_matches() {
        for (length, accepted) in [(0, false), (7, false), (8, true), (72, true), (73, false)] {
            assert_eq!(
                PasswordHash::new(&"x".repeat(length)).is_ok(),
                accepted,
                "{length}"
            );
        }
        let hash = PasswordHash::new("correct-horse").unwrap();
        assert!(hash.matches("correct-horse"));
        assert!(!hash.matches("correct-house"));
    }
}
