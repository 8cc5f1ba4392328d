//! Login and refresh, the two ways to get a token.

use crate::credentials::Credentials;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::time::Duration;

/// Lifetime of a token in seconds when the server does not state it.
const LIFETIME: u64 = 300;
/// Shortest and longest lifetime that is used, so that there is neither a login with every poll nor an endless token.
const LIFETIME_RANGE: (u64, u64) = (10, 86_400);

/// The tokens of a login, on the steady clock.
pub(super) struct Tokens {
    /// The `Authorization` header.
    pub access: HeaderValue,
    refresh: String,
    /// When the tokens should be refreshed.
    pub refresh_at: Duration,
    /// When the access token expires.
    pub expires_at: Duration,
    /// Whether the server refused to replace them when that was due. They are used until they expire.
    pub is_last: bool,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// The result of a login or refresh.
pub(super) enum Login {
    /// The tokens.
    Granted(Tokens),
    /// The reason of the server.
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
    tracing::debug!(username = who.username, status = %answer.status, "sent a login request");
    evaluate(&answer, "the login", now)
}

/// Logs in with a refresh token.
pub(super) async fn refresh(http: &Http, tokens: &Tokens, now: Duration) -> Result<Login, Failure> {
    let body = json!({"refresh_token": tokens.refresh});
    let answer = http.post("/api/v1/auth/refresh", None, &body).await?;
    tracing::debug!(status = %answer.status, "sent a request to refresh the token");
    evaluate(&answer, "the refresh of the token", now)
}

fn evaluate(answer: &Answer, what: &str, now: Duration) -> Result<Login, Failure> {
    match answer.status {
        StatusCode::OK => granted(answer, what, now).map(Login::Granted),
        // 403 means that the user is disabled.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Login::Denied(answer.detail())),
        _ => Err(answer.unexpected(what)),
    }
}

fn granted(answer: &Answer, what: &str, now: Duration) -> Result<Tokens, Failure> {
    // The parser's error may quote the token, so it is left out.
    let unreadable = || Failure::invalid(format!("DittoFS answered {what} without a usable token"));
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let bearer = format!("Bearer {}", granted.access_token);
    let mut access = HeaderValue::from_str(&bearer).map_err(|_| unreadable())?;
    access.set_sensitive(true);
    if granted.access_token.is_empty() {
        return Err(unreadable());
    }
    let seconds = granted
        .expires_in
        .unwrap_or(LIFETIME)
        .clamp(LIFETIME_RANGE.0, LIFETIME_RANGE.1);
    let lifetime = Duration::from_secs(seconds);
    Ok(Tokens {
        access,
        refresh: granted.refresh_token,
        refresh_at: now + lifetime * 4 / 5,
        expires_at: now + lifetime,
        is_last: false,
    })
}
