//! What the sidecar does as an administrator of DittoFS: the calls in `ALLOWED`, and no others.
//!
//! The sidecar signs a token for each call, with role `admin` and a lifetime of one minute. Path segments that come
//! from outside are validated before the list is consulted, so that no name can lead to another call.

use crate::http::{Answer, Http};
use crate::outcome::Failure;
use crate::signing_key::{KeyError, Role, SigningKey};
use dittofs_shared::published_state::shorten;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROOT: &str = "/api/v1";
/// The longest user name in characters.
const MAX_NAME_LENGTH: usize = 128;

/// A segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    /// This literal segment.
    Is(&'static str),
    /// The name of a user, but not `me`, which stands for the caller.
    User,
}

use Segment::{Is, User};

/// Every call for which the sidecar signs a token of role `admin`.
const ALLOWED: &[(Method, &[Segment])] = &[
    (Method::GET, &[Is("users"), User]),
    (Method::POST, &[Is("users")]),
    (Method::PUT, &[Is("users"), User]),
    (Method::POST, &[Is("users"), User, Is("password")]),
    (Method::POST, &[Is("users"), Is(ME), Is("password")]),
];

/// In a path: the caller.
pub const ME: &str = "me";

/// The calls of an administrator.
#[derive(Clone, Debug)]
pub struct Administration {
    http: Arc<Http>,
    key: SigningKey,
    /// Whether the server refused the last signed token.
    refused: Arc<AtomicBool>,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The token cannot be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The server uses another key.
    #[error("{REFUSED}")]
    Refused,
    /// The user name is not valid.
    #[error("\"{name}\" is not a valid user name of DittoFS")]
    Name {
        /// The name, shortened.
        name: String,
    },
    /// The call is not in the list.
    #[error("the sidecar never makes this call as an administrator: {call}")]
    NotAllowed {
        /// Method and path.
        call: String,
    },
    /// There was no response.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Why DittoFS refuses a signed token.
pub const REFUSED: &str = "DittoFS refuses tokens that are signed with the mounted signing key; \
     the server uses another key until it is restarted";

impl Administration {
    /// Makes calls to a server with tokens that are signed with a key.
    pub fn new(http: Arc<Http>, key: SigningKey) -> Self {
        Self {
            http,
            key,
            refused: Arc::default(),
        }
    }

    /// The key, for tokens with fewer rights.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Whether the server refused the last signed token.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Records whether the server refused a signed token.
    pub fn record(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    /// Makes one call as user `caller`. Returns any response except the refusal of the token.
    pub async fn call(
        &self,
        caller: &str,
        (method, parts): (Method, &[&str]),
        body: Option<&Value>,
        wall: Timestamp,
    ) -> Result<Answer, AdminError> {
        let path = allowed(&method, parts)?;
        let token = self.key.sign(caller, Role::Admin, wall)?;
        let answer = self.http.send(method, &path, Some(&token.header), body);
        let answer = answer.await.map_err(Failure::from)?;
        // Handlers answer with 401, too, but in JSON: then the token was accepted.
        let refused = answer.status == StatusCode::UNAUTHORIZED && !answer.is_problem();
        self.record(refused);
        if refused {
            return Err(AdminError::Refused);
        }
        Ok(answer)
    }
}

/// Whether the sidecar accepts this as the name of a user.
pub fn is_valid_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "/\\%?#;".contains(c);
    !name.is_empty()
        && name.chars().count() <= MAX_NAME_LENGTH
        && !name.chars().all(|c| c == '.')
        && !name.chars().any(forbidden)
}

/// The path of an allowed call.
fn allowed(method: &Method, parts: &[&str]) -> Result<String, AdminError> {
    if let Some(invalid) = parts.iter().find(|part| !is_valid_name(part)) {
        return Err(AdminError::Name {
            name: shorten(invalid),
        });
    }
    let matches = |wanted: &[Segment]| {
        let pairs = wanted.iter().zip(parts);
        wanted.len() == parts.len()
            && pairs.into_iter().all(|(wanted, part)| match wanted {
                Is(word) => word == part,
                User => *part != ME,
            })
    };
    let mut known = ALLOWED.iter();
    if !known.any(|(allowed, wanted)| allowed == method && matches(wanted)) {
        let call = format!("{method} {}", shorten(&parts.join("/")));
        return Err(AdminError::NotAllowed { call });
    }
    Ok(parts.iter().fold(ROOT.to_owned(), |path, part| {
        format!("{path}/{}", percent_encode(part))
    }))
}

/// Encodes a name as one segment of a path.
fn percent_encode(name: &str) -> String {
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_calls_have_a_path() {
        for (method, parts, expected) in [
            (Method::GET, &["users", "a"][..], Some("/api/v1/users/a")),
            (Method::POST, &["users"], Some("/api/v1/users")),
            (
                Method::PUT,
                &["users", "ü@x"],
                Some("/api/v1/users/%C3%BC%40x"),
            ),
            (
                Method::POST,
                &["users", "admin", "password"],
                Some("/api/v1/users/admin/password"),
            ),
            (
                Method::POST,
                &["users", "me", "password"],
                Some("/api/v1/users/me/password"),
            ),
            (Method::PUT, &["users", "me"], None),
            (Method::GET, &["users", "me"], None),
            (Method::GET, &["users"], None),
            (Method::DELETE, &["users", "a"], None),
            (Method::POST, &["users", "a", "groups"], None),
            (Method::POST, &["users", "a", "password", "x"], None),
            (Method::POST, &["shares"], None),
            (Method::POST, &[], None),
        ] {
            let path = allowed(&method, parts);
            assert_eq!(path.as_deref().ok(), expected, "{method} {parts:?}");
        }
    }

    #[test]
    fn a_name_that_could_lead_to_another_call_is_rejected() {
        for invalid in [
            "",
            ".",
            "..",
            "...",
            "a/b",
            "../shares",
            "a%2Fb",
            "%2e%2e",
            "a\\b",
            "a?b",
            "a#b",
            "a;b",
            "a b",
            "a\n",
            "\u{0}",
            "a\u{2028}b",
            &"x".repeat(129),
        ] {
            assert!(!is_valid_name(invalid), "{invalid:?}");
            let path = allowed(&Method::GET, &["users", invalid]);
            assert!(
                matches!(path, Err(AdminError::Name { .. })),
                "{invalid:?}: {path:?}"
            );
        }
        for good in ["dittofs-sidecar", "a.b", "a@example.com", "jürgen", "a+b"] {
            assert!(is_valid_name(good), "{good}");
        }
    }
}
