//! Creates or repairs the sidecar's own user, as an administrator with a signed token.

use super::login::{self, Login, Tokens};
use crate::administration::{AdminError, Administration, ME, is_valid_name};
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

/// A user as the server describes it.
#[derive(Deserialize)]
struct User {
    role: String,
    enabled: bool,
}

/// Ensures that the user `own` can log in, and logs in.
pub(super) async fn repair(
    http: Arc<Http>,
    administration: Administration,
    own: Credentials,
    now: Now,
) -> Result<Tokens, Failure> {
    validate(&own)?;
    let work = Repair {
        administration: &administration,
        own: &own,
        now,
    };
    if let Some(user) = work.find_user().await? {
        work.update_user(&user).await?;
        tracing::info!(
            username = own.username,
            "repaired the sidecar's DittoFS user and set its password"
        );
    } else {
        work.create_user().await?;
        tracing::info!(
            username = own.username,
            "created the sidecar's DittoFS user with role operator"
        );
    }
    match login::log_in(&http, &own, now.steady).await? {
        Login::Granted(tokens) => Ok(tokens),
        Login::Denied(why) => Err(Failure::refused(format!(
            "DittoFS refuses user \"{}\" although its password was just set ({why})",
            own.username
        ))),
    }
}

/// Rejects credentials with which no repair is tried.
fn validate(own: &Credentials) -> Result<(), Failure> {
    let username = shorten(&own.username);
    if own.username == ADMIN_USER {
        return Err(Failure::refused(format!(
            "user \"{username}\" is the administrator; \
             the sidecar needs a user of its own and never changes an administrator's password"
        )));
    }
    if !is_valid_name(&own.username) || own.username == ME {
        return Err(AdminError::Name { name: username }.into());
    }
    if let Some(problem) = own.password.problem() {
        return Err(Failure::refused(format!(
            "{problem}; put another password for \"{username}\" into the sidecar's Secret"
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
    async fn find_user(&self) -> Result<Option<User>, Failure> {
        let answer = self
            .call(Method::GET, &["users", self.name()], None)
            .await?;
        match answer.status {
            StatusCode::OK => serde_json::from_slice(&answer.body)
                .map(Some)
                .map_err(|_| Failure::invalid("cannot parse what DittoFS returns for a user")),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.rejected(&answer, "read")),
        }
    }

    async fn create_user(&self) -> Result<(), Failure> {
        let body =
            json!({"username": self.name(), "password": self.own.password.reveal(), "role": ROLE});
        let answer = self.call(Method::POST, &["users"], Some(&body)).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.rejected(&answer, "create")),
        }
    }

    /// Sets role and `enabled` before the password: an administrator would have to change a password that another
    /// user has set.
    async fn update_user(&self, user: &User) -> Result<(), Failure> {
        if user.role == "admin" && self.name() != SIDECAR_USER {
            return Err(Failure::refused(format!(
                "user \"{}\" is an administrator; \
                 the sidecar needs a user of its own and never changes an administrator's password",
                shorten(self.name())
            )));
        }
        if user.role != ROLE || !user.enabled {
            let body = json!({"role": ROLE, "enabled": true});
            let path = ["users", self.name()];
            let answer = self.call(Method::PUT, &path, Some(&body)).await?;
            if !answer.status.is_success() {
                return Err(self.rejected(&answer, "update"));
            }
        }
        let body = json!({"new_password": self.own.password.reveal()});
        let path = ["users", self.name(), "password"];
        let answer = self.call(Method::POST, &path, Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(self.rejected(&answer, "set the password of"));
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

    fn rejected(&self, answer: &Answer, action: &str) -> Failure {
        let username = shorten(self.name());
        match answer.status {
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Failure::refused(format!(
                    "DittoFS refuses to {action} user \"{username}\" ({})",
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
