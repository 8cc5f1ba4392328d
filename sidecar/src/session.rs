//! A token for every poll, with as few logins as possible, and a way in that cannot go stale.
//!
//! # Expected flow
//! 1. The sidecar logs in with its own user.
//! 2. When four fifths of the token's life are over, it is refreshed. That costs the server no password hash.
//! 3. When the server refuses the token all the same, it is refreshed, then there is a new login.
//! 4. When the login is refused, polls go on at once with a token of role `operator` that the sidecar signs itself.
//!    Beside them, the repair makes the user or sets its password; then it logs in, and polls use that.
//!
//! Tokens, passwords and the key stay in memory and out of every message.

mod by_key;
mod login;
mod repair;
mod repairs;
#[cfg(test)]
mod tests;

use crate::administration::{Administration, REFUSED};
use crate::clock::Now;
use crate::credentials::CredentialFiles;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use by_key::ByKey;
use dittofs_shared::reports::Access;
use hyper::StatusCode;
use login::{Login, Tokens};
use repairs::Repairs;
use std::sync::Arc;
use std::time::Duration;

/// How long an old token is gone on with when no other can be had, before that is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// The sidecar's standing with the REST API.
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
    /// Nobody yet. `administration` has the key that repairs the sidecar's own user.
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

    /// `GET` as the sidecar's user. An answer other than 401 and 403 is handed back.
    pub async fn get(&mut self, path: &str, now: Now) -> Result<Answer, Failure> {
        if let Some(tokens) = self.repairs.finished(now.steady) {
            self.tokens = Some(tokens);
        }
        let Some(answer) = self.with_password(path, now).await? else {
            let refused = self.repairs.reason();
            return self.by_key.get(&self.http, path, now, refused).await;
        };
        if self.tokens.as_ref().is_some_and(|tokens| !tokens.is_last) {
            self.repairs.all_is_well();
        }
        self.by_key.check(&self.http, path, now).await;
        Ok(answer)
    }

    /// What is wrong with the way in, if anything is, for the published state.
    pub fn access(&self) -> Option<Access> {
        let refused = self.administration.is_refused();
        let message = match self.repairs.trouble() {
            // What failed for this reason is tried again before long.
            Some(REFUSED) if !refused => return None,
            Some(trouble) => trouble.to_owned(),
            None if refused => REFUSED.to_owned(),
            None => return None,
        };
        Some(Access {
            signing_key_refused: refused,
            message,
        })
    }

    /// `None`: nothing that a login gives is accepted at present.
    async fn with_password(&mut self, path: &str, now: Now) -> Result<Option<Answer>, Failure> {
        if self.is_due(now) {
            self.refresh(now).await;
        }
        if self.tokens.is_some() {
            match self.ask(path).await? {
                Ok(answer) => return Ok(Some(answer)),
                // The user lacks a right or has a duty, which no other token of it would change.
                Err(refused) if refused.status == StatusCode::FORBIDDEN => {
                    let why = format!("what it asks for ({})", refused.detail());
                    self.tokens = None;
                    self.begin_repair(&why, now);
                    return Ok(None);
                }
                Err(_) => self.expire(),
            }
            self.refresh(now).await;
            if self.tokens.is_some()
                && let Ok(answer) = self.ask(path).await?
            {
                return Ok(Some(answer));
            }
            self.tokens = None;
        }
        if !self.repairs.may_begin(now.steady) || !self.log_in(now).await? {
            return Ok(None);
        }
        match self.ask(path).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(refused) => {
                let why = format!("its token, just after a login ({})", refused.detail());
                self.tokens = None;
                self.begin_repair(&why, now);
                Ok(None)
            }
        }
    }

    fn is_due(&self, now: Now) -> bool {
        let tokens = self.tokens.as_ref();
        tokens.is_some_and(|tokens| now.steady >= tokens.refresh_at)
    }

    /// The inner error is an answer that refuses the token.
    async fn ask(&self, path: &str) -> Result<Result<Answer, Answer>, Failure> {
        let Some(tokens) = &self.tokens else {
            return Err(Failure::refused("the sidecar has no token"));
        };
        let answer = self.http.get(path, &tokens.access).await?;
        Ok(match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(answer),
            _ => Ok(answer),
        })
    }

    /// The server refused the token: there is nothing to go on with when refreshing fails.
    fn expire(&mut self) {
        if let Some(tokens) = &mut self.tokens {
            tokens.expires_at = Duration::ZERO;
        }
    }

    /// Leaves fresh tokens, or none when they cannot be had without a login. A token that is still good is gone on with.
    async fn refresh(&mut self, now: Now) {
        let Some(mut tokens) = self.tokens.take() else {
            return;
        };
        let is_good = now.steady < tokens.expires_at;
        match login::refresh(&self.http, &tokens, now.steady).await {
            Ok(Login::Granted(fresh)) => {
                self.tokens = Some(fresh);
                return;
            }
            Ok(Login::Denied(why)) => {
                tracing::debug!(why, "the token cannot be refreshed");
                let may_log_in = is_good && self.repairs.may_begin(now.steady);
                if may_log_in && matches!(self.log_in(now).await, Ok(true)) {
                    return;
                }
                tokens.is_last = true;
            }
            Err(error) => tracing::debug!(%error, "the token cannot be refreshed"),
        }
        if is_good {
            tokens.refresh_at = now.steady + AGAIN;
            self.tokens = Some(tokens);
        }
    }

    /// Whether it worked. When it is refused, the repair begins.
    async fn log_in(&mut self, now: Now) -> Result<bool, Failure> {
        let own = match self.own.read() {
            Ok(own) => own,
            Err(error) => {
                let message = format!("the sidecar's own credentials: {error}");
                self.repairs.failed(message, now.steady);
                return Ok(false);
            }
        };
        match login::log_in(&self.http, &own, now.steady).await? {
            Login::Granted(tokens) => {
                self.tokens = Some(tokens);
                Ok(true)
            }
            Login::Denied(why) => {
                self.begin_repair(&why, now);
                Ok(false)
            }
        }
    }

    fn begin_repair(&mut self, why: &str, now: Now) {
        if !self.repairs.may_begin(now.steady) {
            return;
        }
        match self.own.read() {
            Ok(own) => {
                let reason = format!("DittoFS refuses user \"{}\": {why}", own.username);
                let (http, administration) = (self.http.clone(), self.administration.clone());
                let repair = repair::repair(http, administration, own, now);
                self.repairs.begin(reason, repair);
            }
            Err(error) => {
                let message = format!("the sidecar's own credentials: {error}");
                self.repairs.failed(message, now.steady);
            }
        }
    }
}
