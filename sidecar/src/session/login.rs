//! Login and refresh: the two ways to a token.

use crate::credentials::Credentials;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::time::Duration;

/// Life of a token when the server does not say.
const LIFE: u64 = 300;
/// Shortest and longest life that is believed: neither a login with every poll, nor a token for ever.
const LIFE_RANGE: (u64, u64) = (10, 86_400);

/// The tokens of a login, on the steady clock.
pub(super) struct Tokens {
    /// `Authorization` header.
    pub access: HeaderValue,
    refresh: String,
    /// When the tokens should be refreshed.
    pub refresh_at: Duration,
    /// When the access token is worth nothing any more.
    pub expires_at: Duration,
    /// Whether there was no login any more when they should have been refreshed.
    pub is_last: bool,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// What the server says to a login that it understood.
pub(super) enum Login {
    /// Welcome.
    Granted(Tokens),
    /// Why not.
    Denied(String),
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    refresh_token: String,
    expires_in: Option<u64>,
}

/// Logs in with a password.
pub(super) async fn log_in(
    http: &Http,
    who: &Credentials,
    now: Duration,
) -> Result<Login, Failure> {
    let body = json!({"username": who.username, "password": who.password.reveal()});
    let answer = http.post("/api/v1/auth/login", None, &body).await?;
    tracing::debug!(username = who.username, status = %answer.status, "logged in");
    judge(&answer, "a login", now)
}

/// Exchanges a refresh token.
pub(super) async fn refresh(http: &Http, tokens: &Tokens, now: Duration) -> Result<Login, Failure> {
    let body = json!({"refresh_token": tokens.refresh});
    let answer = http.post("/api/v1/auth/refresh", None, &body).await?;
    tracing::debug!(status = %answer.status, "refreshed the token");
    judge(&answer, "a refresh", now)
}

fn judge(answer: &Answer, what: &str, now: Duration) -> Result<Login, Failure> {
    match answer.status {
        StatusCode::OK => granted(answer, what, now).map(Login::Granted),
        // 403: the user is switched off.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Login::Denied(answer.detail())),
        _ => Err(answer.unexpected(what)),
    }
}

fn granted(answer: &Answer, what: &str, now: Duration) -> Result<Tokens, Failure> {
    // The error of the parser may quote the token: it is not told.
    let unreadable = || {
        Failure::invalid(format!(
            "DittoFS answers {what} with something that holds no token"
        ))
    };
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let bearer = format!("Bearer {}", granted.access_token);
    let mut access = HeaderValue::from_str(&bearer).map_err(|_| unreadable())?;
    access.set_sensitive(true);
    if granted.access_token.is_empty() {
        return Err(unreadable());
    }
    let life = granted
        .expires_in
        .unwrap_or(LIFE)
        .clamp(LIFE_RANGE.0, LIFE_RANGE.1);
    let life = Duration::from_secs(life);
    Ok(Tokens {
        access,
        refresh: granted.refresh_token,
        refresh_at: now + life * 4 / 5,
        expires_at: now + life,
        is_last: false,
    })
}
