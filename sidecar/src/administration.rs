//! What the sidecar does as an administrator of DittoFS: the calls in `ALLOWED`, and no other.
//!
//! Each call has a token of its own that the sidecar signs, with role `admin` and a life of a minute. Parts of a path
//! that come from outside are judged before the list is looked at, so that no name can lead to another call.

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
/// Longest name in characters.
const LONGEST_NAME: usize = 128;

/// A part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This word.
    Is(&'static str),
    /// The name of a user. `me` is none: in a path it is the caller.
    User,
}

use Part::{Is, User};

/// Every call that is made with a token of role `admin`.
const ALLOWED: &[(Method, &[Part])] = &[
    (Method::GET, &[Is("users"), User]),
    (Method::POST, &[Is("users")]),
    (Method::PUT, &[Is("users"), User]),
    (Method::POST, &[Is("users"), User, Is("password")]),
    (Method::POST, &[Is("users"), Is(ME), Is("password")]),
];

/// In a path: whoever asks.
pub const ME: &str = "me";

/// The calls of an administrator.
#[derive(Clone, Debug)]
pub struct Administration {
    http: Arc<Http>,
    key: SigningKey,
    /// Whether the server has refused what was signed last.
    refused: Arc<AtomicBool>,
}

/// Why there is no answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// No token can be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The server has another key.
    #[error("{REFUSED}")]
    Refused,
    /// The call is none that the sidecar makes.
    #[error("\"{0}\" is no name that a user of DittoFS can have")]
    Name(String),
    /// The list does not have it.
    #[error("the sidecar does not make this call as an administrator: {0}")]
    NotAllowed(String),
    /// There was no answer.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What it means when a signature is refused.
pub const REFUSED: &str = "DittoFS refuses a token that is signed with the mounted signing key: the server runs with another key \
     until it is restarted";

impl Administration {
    /// Calls of this server, signed with this key.
    pub fn new(http: Arc<Http>, key: SigningKey) -> Self {
        Self {
            http,
            key,
            refused: Arc::default(),
        }
    }

    /// The key, for tokens that may less.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Whether the server has refused what was signed last.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Remembers what the server says to a signature.
    pub fn note(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    /// One call in the name of `caller`. Any answer but the refusal of the token is handed back.
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
        // Handlers say 401, too, and then in JSON: the token was good enough to get there.
        let refused = answer.status == StatusCode::UNAUTHORIZED && !answer.is_problem();
        self.note(refused);
        if refused {
            return Err(AdminError::Refused);
        }
        Ok(answer)
    }
}

/// Whether a user can have this name as far as the sidecar is concerned.
pub fn is_name(name: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "/\\%?#;".contains(c);
    !name.is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().all(|c| c == '.')
        && !name.chars().any(odd)
}

/// The path of an allowed call.
fn allowed(method: &Method, parts: &[&str]) -> Result<String, AdminError> {
    if let Some(odd) = parts.iter().find(|part| !is_name(part)) {
        return Err(AdminError::Name(shorten(odd)));
    }
    let fits = |wanted: &[Part]| {
        let pairs = wanted.iter().zip(parts);
        wanted.len() == parts.len()
            && pairs.into_iter().all(|(wanted, part)| match wanted {
                Is(word) => word == part,
                User => *part != ME,
            })
    };
    let mut known = ALLOWED.iter();
    if !known.any(|(allowed, wanted)| allowed == method && fits(wanted)) {
        return Err(AdminError::NotAllowed(format!(
            "{method} {}",
            shorten(&parts.join("/"))
        )));
    }
    Ok(parts.iter().fold(ROOT.to_owned(), |path, part| {
        format!("{path}/{}", encoded(part))
    }))
}

/// A name as one segment of a path.
fn encoded(name: &str) -> String {
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
    fn only_the_calls_on_the_list_have_a_path() {
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
    fn a_name_that_could_lead_elsewhere_is_judged_before_the_list() {
        for odd in [
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
            assert!(!is_name(odd), "{odd:?}");
            let path = allowed(&Method::GET, &["users", odd]);
            assert!(
                matches!(path, Err(AdminError::Name(_))),
                "{odd:?}: {path:?}"
            );
        }
        for good in ["dittofs-sidecar", "a.b", "a@example.com", "jürgen", "a+b"] {
            assert!(is_name(good), "{good}");
        }
    }
}
