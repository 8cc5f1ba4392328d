//! A token for every poll, with as few logins as possible.
//!
//! # Expected flow
//! 1. The sidecar logs in with its own user. Where that is refused, the repair makes the user, or sets its password,
//!    with the administrator's credentials; then it logs in again.
//! 2. When four fifths of the token's life are over, it is refreshed. That costs the server no password hash.
//! 3. When the server refuses the token all the same, it is refreshed, then there is a new login, then it is reported.
//!
//! Tokens and passwords stay in memory and out of every message.

mod login;
mod repair;
#[cfg(test)]
mod tests;

use crate::credentials::{CredentialFiles, Credentials};
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use hyper::StatusCode;
use login::{Login, Tokens};
use std::time::Duration;

/// How long an old token is gone on with when it cannot be refreshed, before that is tried again.
const REFRESH_AGAIN: Duration = Duration::from_secs(10);

/// The sidecar's standing with the REST API.
#[derive(Debug)]
pub struct Session {
    http: Http,
    own: CredentialFiles,
    admin: Option<CredentialFiles>,
    tokens: Option<Tokens>,
}

impl Session {
    /// Nobody yet. `admin` are the credentials of the first administrator, if they are mounted.
    pub fn new(http: Http, own: CredentialFiles, admin: Option<CredentialFiles>) -> Self {
        Self {
            http,
            own,
            admin,
            tokens: None,
        }
    }

    /// `GET` as the sidecar's user; `now` is the steady clock. An answer other than 401 and 403 is handed back.
    pub async fn get(&mut self, path: &str, now: Duration) -> Result<Answer, Failure> {
        let answer = self.get_with_token(path, now).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => {
                self.tokens = None;
                Err(Failure::refused(format!(
                    "DittoFS accepts the sidecar's login, and then refuses its token for {path} ({}): are the clock and the signing key of the server right?",
                    login::detail(&answer)
                )))
            }
            StatusCode::FORBIDDEN => Err(Failure::refused(format!(
                "DittoFS does not let the sidecar's user read {path} ({}): the user needs the role operator, and no duty to change its password",
                login::detail(&answer)
            ))),
            _ => Ok(answer),
        }
    }

    async fn get_with_token(&mut self, path: &str, now: Duration) -> Result<Answer, Failure> {
        if self
            .tokens
            .as_ref()
            .is_some_and(|tokens| now >= tokens.refresh_at)
        {
            self.refresh(now).await;
        }
        if self.tokens.is_some() {
            let answer = self.ask(path).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            self.expire();
            self.refresh(now).await;
            if self.tokens.is_some() {
                let answer = self.ask(path).await?;
                if answer.status != StatusCode::UNAUTHORIZED {
                    return Ok(answer);
                }
            }
        }
        self.tokens = Some(self.log_in(now).await?);
        self.ask(path).await
    }

    async fn ask(&self, path: &str) -> Result<Answer, Failure> {
        let Some(tokens) = &self.tokens else {
            return Err(Failure::refused("the sidecar has no token"));
        };
        Ok(self.http.get(path, &tokens.access).await?)
    }

    /// The server refused the token: there is nothing to go on with when refreshing fails.
    fn expire(&mut self) {
        if let Some(tokens) = &mut self.tokens {
            tokens.expires_at = Duration::ZERO;
        }
    }

    /// Leaves fresh tokens, or none when they cannot be had without a login. While the server has other troubles, a
    /// token that is still good is gone on with.
    async fn refresh(&mut self, now: Duration) {
        let Some(mut tokens) = self.tokens.take() else {
            return;
        };
        match login::refresh(&self.http, &tokens, now).await {
            Ok(Login::Granted(fresh)) => self.tokens = Some(fresh),
            Err(_) if now < tokens.expires_at => {
                tokens.refresh_at = now + REFRESH_AGAIN;
                self.tokens = Some(tokens);
            }
            Ok(Login::Denied(why)) => tracing::debug!(why, "the token cannot be refreshed"),
            Err(error) => tracing::debug!(%error, "the token cannot be refreshed"),
        }
    }

    async fn log_in(&self, now: Duration) -> Result<Tokens, Failure> {
        let own = self
            .own
            .read()
            .map_err(|error| Failure::refused(format!("the sidecar's own credentials: {error}")))?;
        if let Login::Granted(tokens) = login::log_in(&self.http, &own, now).await? {
            return Ok(tokens);
        }
        repair::repair(&self.http, &own, self.admin.as_ref(), now).await?;
        match login::log_in(&self.http, &own, now).await? {
            Login::Granted(tokens) => Ok(tokens),
            Login::Denied(why) => Err(still_refused(&own, &why)),
        }
    }
}

fn still_refused(own: &Credentials, why: &str) -> Failure {
    Failure::refused(format!(
        "the password of user \"{}\" was just set, and DittoFS refuses it still ({why}): is the user switched off?",
        own.username
    ))
}
