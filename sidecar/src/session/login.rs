//! Login and refresh: the two ways to a token.

use crate::credentials::Credentials;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use dittofs_shared::published::shorten;
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
    /// 401, and why.
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
        StatusCode::UNAUTHORIZED => Ok(Login::Denied(detail(answer))),
        StatusCode::FORBIDDEN => Err(Failure::refused(format!(
            "DittoFS forbids {what} ({}): is the user switched off, or must it change its password first?",
            detail(answer)
        ))),
        _ => Err(unexpected(answer, what)),
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
    })
}

/// An answer that is neither yes nor no.
pub(super) fn unexpected(answer: &Answer, what: &str) -> Failure {
    let message = format!(
        "DittoFS answers {what} with {} ({})",
        answer.status.as_u16(),
        detail(answer)
    );
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        Failure::unreachable(message)
    } else {
        Failure::invalid(message)
    }
}

/// What an error says about itself: the `detail` of RFC 7807, or the plain text.
pub(super) fn detail(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let text = match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => problem.detail,
        Err(_) => String::from_utf8_lossy(&answer.body).into_owned(),
    };
    match text.trim() {
        "" => "no reason given".to_owned(),
        text => shorten(text),
    }
}
