//! A token for every poll, with as few logins as possible, and with access that does not depend on the user.
//!
//! # Expected flow
//! 1. The sidecar logs in as its own user.
//! 2. After four fifths of its lifetime the token is refreshed, which costs the server no password hash.
//! 3. When the server refuses a token before that, it is refreshed, and if that fails there is a new login.
//! 4. When the login is refused, polls continue at once with a token of role `operator` that the sidecar signs itself.
//!    In the background, a repair creates the user or resets its password. Then it logs in, and polls use that token.
//!
//! Tokens, passwords and the key are kept in memory only, and never appear in a message.

mod by_key;
mod login;
mod repair;
mod repairs;
#[cfg(test)]
mod tests;

use crate::administration::{Administration, REFUSED};
use crate::clock::Now;
use crate::credentials::{CredentialFiles, Credentials};
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use by_key::ByKey;
use dittofs_shared::reports::Access;
use hyper::StatusCode;
use login::{Login, Tokens};
use repairs::Repairs;
use std::sync::Arc;
use std::time::Duration;

/// How long a valid token is used before the next attempt, after it could not be replaced.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The sidecar's access to the REST API.
#[derive(Debug)]
pub struct Session {
    http: Arc<Http>,
    own: CredentialFiles,
    administration: Administration,
    tokens: Option<Tokens>,
    by_key: ByKey,
    repairs: Repairs,
}

impl Session {
    /// A session that has not logged in. `administration` repairs the sidecar's own user.
    pub fn new(http: Arc<Http>, own: CredentialFiles, administration: Administration) -> Self {
        Self {
            http,
            own,
            by_key: ByKey::new(administration.clone()),
            administration,
            tokens: None,
            repairs: Repairs::default(),
        }
    }

    /// Sends a `GET` as the sidecar's user. Returns any response except 401 and 403.
    pub async fn get(&mut self, path: &str, now: Now) -> Result<Answer, Failure> {
        if let Some(tokens) = self.repairs.finished(now.steady) {
            self.tokens = Some(tokens);
        }
        let Some(answer) = self.get_with_login(path, now).await? else {
            let reason = self.repairs.reason();
            return self.by_key.get(&self.http, path, now, reason).await;
        };
        if self.tokens.as_ref().is_some_and(|tokens| !tokens.is_last) {
            self.repairs.succeeded();
        }
        self.by_key.check(&self.http, path, now).await;
        Ok(answer)
    }

    /// The port of the REST API.
    pub fn port(&self) -> u16 {
        self.http.port()
    }

    /// Whether the access may change without the server doing anything: it is being repaired, or something is wrong with
    /// it that later requests put right.
    pub fn is_in_motion(&self) -> bool {
        self.tokens.is_none() || self.repairs.is_running() || self.access().is_some()
    }

    /// What is wrong with the access, if anything is, for the published state.
    pub fn access(&self) -> Option<Access> {
        let refused = self.administration.is_refused();
        let message = match self.repairs.failure() {
            // The cause no longer exists, and the repair is retried soon.
            Some(REFUSED) if !refused => return None,
            Some(failure) => failure.to_owned(),
            None if refused => REFUSED.to_owned(),
            None => return None,
        };
        Some(Access {
            signing_key_refused: refused,
            message,
        })
    }

    /// Uses the token of a login. `None` when no such token is accepted at present.
    async fn get_with_login(&mut self, path: &str, now: Now) -> Result<Option<Answer>, Failure> {
        if self.is_refresh_due(now) {
            self.refresh(now).await;
        }
        if self.tokens.is_some() {
            match self.request(path).await? {
                Ok(answer) => return Ok(Some(answer)),
                // The user lacks a right, or must change its password: another token would not help.
                Err(refused) if refused.status == StatusCode::FORBIDDEN => {
                    let why = format!("no access to {path} ({})", refused.detail());
                    self.tokens = None;
                    self.start_repair(&why, now);
                    return Ok(None);
                }
                Err(_) => self.expire(),
            }
            self.refresh(now).await;
            if self.tokens.is_some()
                && let Ok(answer) = self.request(path).await?
            {
                return Ok(Some(answer));
            }
            self.tokens = None;
        }
        if !self.repairs.may_start(now.steady) || !self.log_in(now).await? {
            return Ok(None);
        }
        match self.request(path).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(refused) => {
                let why = format!("its new token was rejected ({})", refused.detail());
                self.tokens = None;
                self.start_repair(&why, now);
                Ok(None)
            }
        }
    }

    fn is_refresh_due(&self, now: Now) -> bool {
        let tokens = self.tokens.as_ref();
        tokens.is_some_and(|tokens| now.steady >= tokens.refresh_at)
    }

    /// The inner error is a response that refuses the token.
    async fn request(&self, path: &str) -> Result<Result<Answer, Answer>, Failure> {
        let Some(tokens) = &self.tokens else {
            return Err(Failure::refused("the sidecar has no token"));
        };
        let answer = self.http.get(path, &tokens.access).await?;
        Ok(match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(answer),
            _ => Ok(answer),
        })
    }

    /// Marks the token as expired, since the server refused it: it is not used when it cannot be refreshed.
    fn expire(&mut self) {
        if let Some(tokens) = &mut self.tokens {
            tokens.expires_at = Duration::ZERO;
        }
    }

    /// Refreshes the tokens, or replaces them by a login while they are still valid. If neither succeeds, valid
    /// tokens are kept, and expired ones are dropped.
    async fn refresh(&mut self, now: Now) {
        let Some(mut tokens) = self.tokens.take() else {
            return;
        };
        let is_valid = now.steady < tokens.expires_at;
        match login::refresh(&self.http, &tokens, now.steady).await {
            Ok(Login::Granted(fresh)) => {
                self.tokens = Some(fresh);
                return;
            }
            Ok(Login::Denied(why)) => {
                tracing::debug!(why, "cannot refresh the token");
                let may_log_in = is_valid && self.repairs.may_start(now.steady);
                if may_log_in && matches!(self.log_in(now).await, Ok(true)) {
                    return;
                }
                tokens.is_last = true;
            }
            Err(error) => tracing::debug!(%error, "cannot refresh the token"),
        }
        if is_valid {
            tokens.refresh_at = now.steady + RETRY_AFTER;
            self.tokens = Some(tokens);
        }
    }

    /// Logs in, and returns whether that succeeded. When the login is refused, starts the repair.
    async fn log_in(&mut self, now: Now) -> Result<bool, Failure> {
        let Some(own) = self.credentials(now) else {
            return Ok(false);
        };
        match login::log_in(&self.http, &own, now.steady).await? {
            Login::Granted(tokens) => {
                self.tokens = Some(tokens);
                Ok(true)
            }
            Login::Denied(why) => {
                self.start_repair(&why, now);
                Ok(false)
            }
        }
    }

    fn start_repair(&mut self, why: &str, now: Now) {
        if !self.repairs.may_start(now.steady) {
            return;
        }
        if let Some(own) = self.credentials(now) {
            let reason = format!("DittoFS refuses user \"{}\": {why}", own.username);
            let (http, administration) = (self.http.clone(), self.administration.clone());
            let repair = repair::repair(http, administration, own, now);
            self.repairs.start(reason, repair);
        }
    }

    /// The sidecar's own credentials. `None` when they cannot be read, which is reported like a failed repair.
    fn credentials(&mut self, now: Now) -> Option<Credentials> {
        let own = self.own.read();
        own.map_err(|error| {
            let message = format!("cannot use the sidecar's own credentials: {error}");
            self.repairs.failed(message, now.steady);
        })
        .ok()
    }
}
