//! Tokens: JWTs signed with HMAC-SHA256.
//!
//! Written with `hmac` and `base64` rather than a JWT crate: one algorithm, one key and one header
//! need a dozen lines, while the general crates bring key formats and curves along.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac, digest::KeyInit};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Sha256, Sha384, Sha512};

use crate::state::users::Profile;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// The server says that it has issued a token, and asks of none who has.
const ISSUER: &str = "dittofs";

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenKind {
    Access,
    Refresh,
    /// Good for nothing.
    #[serde(other)]
    Other,
}

/// What a token says. Role and duty are those at the time it was issued: a reset or a deletion of
/// the user does not reach tokens that are out. Who knows the secret can say anything: no user has
/// to exist, and what is left out is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default, deserialize_with = "moment")]
    exp: Option<f64>,
    #[serde(
        default,
        deserialize_with = "moment",
        skip_serializing_if = "Option::is_none"
    )]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "moment")]
    iat: Option<f64>,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    token_type: TokenKind,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) must_change_password: bool,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    Invalid,
    Expired,
}

/// Signs and checks tokens with one secret.
#[derive(Clone)]
pub(crate) struct Signer(Vec<u8>);

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl Claims {
    /// What a token for `user` says.
    pub(crate) fn new(
        user: &Profile,
        kind: TokenKind,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            sub: user.username.clone(),
            exp: Some(seconds(expires)),
            nbf: None,
            iat: Some(seconds(issued)),
            uid: user.id.clone(),
            username: user.username.clone(),
            role: user.role.name().to_owned(),
            groups: user.groups.clone(),
            token_type: kind,
            must_change_password: user.must_change_password,
        }
    }
}

impl Signer {
    /// A signer for a secret.
    pub(crate) fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }

    /// The token that says `claims`.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let body = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(claims));
        let mac = self.mac::<Hmac<Sha256>>(&body);
        let signature = mac.map(|mac| mac.finalize().into_bytes());
        format!("{body}.{}", BASE64.encode(signature.unwrap_or_default()))
    }

    /// What a token says, if it is ours, of the right kind, and good now.
    pub(crate) fn verify(
        &self,
        token: &str,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<Claims, TokenFault> {
        let claims = self.signed(token).ok_or(TokenFault::Invalid)?;
        let now = seconds(now);
        // In the server's order: a token that has run out may be of any kind.
        if claims.exp.is_some_and(|exp| exp <= now) {
            return Err(TokenFault::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > now) || claims.token_type != kind {
            return Err(TokenFault::Invalid);
        }
        Ok(claims)
    }

    fn signed(&self, token: &str) -> Option<Claims> {
        let (body, signature) = token.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        let (header, claims) = body.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
        match header.alg.as_str() {
            "HS256" => self.mac::<Hmac<Sha256>>(body)?.verify_slice(&signature),
            "HS384" => self.mac::<Hmac<Sha384>>(body)?.verify_slice(&signature),
            "HS512" => self.mac::<Hmac<Sha512>>(body)?.verify_slice(&signature),
            _ => return None,
        }
        .ok()?;
        serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()
    }

    /// `None`: the algorithm cannot use the secret.
    fn mac<M: Mac + KeyInit>(&self, body: &str) -> Option<M> {
        let mac = <M as KeyInit>::new_from_slice(&self.0).ok()?;
        Some(mac.chain_update(body))
    }
}

// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[allow(clippy::cast_precision_loss)]
fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}

/// Seconds since 1970: a number, or the text of one.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Number(number)) => Ok(Some(number.floor())),
        Some(Written::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::users::{FirstAdmin, Users};

    fn token(signer: &Signer, kind: TokenKind, expires: i64) -> String {
        let admin = FirstAdmin {
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
        let signer = Signer::new("0123456789abcdef0123456789abcdef");
        let other = Signer::new("fedcba9876543210fedcba9876543210");
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

    fn own(signer: &Signer, algorithm: &str, claims: &serde_json::Value) -> String {
        let header = serde_json::json!({"alg": algorithm, "typ": "JWT"}).to_string();
        let body = format!(
            "{}.{}",
            BASE64.encode(header),
            BASE64.encode(claims.to_string())
        );
        let signature = match algorithm {
            "HS384" => signer
                .mac::<Hmac<Sha384>>(&body)
                .unwrap()
                .finalize()
                .into_bytes()
                .to_vec(),
            "HS512" => signer
                .mac::<Hmac<Sha512>>(&body)
                .unwrap()
                .finalize()
                .into_bytes()
                .to_vec(),
            "none" => Vec::new(),
            _ => signer
                .mac::<Hmac<Sha256>>(&body)
                .unwrap()
                .finalize()
                .into_bytes()
                .to_vec(),
        };
        format!("{body}.{}", BASE64.encode(signature))
    }

    /// Each of these was sent to the real server, version 0.29.0.
    #[test]
    fn whoever_knows_the_secret_can_sign() {
        let signer = Signer::new("0123456789abcdef0123456789abcdef");
        let now = Timestamp::from_second(1000).unwrap();
        let base = serde_json::json!({
            "uid": "x", "username": "admin", "role": "admin", "token_type": "access", "iat": 1000, "nbf": 1000, "exp": 1060,
        });
        let with = |key: &str, value: serde_json::Value| {
            let mut claims = base.clone();
            claims[key] = value;
            claims
        };
        let without = |key: &str| {
            let mut claims = base.clone();
            claims.as_object_mut().unwrap().remove(key);
            claims
        };
        let invalid = Err(TokenFault::Invalid);
        for (algorithm, claims, want) in [
            ("HS256", base.clone(), Ok("admin")),
            ("HS384", base.clone(), Ok("admin")),
            ("HS512", base.clone(), Ok("admin")),
            ("none", base.clone(), invalid),
            ("HS256", without("exp"), Ok("admin")),
            ("HS256", with("exp", 1000.into()), Err(TokenFault::Expired)),
            ("HS256", with("exp", 1060.5.into()), Ok("admin")),
            ("HS256", with("exp", "1060".into()), Ok("admin")),
            ("HS256", with("nbf", 1050.into()), invalid),
            ("HS256", with("iat", 1050.into()), Ok("admin")),
            ("HS256", with("role", "wizard".into()), Ok("wizard")),
            ("HS256", with("role", 7.into()), invalid),
            ("HS256", without("role"), Ok("")),
            ("HS256", without("username"), Ok("admin")),
            ("HS256", without("token_type"), invalid),
            ("HS256", with("token_type", "other".into()), invalid),
            ("HS256", with("iss", "somebody".into()), Ok("admin")),
        ] {
            let token = own(&signer, algorithm, &claims);
            let got = signer.verify(&token, TokenKind::Access, now);
            let role = got.map(|claims| claims.role);
            assert_eq!(role, want.map(str::to_owned), "{algorithm} {claims}");
        }
    }
}
