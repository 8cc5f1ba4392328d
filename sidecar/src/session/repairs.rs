//! Runs repairs in the background of the polls: one at a time, with backoff after failures.

use super::login::Tokens;
use crate::outcome::Failure;
use std::time::Duration;
use tokio::task::JoinSet;

/// First and longest wait after a failed repair.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));

/// The running repair, and the result of the last one.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// At most one task. It is aborted when this is dropped.
    running: JoinSet<Result<Tokens, Failure>>,
    /// Why the last one was started.
    reason: String,
    /// Why the last one failed.
    failure: Option<String>,
    /// When the next one may start.
    retry_at: Duration,
    /// The wait after the next failure.
    wait: Option<Duration>,
}

impl Repairs {
    /// Whether a login may be tried and a repair started: none is running, and the wait is over.
    pub fn may_start(&self, now: Duration) -> bool {
        !self.is_running() && now >= self.retry_at
    }

    /// Whether a repair is running, or has ended and its result was not taken yet.
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Starts a repair.
    pub fn start(
        &mut self,
        reason: String,
        repair: impl Future<Output = Result<Tokens, Failure>> + Send + 'static,
    ) {
        self.reason = reason;
        self.running.spawn(repair);
    }

    /// The tokens of a repair that has succeeded since the last call.
    pub fn finished(&mut self, now: Duration) -> Option<Tokens> {
        match self.running.try_join_next()? {
            Ok(Ok(tokens)) => {
                // The next repair waits until a poll has shown that the tokens are accepted.
                self.delay_next(now);
                Some(tokens)
            }
            Ok(Err(failure)) => {
                self.failed(failure.message, now);
                None
            }
            Err(error) => {
                self.failed(format!("the repair was aborted ({error})"), now);
                None
            }
        }
    }

    /// Records and logs a failure.
    pub fn failed(&mut self, message: String, now: Duration) {
        self.delay_next(now);
        if self.failure.as_ref() != Some(&message) {
            tracing::warn!("cannot repair the sidecar's DittoFS user: {message}");
        }
        self.failure = Some(message);
    }

    /// Records that a poll succeeded with the token of a login.
    pub fn succeeded(&mut self) {
        if !self.is_running() {
            self.failure = None;
            self.wait = None;
            self.retry_at = Duration::ZERO;
        }
    }

    /// Why the last repair failed, until one succeeds.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Why no login is possible at present.
    pub fn reason(&self) -> &str {
        self.failure.as_deref().unwrap_or(&self.reason)
    }

    fn delay_next(&mut self, now: Duration) {
        let wait = self.wait.unwrap_or(BACKOFF.0);
        self.retry_at = now + wait;
        self.wait = Some((wait * 2).min(BACKOFF.1));
    }

    /// Waits until the running repair has ended, so that the next [`Repairs::finished`] has its result.
    #[cfg(test)]
    pub async fn settle(&mut self) {
        if let Some(ended) = self.running.join_next().await {
            self.running.spawn(std::future::ready(ended.unwrap()));
            tokio::task::yield_now().await;
        }
    }
}
