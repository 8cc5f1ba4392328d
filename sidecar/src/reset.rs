//! Resets the administrator's password to the value in a Secret when the operator requests it.
//!
//! # Expected flow
//! 1. The settings contain a request that was not handled yet.
//! 2. The Secret is read from the API server. The sidecar's Role allows that only while a reset is requested.
//! 3. The password is set. The server then requires the administrator to change it, so the same password is set once
//!    more as the administrator.
//! 4. The result is published. A refused reset is retried with backoff while it is requested.
//!
//! # Guarantees
//! No password is reset without a request, and no request is carried out twice: the results of the previous sidecar are
//! read from the published state first.

use crate::administration::{AdminError, Administration, ME};
use crate::channel::changed;
use crate::clock::Clock;
use crate::http::Answer;
use crate::outcome::FailureKind;
use crate::password::Password;
use dittofs_runtime::backoff::Backoff;
use dittofs_shared::names::{ADMIN_USER, SIDECAR_USER};
use dittofs_shared::reports::{PasswordReset, ResetOutcome};
use dittofs_shared::settings::{ResetRequest, Settings};
use hyper::Method;
use jiff::Timestamp;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// First wait after a failure. A permission that was just granted takes effect after a moment.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Reads passwords from Secrets.
pub trait Passwords {
    /// Reads the value of a key of a Secret, byte for byte.
    fn read(
        &self,
        secret: &str,
        key: &str,
    ) -> impl Future<Output = Result<Password, PasswordError>>;
}

/// Why the password cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The Secret does not exist.
    #[error("Secret {secret:?} does not exist; create it")]
    Missing {
        /// The Secret.
        secret: String,
    },
    /// The Secret does not have the key.
    #[error("Secret {secret:?} has no key {key:?}; add it")]
    NoKey {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// The value is not text.
    #[error("key {key:?} of Secret {secret:?} is not UTF-8 text; put another password there")]
    NotText {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// The request failed.
    #[error("cannot read Secret {secret:?} ({reason})")]
    Failed {
        /// The Secret.
        secret: String,
        /// What happened.
        reason: String,
    },
}

/// The result of the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastReset {
    /// Whether the result of the previous sidecar was read yet.
    is_known: bool,
    result: Option<PasswordReset>,
}

impl LastReset {
    /// A result that was read from the published state, or that a reset had.
    pub fn known(result: Option<PasswordReset>) -> Self {
        Self {
            is_known: true,
            result,
        }
    }

    /// The result, if there was a reset.
    pub fn result(&self) -> Option<&PasswordReset> {
        self.result.as_ref()
    }

    /// Whether this request was carried out.
    fn is_done(&self, request: &ResetRequest) -> bool {
        self.result.as_ref().is_some_and(|result| {
            result.request == request.request && result.outcome == ResetOutcome::Done
        })
    }
}

/// Carries out the requested resets.
pub struct Resetter<P, C> {
    /// Talks to DittoFS.
    pub administration: Administration,
    /// Reads the password.
    pub passwords: P,
    /// The current time.
    pub clock: C,
    /// The settings of the operator, with the request.
    pub settings: watch::Receiver<Settings>,
    /// The result of the last reset, for the published state.
    pub last: watch::Sender<LastReset>,
}

/// Why a reset failed.
#[derive(Debug, thiserror::Error)]
enum ResetError {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Administration(#[from] AdminError),
    #[error("{reason}")]
    Refused { reason: String },
}

impl ResetError {
    /// Whether a retry may succeed without anybody changing anything.
    fn is_transient(&self) -> bool {
        match self {
            Self::Password(PasswordError::Failed { .. }) => true,
            Self::Administration(AdminError::Failed(failure)) => {
                failure.kind == FailureKind::Unreachable
            }
            _ => false,
        }
    }
}

impl<P: Passwords, C: Clock> Resetter<P, C> {
    /// Handles requests until it is dropped.
    pub async fn run(mut self) -> Infallible {
        let mut results = self.last.subscribe();
        let mut backoff = Backoff::new(FIRST_WAIT);
        let mut handled = None;
        loop {
            let requested = self.settings.borrow_and_update().reset.clone();
            let last = results.borrow_and_update().clone();
            if requested != handled {
                backoff = Backoff::new(FIRST_WAIT);
            }
            let retry_after = match &requested {
                Some(request) if last.is_known && !last.is_done(request) => {
                    let is_retry = requested == handled;
                    let is_done = self.handle(request, is_retry).await;
                    if is_done { None } else { backoff.next() }
                }
                None => {
                    self.clear_refusal();
                    None
                }
                Some(_) => None,
            };
            handled = requested;
            tokio::select! {
                () = pause(retry_after) => {}
                () = self.request_changed(handled.as_ref()) => {}
                () = until_known(&mut results, last.is_known) => {}
            }
        }
    }

    /// Tries a reset, and reports its result. Returns whether it is done.
    async fn handle(&self, request: &ResetRequest, is_retry: bool) -> bool {
        let report = |outcome, message| {
            let result = PasswordReset {
                request: request.request.clone(),
                outcome,
                message,
            };
            self.last.send_if_modified(|last| {
                let next = LastReset::known(Some(result));
                let modified = *last != next;
                *last = next;
                modified
            });
        };
        match self.reset(request, (self.clock)().wall).await {
            Ok(()) => {
                tracing::info!("reset the administrator's password as requested");
                report(ResetOutcome::Done, None);
                true
            }
            Err(error) => {
                tracing::warn!("cannot reset the administrator's password: {error}");
                if is_retry || !error.is_transient() {
                    report(ResetOutcome::Refused, Some(error.to_string()));
                }
                false
            }
        }
    }

    async fn reset(&self, request: &ResetRequest, wall: Timestamp) -> Result<(), ResetError> {
        let password = self.passwords.read(&request.secret, &request.key).await?;
        if let Some(problem) = password.problem() {
            return Err(ResetError::Refused {
                reason: format!(
                    "{problem}; put another password into key {:?} of Secret {:?}",
                    request.key, request.secret
                ),
            });
        }
        let password = password.reveal();
        let set = json!({"new_password": password});
        let path = (Method::POST, &["users", ADMIN_USER, "password"][..]);
        let answer = self
            .administration
            .call(SIDECAR_USER, path, Some(&set), wall);
        accepted(&answer.await?, "the reset of the administrator's password")?;
        // Until this is done, the server requires the administrator to change the password.
        let set = json!({"current_password": password, "new_password": password});
        let path = (Method::POST, &["users", ME, "password"][..]);
        let answer = self.administration.call(ADMIN_USER, path, Some(&set), wall);
        accepted(&answer.await?, "the change of the administrator's password")
    }

    /// Withdraws the report of a refusal once nothing is requested any more. The report of a success stays.
    fn clear_refusal(&self) {
        self.last.send_if_modified(|last| {
            let refused = |result: &PasswordReset| result.outcome == ResetOutcome::Refused;
            let modified = last.result.as_ref().is_some_and(refused);
            if modified {
                last.result = None;
            }
            modified
        });
    }

    /// Waits for another request than this one.
    async fn request_changed(&mut self, handled: Option<&ResetRequest>) {
        loop {
            changed(&mut self.settings).await;
            if self.settings.borrow_and_update().reset.as_ref() != handled {
                return;
            }
        }
    }
}

async fn pause(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn until_known(results: &mut watch::Receiver<LastReset>, is_known: bool) {
    if is_known {
        return std::future::pending().await;
    }
    changed(results).await;
}

fn accepted(answer: &Answer, what: &str) -> Result<(), ResetError> {
    if answer.status.is_success() {
        return Ok(());
    }
    Err(ResetError::Refused {
        reason: format!(
            "DittoFS answered {what} with status {} ({})",
            answer.status.as_u16(),
            answer.detail()
        ),
    })
}
