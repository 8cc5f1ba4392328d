//! Tokens: JWTs signed with HMAC-SHA256.
//!
//! Written with `hmac` and `base64` rather than a JWT crate: one algorithm, one key and one header
//! need a dozen lines, while the general crates bring key formats and curves along.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    ids,
    state::users::{Profile, Role},
};

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

/// What a token says. Role and duty are those at the time it was issued: a reset or a deletion of
/// the user does not reach tokens that are out. Whoever has the key can sign one; what is absent
/// then is nothing, as for the real server, which insists on the kind only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    jti: String,
    #[serde(default)]
    pub(crate) username: String,
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) must_change_password: bool,
    token_type: TokenKind,
    /// Not looked at.
    #[serde(default)]
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    exp: i64,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    Invalid,
    Expired,
}

/// Signs and checks tokens with one secret.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl Claims {
    /// What a token for `user` says.
    pub(crate) fn new(
        user: &Profile,
        kind: TokenKind,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self {
            iss: "dittofs".to_owned(),
            sub: user.username.clone(),
            uid: user.id.clone(),
            jti: ids::fresh(),
            username: user.username.clone(),
            role: user.role,
            must_change_password: user.must_change_password,
            token_type: kind,
            iat: issued.as_second(),
            nbf: None,
            exp: expires.as_second(),
        }
    }
}

impl Signer {
    /// A signer for a secret, or `None` if the algorithm cannot use it.
    pub(crate) fn new(secret: &str) -> Option<Self> {
        Hmac::new_from_slice(secret.as_bytes()).ok().map(Self)
    }

    /// The token that says `claims`.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let body = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(claims));
        let mac = self.0.clone().chain_update(&body).finalize();
        format!("{body}.{}", BASE64.encode(mac.into_bytes()))
    }

    /// What a token says, if it is ours, of the right kind, and not expired.
    pub(crate) fn verify(
        &self,
        token: &str,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<Claims, TokenFault> {
        let claims = self.signed(token).ok_or(TokenFault::Invalid)?;
        if claims.token_type != kind {
            return Err(TokenFault::Invalid);
        }
        if claims.nbf.is_some_and(|begins| begins > now.as_second()) {
            return Err(TokenFault::Invalid);
        }
        if claims.exp <= now.as_second() {
            return Err(TokenFault::Expired);
        }
        Ok(claims)
    }

    fn signed(&self, token: &str) -> Option<Claims> {
        let (body, signature) = token.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        self.0
            .clone()
            .chain_update(body)
            .verify_slice(&signature)
            .ok()?;
        let (_, claims) = body.split_once('.')?;
        serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::users::{FirstAdmin, Users};

    fn token(signer: &Signer, kind: TokenKind, expires: i64) -> String {
        let admin = FirstAdmin {
            username: "admin",
            email: None,
            password: "admin-pass",
            must_change_password: false,
        };
        let users = Users::first_boot(admin, Timestamp::UNIX_EPOCH).unwrap();
        let expires = Timestamp::from_second(expires).unwrap();
        let profile = users.profile("admin").unwrap();
        signer.sign(&Claims::new(profile, kind, Timestamp::UNIX_EPOCH, expires))
    }

    #[test]
    fn tokens_are_judged() {
        let signer = Signer::new("0123456789abcdef0123456789abcdef").unwrap();
        let other = Signer::new("fedcba9876543210fedcba9876543210").unwrap();
        let good = token(&signer, TokenKind::Access, 900);
        for (token, want) in [
            (good.clone(), None),
            (
                token(&signer, TokenKind::Access, 10),
                Some(TokenFault::Expired),
            ),
            (
                token(&signer, TokenKind::Refresh, 900),
                Some(TokenFault::Invalid),
            ),
            (
                token(&other, TokenKind::Access, 900),
                Some(TokenFault::Invalid),
            ),
            (good[..good.len() - 2].to_owned(), Some(TokenFault::Invalid)),
            (String::new(), Some(TokenFault::Invalid)),
            ("a.b.c".to_owned(), Some(TokenFault::Invalid)),
        ] {
            let now = Timestamp::from_second(10).unwrap();
            let got = signer.verify(&token, TokenKind::Access, now);
            assert_eq!(got.err(), want, "{token}");
        }
    }

    /// A token that somebody else has signed with the same key, as the real server takes it.
    #[test]
    fn a_token_that_was_signed_elsewhere_counts_by_its_claims() {
        let secret = "0123456789abcdef0123456789abcdef\n";
        let signer = Signer::new(secret).unwrap();
        let forge = |claims: serde_json::Value| {
            let body = format!(
                "{}.{}",
                BASE64.encode(HEADER),
                BASE64.encode(claims.to_string())
            );
            let mac = signer.0.clone().chain_update(&body).finalize();
            format!("{body}.{}", BASE64.encode(mac.into_bytes()))
        };
        let now = Timestamp::from_second(100).unwrap();
        for (nbf, iat, exp, kind, good) in [
            (70, 70, 160, "access", true),
            (70, 500, 160, "access", true),
            (101, 70, 160, "access", false),
            (70, 70, 100, "access", false),
            (70, 70, 160, "refresh", false),
        ] {
            let token = forge(serde_json::json!({
                "username": "ghost", "role": "admin", "token_type": kind,
                "iat": iat, "nbf": nbf, "exp": exp,
            }));
            let claims = signer.verify(&token, TokenKind::Access, now);
            assert_eq!(claims.is_ok(), good, "{nbf} {iat} {exp} {kind}");
            if let Ok(claims) = claims {
                assert_eq!(claims.username, "ghost");
                assert!(!claims.must_change_password);
            }
        }
        assert!(
            Signer::new(secret.trim())
                .unwrap()
                .verify(
                    &forge(
                        serde_json::json!({"role": "admin", "token_type": "access", "exp": 160})
                    ),
                    TokenKind::Access,
                    now,
                )
                .is_err()
        );
    }
}
