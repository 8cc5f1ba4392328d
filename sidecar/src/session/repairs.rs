//! The repair that runs beside the polls: one at a time, and after failures at longer and longer intervals.

use super::login::Tokens;
use crate::outcome::Failure;
use std::time::Duration;
use tokio::task::JoinSet;

/// First and longest pause after a repair that failed.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));

/// Whether a repair runs, and what came of the last one.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// At most one. It ends with this.
    running: JoinSet<Result<Tokens, Failure>>,
    /// Why one was begun.
    reason: String,
    /// Why the last one failed.
    trouble: Option<String>,
    /// When the next one may begin.
    next_at: Duration,
    /// The next pause.
    pause: Option<Duration>,
}

impl Repairs {
    /// Whether a login may be tried, and a repair begun: none runs, and the pause is over.
    pub fn may_begin(&self, now: Duration) -> bool {
        self.running.is_empty() && now >= self.next_at
    }

    /// Begins one.
    pub fn begin(
        &mut self,
        reason: String,
        repair: impl Future<Output = Result<Tokens, Failure>> + Send + 'static,
    ) {
        self.reason = reason;
        self.running.spawn(repair);
    }

    /// The tokens of a repair that has ended well since.
    pub fn finished(&mut self, now: Duration) -> Option<Tokens> {
        match self.running.try_join_next()? {
            Ok(Ok(tokens)) => {
                // Until a poll has shown that they are good, the next repair has to wait.
                self.wait(now);
                Some(tokens)
            }
            Ok(Err(failure)) => {
                self.failed(failure.message, now);
                None
            }
            Err(error) => {
                self.failed(format!("the repair ended early ({error})"), now);
                None
            }
        }
    }

    /// Nothing could be repaired.
    pub fn failed(&mut self, message: String, now: Duration) {
        self.wait(now);
        if self.trouble.as_ref() != Some(&message) {
            tracing::warn!("the sidecar's user in DittoFS is not repaired: {message}");
        }
        self.trouble = Some(message);
    }

    /// A poll has worked with what a login gave.
    pub fn all_is_well(&mut self) {
        if self.running.is_empty() {
            self.trouble = None;
            self.pause = None;
            self.next_at = Duration::ZERO;
        }
    }

    /// Why the last repair failed, until one has worked.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Why there is no login at present.
    pub fn reason(&self) -> &str {
        self.trouble.as_deref().unwrap_or(&self.reason)
    }

    fn wait(&mut self, now: Duration) {
        let pause = self.pause.unwrap_or(PAUSES.0);
        self.next_at = now + pause;
        self.pause = Some((pause * 2).min(PAUSES.1));
    }

    /// Waits for the one that runs, so that the next [`Repairs::finished`] has its result.
    #[cfg(test)]
    pub async fn settle(&mut self) {
        if let Some(ended) = self.running.join_next().await {
            self.running.spawn(std::future::ready(ended.unwrap()));
            tokio::task::yield_now().await;
        }
    }
}
