//! Polls with a token that the sidecar signs itself.

use super::AGAIN;
use crate::administration::{Administration, REFUSED};
use crate::clock::Now;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use crate::signing_key::Role;
use dittofs_shared::names::SIDECAR_USER;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use std::time::Duration;

/// How often a key that was refused is tried again, while polls do without it.
const CHECK_AGAIN: Duration = Duration::from_secs(30);

/// A token of role `operator`, kept for its life.
#[derive(Debug)]
pub(super) struct ByKey {
    administration: Administration,
    signed: Option<Signed>,
    check_at: Duration,
}

#[derive(Debug)]
struct Signed {
    header: HeaderValue,
    /// When another one is signed.
    renew_at: Duration,
    /// When this one is worth nothing any more.
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

    /// `GET`. `refused` says why there is no better token.
    pub async fn get(
        &mut self,
        http: &Http,
        path: &str,
        now: Now,
        refused: &str,
    ) -> Result<Answer, Failure> {
        let is_due = |signed: &Signed| now.steady >= signed.renew_at;
        if !self.signed.as_ref().is_none_or(is_due)
            && let Some(answer) = self.ask(http, path).await?
        {
            return judge(answer, path);
        }
        let problem = match self.renewed(http, path, now).await? {
            Ok(answer) => return judge(answer, path),
            Err(problem) => problem,
        };
        // The mounted key may be newer than the one that the server runs with: what was signed with that one is good
        // until it expires.
        let is_good = |signed: &&mut Signed| now.steady < signed.expires_at;
        if let Some(signed) = self.signed.as_mut().filter(is_good) {
            signed.renew_at = now.steady + AGAIN;
            if let Some(answer) = self.ask(http, path).await? {
                return judge(answer, path);
            }
        }
        self.signed = None;
        Err(Failure::refused(format!("{refused}; and {problem}")))
    }

    /// While polls do without the key: whether the server still refuses it.
    pub async fn check(&mut self, http: &Http, path: &str, now: Now) {
        if self.administration.is_refused() && now.steady >= self.check_at {
            self.check_at = now.steady + CHECK_AGAIN;
            let renewed = self.renewed(http, path, now).await;
            tracing::debug!(
                accepted = matches!(renewed, Ok(Ok(_))),
                "tried the signing key again"
            );
        }
    }

    /// The inner error says why no new token was accepted.
    async fn renewed(
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
        self.administration.note(refused);
        if refused {
            return Ok(Err(REFUSED.to_owned()));
        }
        self.signed = Some(Signed {
            header: token.header,
            renew_at: now.steady + token.life * 4 / 5,
            expires_at: now.steady + token.life,
        });
        Ok(Ok(answer))
    }

    /// `None`: the token is refused.
    async fn ask(&self, http: &Http, path: &str) -> Result<Option<Answer>, Failure> {
        let Some(signed) = &self.signed else {
            return Ok(None);
        };
        let answer = http.get(path, &signed.header).await?;
        Ok((answer.status != StatusCode::UNAUTHORIZED).then_some(answer))
    }
}

fn judge(answer: Answer, path: &str) -> Result<Answer, Failure> {
    if answer.status != StatusCode::FORBIDDEN {
        return Ok(answer);
    }
    Err(Failure::refused(format!(
        "DittoFS does not let the role operator read {path} ({})",
        answer.detail()
    )))
}
