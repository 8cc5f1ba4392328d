//! Writes the desired state into one ConfigMap whenever it differs from what the ConfigMap holds.
//!
//! # Expected flow
//! 1. At the start, read the ConfigMap until that works. The poll loop resumes from what it holds.
//! 2. When the desired state changes, write it. While the API server is unavailable, only the latest state waits.
//! 3. When the operator reports that the ConfigMap was replaced, or changed by another writer, read it again.
//!
//! # Guarantees
//! A state that is already published is not written again. Nothing is ever created or deleted. No failure ends the
//! publisher.

mod allowance;

use crate::channel::changed;
use crate::clock::Clock;
use crate::log_limit::LogLimit;
use allowance::Allowance;
use dittofs_runtime::backoff::Backoff;
use dittofs_shared::published_state::{DecodeError, PublishedState};
use dittofs_shared::settings::Settings;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The `data` of a ConfigMap.
pub type Data = BTreeMap<String, String>;

/// What the previous sidecar has published. `None` where that is nothing, or cannot be decoded.
pub type Previous = Option<PublishedState>;

/// First wait after a failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long publishing the final state may take. The pod is being stopped and does not wait for it.
const FINAL_DEADLINE: Duration = Duration::from_millis(700);

/// Where the state is published.
pub trait Target {
    /// Reads what is published.
    fn read(&self) -> impl Future<Output = Result<Data, TargetError>>;
    /// Replaces what is published.
    fn apply(&self, data: &Data) -> impl Future<Output = Result<(), TargetError>>;
}

/// Why the state cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The ConfigMap does not exist.
    #[error("ConfigMap {name} does not exist yet; waiting for the operator to create it")]
    Missing {
        /// The ConfigMap.
        name: String,
    },
    /// The sidecar lacks the permission.
    #[error(
        "the sidecar is not allowed to {verb} ConfigMap {name} ({reason}); its Role must allow get and patch on it"
    )]
    Forbidden {
        /// The verb of the request.
        verb: &'static str,
        /// The ConfigMap.
        name: String,
        /// The message of the API server.
        reason: String,
    },
    /// The request failed.
    #[error("cannot {verb} ConfigMap {name}: {reason}; retrying")]
    Failed {
        /// The verb of the request.
        verb: &'static str,
        /// The ConfigMap.
        name: String,
        /// What happened.
        reason: String,
    },
}

/// Keeps the target equal to the desired state.
pub struct Publisher<T, C> {
    target: T,
    clock: C,
    /// What the target holds. `None` when that is not known.
    published: Option<Data>,
    /// Whether the target must be read before the next write.
    must_read: bool,
    allowance: Allowance,
    log_limit: LogLimit,
}

impl<T: Target, C: Clock> Publisher<T, C> {
    /// A publisher that has not read the target yet.
    pub fn new(target: T, clock: C) -> Self {
        Self {
            target,
            clock,
            published: None,
            must_read: true,
            allowance: Allowance::default(),
            log_limit: LogLimit::default(),
        }
    }

    /// Publishes until it is dropped.
    pub async fn run(
        &mut self,
        mut desired: watch::Receiver<Option<Data>>,
        mut settings: watch::Receiver<Settings>,
        previous: oneshot::Sender<Previous>,
    ) -> Infallible {
        let mut previous = Some(previous);
        let mut backoff = Backoff::new(FIRST_WAIT);
        let mut publish_to = settings.borrow_and_update().publish_to.clone();
        loop {
            let data = desired.borrow_and_update().clone();
            let next = match self.sync(data.as_ref(), &mut previous).await {
                Ok(wait) => {
                    backoff = Backoff::new(FIRST_WAIT);
                    self.log_recovery();
                    Next::Change(wait)
                }
                Err(error) => {
                    self.log_failure(&error);
                    Next::Retry(backoff.next().unwrap_or(FIRST_WAIT))
                }
            };
            tokio::select! {
                () = next_sync(&mut desired, next) => {}
                () = target_changed(&mut settings, &mut publish_to) => self.must_read = true,
            }
        }
    }

    /// Publishes the state of a sidecar that stops: one write with a short deadline.
    pub async fn publish_final(&mut self, data: &Data) {
        if self.published.as_ref() == Some(data) {
            return;
        }
        match tokio::time::timeout(FINAL_DEADLINE, self.target.apply(data)).await {
            Ok(Ok(())) => tracing::debug!("published the final state"),
            Ok(Err(error)) => tracing::warn!("cannot publish the final state: {error}"),
            Err(_) => {
                tracing::warn!("cannot publish the final state: the API server took too long");
            }
        }
    }

    /// Returns how long to wait before the next write.
    async fn sync(
        &mut self,
        desired: Option<&Data>,
        previous: &mut Option<oneshot::Sender<Previous>>,
    ) -> Result<Duration, TargetError> {
        if self.must_read {
            self.read(desired, previous).await?;
        }
        match desired {
            Some(desired) if self.published.as_ref() != Some(desired) => {
                self.write(desired).await?;
                Ok(self.allowance.spend((self.clock)().steady))
            }
            _ => Ok(Duration::ZERO),
        }
    }

    async fn read(
        &mut self,
        desired: Option<&Data>,
        previous: &mut Option<oneshot::Sender<Previous>>,
    ) -> Result<(), TargetError> {
        let found = self.target.read().await;
        // A ConfigMap that does not exist yet says as much as an empty one, so the poll loop can start.
        let decoded = match &found {
            Ok(data) => Some(decode(data)),
            Err(TargetError::Missing { .. }) => Some(None),
            Err(_) => None,
        };
        if let Some(decoded) = decoded
            && let Some(previous) = previous.take()
        {
            // The poll loop ends only together with this publisher.
            let _ = previous.send(decoded);
        }
        let data = found?;
        let was_changed = self.published.as_ref().is_some_and(|known| *known != data);
        if was_changed && desired.is_some_and(|desired| *desired != data) {
            tracing::info!(
                "the ConfigMap no longer holds the published state; publishing it again"
            );
        }
        self.published = Some(data);
        self.must_read = false;
        Ok(())
    }

    async fn write(&mut self, desired: &Data) -> Result<(), TargetError> {
        // Unknown until the write has succeeded.
        self.published = None;
        match self.target.apply(desired).await {
            Ok(()) => {
                self.published = Some(desired.clone());
                tracing::debug!("published the state");
                Ok(())
            }
            // Without the right to create, patching a missing ConfigMap is answered with "forbidden".
            Err(error @ TargetError::Forbidden { .. }) => match self.target.read().await {
                Err(missing @ TargetError::Missing { .. }) => Err(missing),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn log_failure(&mut self, error: &TargetError) {
        if let Some(tries) = self
            .log_limit
            .failed(&error.to_string(), (self.clock)().steady)
        {
            tracing::warn!(tries, "{error}");
        }
    }

    fn log_recovery(&mut self) {
        if let Some(tries) = self.log_limit.succeeded() {
            tracing::info!(tries, "the ConfigMap can be read and written again");
        }
    }
}

/// What the publisher waits for.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Another desired state, and this time.
    Change(Duration),
    /// This time, after a failure.
    Retry(Duration),
}

async fn next_sync(desired: &mut watch::Receiver<Option<Data>>, next: Next) {
    match next {
        Next::Retry(wait) => tokio::time::sleep(wait).await,
        Next::Change(wait) => {
            tokio::join!(tokio::time::sleep(wait), changed(desired));
        }
    }
}

/// Waits until the operator reports that the ConfigMap was replaced, or changed by another writer.
async fn target_changed(settings: &mut watch::Receiver<Settings>, publish_to: &mut Option<String>) {
    loop {
        changed(settings).await;
        let now = &settings.borrow_and_update().publish_to;
        if now != publish_to {
            publish_to.clone_from(now);
            return;
        }
    }
}

fn decode(data: &Data) -> Previous {
    match PublishedState::decode(data) {
        Ok(state) => Some(state),
        Err(DecodeError::Empty) => None,
        Err(error) => {
            tracing::warn!("cannot decode the previously published state, replacing it: {error}");
            None
        }
    }
}
