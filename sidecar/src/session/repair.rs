//! Makes the sidecar's own user, or puts it right, as an administrator with a signed token.

use super::login::{self, Login, Tokens};
use crate::administration::{AdminError, Administration, is_name};
use crate::clock::Now;
use crate::credentials::Credentials;
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use dittofs_shared::names::{ADMIN_USER, SIDECAR_USER};
use dittofs_shared::published_state::shorten;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const ROLE: &str = "operator";

/// What the server says of a user.
#[derive(Deserialize)]
struct User {
    role: String,
    enabled: bool,
}

/// Sees to it that `own` can log in, and logs in.
pub(super) async fn repair(
    http: Arc<Http>,
    administration: Administration,
    own: Credentials,
    now: Now,
) -> Result<Tokens, Failure> {
    judge(&own)?;
    let work = Repair {
        administration: &administration,
        own: &own,
        now,
    };
    if let Some(user) = work.find().await? {
        work.put_right(&user).await?;
        tracing::info!(
            username = own.username,
            "put the sidecar's user in DittoFS right, and set its password"
        );
    } else {
        work.make().await?;
        tracing::info!(
            username = own.username,
            "made the sidecar's user in DittoFS, with role operator"
        );
    }
    match login::log_in(&http, &own, now.steady).await? {
        Login::Granted(tokens) => Ok(tokens),
        Login::Denied(why) => Err(Failure::refused(format!(
            "the password of user \"{}\" was just set, and DittoFS refuses it still ({why})",
            own.username
        ))),
    }
}

/// What is not tried at all.
fn judge(own: &Credentials) -> Result<(), Failure> {
    let username = shorten(&own.username);
    if own.username == ADMIN_USER {
        return Err(Failure::refused(format!(
            "user \"{username}\" is the administrator: the sidecar needs a user of its own and changes no administrator's password"
        )));
    }
    if !is_name(&own.username) || own.username == crate::administration::ME {
        return Err(AdminError::Name(username).into());
    }
    if let Some(problem) = own.password.problem() {
        return Err(Failure::refused(format!(
            "{problem}: put another one for \"{username}\" into the sidecar's Secret"
        )));
    }
    Ok(())
}

struct Repair<'a> {
    administration: &'a Administration,
    own: &'a Credentials,
    now: Now,
}

impl Repair<'_> {
    async fn find(&self) -> Result<Option<User>, Failure> {
        let answer = self
            .call(Method::GET, &["users", self.name()], None)
            .await?;
        match answer.status {
            StatusCode::OK => serde_json::from_slice(&answer.body).map(Some).map_err(|_| {
                Failure::invalid("DittoFS describes a user in words that are not understood")
            }),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.not_done(&answer, "be looked up")),
        }
    }

    async fn make(&self) -> Result<(), Failure> {
        let body =
            json!({"username": self.name(), "password": self.own.password.reveal(), "role": ROLE});
        let answer = self.call(Method::POST, &["users"], Some(&body)).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.not_done(&answer, "be made")),
        }
    }

    /// Role and switch come first: the server binds administrators to a change of a password that somebody else sets.
    async fn put_right(&self, user: &User) -> Result<(), Failure> {
        if user.role == "admin" && self.name() != SIDECAR_USER {
            return Err(Failure::refused(format!(
                "user \"{}\" is an administrator: the sidecar needs a user of its own and changes no administrator's password",
                shorten(self.name())
            )));
        }
        if user.role != ROLE || !user.enabled {
            let body = json!({"role": ROLE, "enabled": true});
            let path = ["users", self.name()];
            let answer = self.call(Method::PUT, &path, Some(&body)).await?;
            if !answer.status.is_success() {
                return Err(self.not_done(&answer, "be switched on"));
            }
        }
        let body = json!({"new_password": self.own.password.reveal()});
        let path = ["users", self.name(), "password"];
        let answer = self.call(Method::POST, &path, Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(self.not_done(&answer, "get its password"));
        }
        Ok(())
    }

    fn name(&self) -> &str {
        &self.own.username
    }

    async fn call(
        &self,
        method: Method,
        parts: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let call = (method, parts);
        let answer = self
            .administration
            .call(SIDECAR_USER, call, body, self.now.wall);
        Ok(answer.await?)
    }

    fn not_done(&self, answer: &Answer, what: &str) -> Failure {
        let username = shorten(self.name());
        match answer.status {
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Failure::refused(format!(
                    "user \"{username}\" cannot {what} ({})",
                    answer.detail()
                ))
            }
            _ => answer.unexpected("the repair of the sidecar's user"),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Failed(failure) => failure,
            other => Self::refused(other.to_string()),
        }
    }
}
