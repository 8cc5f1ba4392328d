//! Polls with tokens that the sidecar signs itself.

use super::RETRY_AFTER;
use crate::administration::{Administration, REFUSED};
use crate::clock::Now;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use crate::signing_key::Role;
use dittofs_shared::names::SIDECAR_USER;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use std::time::Duration;

/// How often a refused key is checked again while polls do not need it.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// Access with a signed token of role `operator`, which is reused for its lifetime.
#[derive(Debug)]
pub(super) struct ByKey {
    administration: Administration,
    signed: Option<Signed>,
    check_at: Duration,
}

#[derive(Debug)]
struct Signed {
    header: HeaderValue,
    /// When the next one is signed.
    renew_at: Duration,
    /// When this one expires.
    expires_at: Duration,
}

impl ByKey {
    pub fn new(administration: Administration) -> Self {
        Self {
            administration,
            signed: None,
            check_at: Duration::ZERO,
        }
    }

    /// Sends a `GET`. `reason` says why there is no token of a login.
    pub async fn get(
        &mut self,
        http: &Http,
        path: &str,
        now: Now,
        reason: &str,
    ) -> Result<Answer, Failure> {
        let is_due = |signed: &Signed| now.steady >= signed.renew_at;
        if !self.signed.as_ref().is_none_or(is_due)
            && let Some(answer) = self.request(http, path).await?
        {
            return evaluate(answer, path);
        }
        let problem = match self.renew(http, path, now).await? {
            Ok(answer) => return evaluate(answer, path),
            Err(problem) => problem,
        };
        // The mounted key may be newer than the one that the server uses. A token that was signed with the old key is
        // valid until it expires.
        let is_valid = |signed: &&mut Signed| now.steady < signed.expires_at;
        if let Some(signed) = self.signed.as_mut().filter(is_valid) {
            signed.renew_at = now.steady + RETRY_AFTER;
            if let Some(answer) = self.request(http, path).await? {
                return evaluate(answer, path);
            }
        }
        self.signed = None;
        Err(Failure::refused(format!("{reason}; and {problem}")))
    }

    /// Checks from time to time whether the server still refuses the key, while polls do not need it.
    pub async fn check(&mut self, http: &Http, path: &str, now: Now) {
        if self.administration.is_refused() && now.steady >= self.check_at {
            self.check_at = now.steady + CHECK_INTERVAL;
            let renewed = self.renew(http, path, now).await;
            tracing::debug!(
                accepted = matches!(renewed, Ok(Ok(_))),
                "checked the signing key again"
            );
        }
    }

    /// Signs a new token and uses it. The inner error says why it was not accepted.
    async fn renew(
        &mut self,
        http: &Http,
        path: &str,
        now: Now,
    ) -> Result<Result<Answer, String>, Failure> {
        let key = self.administration.key();
        let token = match key.sign(SIDECAR_USER, Role::Operator, now.wall) {
            Ok(token) => token,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let answer = http.get(path, &token.header).await?;
        let refused = answer.status == StatusCode::UNAUTHORIZED;
        self.administration.record(refused);
        if refused {
            return Ok(Err(REFUSED.to_owned()));
        }
        self.signed = Some(Signed {
            header: token.header,
            renew_at: now.steady + token.lifetime * 4 / 5,
            expires_at: now.steady + token.lifetime,
        });
        Ok(Ok(answer))
    }

    /// `None` when the token is refused.
    async fn request(&self, http: &Http, path: &str) -> Result<Option<Answer>, Failure> {
        let Some(signed) = &self.signed else {
            return Ok(None);
        };
        let answer = http.get(path, &signed.header).await?;
        Ok((answer.status != StatusCode::UNAUTHORIZED).then_some(answer))
    }
}

fn evaluate(answer: Answer, path: &str) -> Result<Answer, Failure> {
    if answer.status != StatusCode::FORBIDDEN {
        return Ok(answer);
    }
    Err(Failure::refused(format!(
        "DittoFS does not allow role operator to read {path} ({})",
        answer.detail()
    )))
}
