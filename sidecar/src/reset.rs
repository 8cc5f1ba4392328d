//! Sets the administrator's password to what a Secret holds, when the operator asks for it.
//!
//! # Expected flow
//! 1. The settings ask for a reset that has not been answered yet.
//! 2. The Secret is read through the API server: the sidecar's Role allows it only while a reset is asked for.
//! 3. The password is set. The server then wants the administrator to change it, so that the same password is set once
//!    more in the administrator's own name.
//! 4. The answer is published. What is refused is tried again at longer and longer intervals while it is asked for.
//!
//! # Guarantees
//! Nothing is reset that nobody asks for, and nothing twice: what was done before this sidecar started is read from the
//! published state first.

use crate::administration::{AdminError, Administration, ME};
use crate::clock::Clock;
use crate::http::Answer;
use crate::outcome::FailureKind;
use crate::password::Password;
use crate::settings::changed;
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

/// First wait after a failure. The API server takes a moment to know of a right that was just given.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Where a password is read.
pub trait Passwords {
    /// The value of a key of a Secret, byte for byte.
    fn read(
        &self,
        secret: &str,
        key: &str,
    ) -> impl Future<Output = Result<Password, PasswordError>>;
}

/// Why there is no password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// There is no such Secret.
    #[error("Secret {0:?} does not exist: create it")]
    Missing(String),
    /// The Secret has no such key.
    #[error("Secret {0:?} has no key {1:?}: add it")]
    NoKey(String, String),
    /// The value is no text.
    #[error("key {1:?} of Secret {0:?} is not UTF-8 text: put another password there")]
    NoText(String, String),
    /// The Secret could not be read.
    #[error("Secret {0:?} cannot be read ({1})")]
    Failed(String, String),
}

/// What was answered last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Whether it is known what the sidecar before this one has answered.
    known: bool,
    last: Option<PasswordReset>,
}

impl Answered {
    /// What the sidecar before this one has answered.
    pub fn since(last: Option<PasswordReset>) -> Self {
        Self { known: true, last }
    }

    /// The last answer.
    pub fn last(&self) -> Option<&PasswordReset> {
        self.last.as_ref()
    }

    /// Whether nothing is left to do about a request.
    fn is_done(&self, request: &ResetRequest) -> bool {
        self.last.as_ref().is_some_and(|last| {
            last.request == request.request && last.outcome == ResetOutcome::Done
        })
    }
}

/// Carries out what is asked for.
pub struct Resets<P, C> {
    /// Talks to DittoFS.
    pub administration: Administration,
    /// Where the password is read.
    pub passwords: P,
    /// What time it is.
    pub clock: C,
    /// What the operator asks for.
    pub settings: watch::Receiver<Settings>,
    /// What was answered.
    pub answered: watch::Sender<Answered>,
}

/// Why a reset did not work.
#[derive(Debug, thiserror::Error)]
enum ResetError {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Administration(#[from] AdminError),
    #[error("{0}")]
    Refused(String),
}

impl ResetError {
    /// Whether it may work in a moment without anybody doing anything.
    fn passes(&self) -> bool {
        match self {
            Self::Password(PasswordError::Failed(..)) => true,
            Self::Administration(AdminError::Failed(failure)) => {
                failure.kind == FailureKind::Unreachable
            }
            _ => false,
        }
    }
}

impl<P: Passwords, C: Clock> Resets<P, C> {
    /// Keeps at it.
    pub async fn run(mut self) -> Infallible {
        let mut known = self.answered.subscribe();
        let mut backoff = Backoff::new(FIRST_WAIT);
        let mut tried = None;
        loop {
            let asked = self.settings.borrow_and_update().reset.clone();
            let answered = known.borrow_and_update().clone();
            if asked != tried {
                backoff = Backoff::new(FIRST_WAIT);
            }
            let wait = match &asked {
                Some(request) if answered.known && !answered.is_done(request) => {
                    let again = asked == tried;
                    self.try_once(request, again).await.then(|| backoff.next())
                }
                None => {
                    self.forget_refusal();
                    None
                }
                Some(_) => None,
            };
            tried = asked;
            tokio::select! {
                () = pause(wait.flatten()) => {}
                () = self.news(tried.as_ref()) => {}
                () = until_known(&mut known, answered.known) => {}
            }
        }
    }

    /// Whether it is to be tried again.
    async fn try_once(&self, request: &ResetRequest, again: bool) -> bool {
        let answer = |outcome, message| {
            let answer = PasswordReset {
                request: request.request.clone(),
                outcome,
                message,
            };
            self.answered.send_if_modified(|answered| {
                let next = Answered::since(Some(answer));
                let news = *answered != next;
                *answered = next;
                news
            });
        };
        match self.reset(request, (self.clock)().wall).await {
            Ok(()) => {
                tracing::info!("set the administrator's password, as asked for");
                answer(ResetOutcome::Done, None);
                false
            }
            Err(error) => {
                tracing::warn!("the administrator's password is not reset: {error}");
                if again || !error.passes() {
                    answer(ResetOutcome::Refused, Some(error.to_string()));
                }
                true
            }
        }
    }

    async fn reset(&self, request: &ResetRequest, wall: Timestamp) -> Result<(), ResetError> {
        let password = self.passwords.read(&request.secret, &request.key).await?;
        if let Some(problem) = password.problem() {
            return Err(ResetError::Refused(format!(
                "{problem}: put another one into key {:?} of Secret {:?}",
                request.key, request.secret
            )));
        }
        let password = password.reveal();
        let set = json!({"new_password": password});
        let others = (Method::POST, &["users", ADMIN_USER, "password"][..]);
        let answer = self
            .administration
            .call(SIDECAR_USER, others, Some(&set), wall);
        accepted(&answer.await?, "a reset of the administrator's password")?;
        // The server takes it for a password that the administrator has to change, until that is done.
        let set = json!({"current_password": password, "new_password": password});
        let own = (Method::POST, &["users", ME, "password"][..]);
        let answer = self.administration.call(ADMIN_USER, own, Some(&set), wall);
        accepted(&answer.await?, "a change of the administrator's password")
    }

    /// What nobody asks for any more was not refused. What was done stays said.
    fn forget_refusal(&self) {
        self.answered.send_if_modified(|answered| {
            let refused = |last: &PasswordReset| last.outcome == ResetOutcome::Refused;
            let news = answered.last.as_ref().is_some_and(refused);
            if news {
                answered.last = None;
            }
            news
        });
    }

    /// Until something else is asked for.
    async fn news(&mut self, than: Option<&ResetRequest>) {
        loop {
            changed(&mut self.settings).await;
            if self.settings.borrow_and_update().reset.as_ref() != than {
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

async fn until_known(answered: &mut watch::Receiver<Answered>, is_known: bool) {
    if is_known {
        return std::future::pending().await;
    }
    changed(answered).await;
}

fn accepted(answer: &Answer, what: &str) -> Result<(), ResetError> {
    if answer.status.is_success() {
        return Ok(());
    }
    Err(ResetError::Refused(format!(
        "DittoFS answers {what} with {} ({})",
        answer.status.as_u16(),
        answer.detail()
    )))
}
