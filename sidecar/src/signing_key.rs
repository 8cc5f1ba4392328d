//! The key that signs the tokens of the REST API, and the tokens that the sidecar signs with it.
//!
//! The server verifies a token by its signature and claims, without looking up the user. So this access works after a
//! password change and after a restored user table, too. The key is read from its file for each token, byte for byte as
//! the server has it in its environment. It is overwritten in memory afterwards, and leaves this module only as a
//! signature.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac as _};
use hyper::header::HeaderValue;
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// The issuer that the server itself uses.
const ISSUER: &str = "dittofs";
/// The shortest key with which the server starts, in bytes.
const MIN_LENGTH: usize = 32;
/// How many seconds before now a token becomes valid, to allow for clock skew.
const SKEW: i64 = 30;

/// The file with the key. The kubelet replaces it when the Secret changes.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// `None` when no key is mounted.
    file: Option<PathBuf>,
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read the adapters.
    Operator,
    /// Everything. Only [`crate::administration`] uses such a token, which is valid for one minute.
    Admin,
}

/// A token that the sidecar has signed.
#[derive(Debug)]
pub struct SignedToken {
    /// The `Authorization` header.
    pub header: HeaderValue,
    /// How long it is valid.
    pub lifetime: Duration,
}

/// Why no token can be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key is mounted.
    #[error(
        "no signing key is mounted; restart the pod so that it uses the pod template of this version"
    )]
    NotMounted,
    /// The file cannot be read.
    #[error("cannot read the signing key {file} ({kind}); check that its Secret exists")]
    Unreadable {
        /// The file.
        file: String,
        /// Why it cannot be read.
        kind: io::ErrorKind,
    },
    /// The key is too short, also for the server.
    #[error(
        "the signing key {file} is shorter than {MIN_LENGTH} bytes; put a longer one into its Secret"
    )]
    TooShort {
        /// The file.
        file: String,
    },
    /// The key cannot be used.
    #[error("cannot sign a token")]
    Unusable,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    const fn lifetime(self) -> Duration {
        match self {
            // The same as that of the server's own tokens.
            Self::Operator => Duration::from_mins(15),
            Self::Admin => Duration::from_mins(1),
        }
    }
}

impl SigningKey {
    /// Uses the key in a file, without reading it yet.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// Signs a token for a user. `wall` is the time of day.
    pub fn sign(
        &self,
        username: &str,
        role: Role,
        wall: Timestamp,
    ) -> Result<SignedToken, KeyError> {
        let key = self.read()?;
        let (now, lifetime) = (wall.as_second(), role.lifetime());
        let expires = now.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(0));
        let claims = json!({
            "iss": ISSUER,
            "sub": username,
            // The server does not look it up for the calls that are made with it.
            "uid": username,
            "username": username,
            "role": role.name(),
            "token_type": "access",
            "iat": now.saturating_sub(SKEW),
            "nbf": now.saturating_sub(SKEW),
            "exp": expires,
        });
        let body = format!(
            "{}.{}",
            BASE64.encode(HEADER),
            BASE64.encode(claims.to_string())
        );
        let mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| KeyError::Unusable)?;
        let signature = mac.chain_update(&body).finalize().into_bytes();
        let bearer = Zeroizing::new(format!("Bearer {body}.{}", BASE64.encode(signature)));
        let mut header = HeaderValue::from_str(&bearer).map_err(|_| KeyError::Unusable)?;
        header.set_sensitive(true);
        Ok(SignedToken { header, lifetime })
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let file = self.file.as_ref().ok_or(KeyError::NotMounted)?;
        let path = || file.display().to_string();
        let key = fs::read(file).map(Zeroizing::new);
        let key = key.map_err(|error| KeyError::Unreadable {
            file: path(),
            kind: error.kind(),
        })?;
        if key.len() < MIN_LENGTH {
            return Err(KeyError::TooShort { file: path() });
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Folder, claims_of};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn tokens_have_the_claims_that_the_server_checks() {
        let folder = Folder::new();
        let key = SigningKey::new(Some(folder.write("key", KEY)));
        for (role, name, life) in [
            (Role::Operator, "operator", 900),
            (Role::Admin, "admin", 60),
        ] {
            let token = key.sign("dittofs-sidecar", role, at(1000)).unwrap();
            assert_eq!(token.lifetime, Duration::from_secs(life));
            assert!(token.header.is_sensitive());
            let claims = claims_of(token.header.to_str().unwrap(), KEY.as_bytes()).unwrap();
            assert_eq!(
                claims,
                json!({
                    "iss": "dittofs", "sub": "dittofs-sidecar", "uid": "dittofs-sidecar",
                    "username": "dittofs-sidecar", "role": name, "token_type": "access",
                    "iat": 970, "nbf": 970, "exp": 1000 + life,
                })
            );
        }
    }

    /// The server reads the key from its environment, where nothing is trimmed.
    #[test]
    fn every_byte_of_the_file_counts_and_it_is_read_each_time() {
        let folder = Folder::new();
        let file = folder.write("key", &format!("{KEY}\n"));
        let key = SigningKey::new(Some(file));
        let signed = |key: &SigningKey| {
            let token = key.sign("me", Role::Operator, at(0)).unwrap();
            token.header.to_str().unwrap().to_owned()
        };
        let first = signed(&key);
        assert!(claims_of(&first, format!("{KEY}\n").as_bytes()).is_some());
        assert!(claims_of(&first, KEY.as_bytes()).is_none());
        folder.write("key", KEY);
        assert!(claims_of(&signed(&key), KEY.as_bytes()).is_some());
    }

    #[test]
    fn an_unusable_key_signs_nothing_and_is_not_quoted() {
        let folder = Folder::new();
        let short = SigningKey::new(Some(folder.write("key", "hunter2")));
        let error = short.sign("me", Role::Admin, at(0)).unwrap_err();
        assert!(matches!(error, KeyError::TooShort { .. }), "{error}");
        assert!(!format!("{error} {error:?} {short:?}").contains("hunter2"));
        let absent = SigningKey::new(Some(folder.path().join("absent")));
        let error = absent.sign("me", Role::Admin, at(0)).unwrap_err();
        assert!(matches!(error, KeyError::Unreadable { .. }), "{error}");
        let error = SigningKey::new(None)
            .sign("me", Role::Admin, at(0))
            .unwrap_err();
        assert_eq!(error, KeyError::NotMounted);
    }
}
