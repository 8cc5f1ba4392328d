//! Writes what is wanted into one ConfigMap, when it differs from what stands there.
//!
//! # Expected flow
//! 1. Once, and until it works: read what stands there. The loop begins with it.
//! 2. When something else is wanted: write that. While the API server is away only the latest state waits.
//! 3. When the operator says that the ConfigMap is another one, or that somebody else wrote to it: look again.
//!
//! # Guarantees
//! Nothing is written that stands there already. Nothing is ever created or deleted. No failure ends this.

use crate::clock::Clock;
use crate::complaints::Complaints;
use crate::settings::changed;
use dittofs_runtime::backoff::Backoff;
use dittofs_shared::published_state::{DecodeError, PublishedState};
use dittofs_shared::settings::Settings;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The `data` of a ConfigMap.
pub type Data = BTreeMap<String, String>;

/// What the sidecar before this one has published, once that is known. `None`: nothing that can be read.
pub type Previous = Option<PublishedState>;

/// First wait after a failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Least time between two writes: a server that changes its mind with every poll does not keep the API server busy.
const GAP: Duration = Duration::from_millis(250);
/// How long the last words may take. The pod is being stopped, and nobody waits for them.
const LAST_WORDS: Duration = Duration::from_millis(700);

/// Where the state is published.
pub trait Target {
    /// What stands there.
    fn read(&self) -> impl Future<Output = Result<Data, TargetError>>;
    /// Replaces what stands there.
    fn apply(&self, data: &Data) -> impl Future<Output = Result<(), TargetError>>;
}

/// Why nothing can be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no such object.
    #[error("ConfigMap {0} does not exist; the operator makes it, and the sidecar waits for that")]
    Missing(String),
    /// The sidecar may not do that.
    #[error(
        "the sidecar may not {verb} ConfigMap {name} ({reason}); its Role should allow get and patch on it"
    )]
    Forbidden {
        /// What it wanted to do.
        verb: &'static str,
        /// The ConfigMap.
        name: String,
        /// What the API server says.
        reason: String,
    },
    /// It did not work.
    #[error("cannot {verb} ConfigMap {name}: {reason}; trying again")]
    Failed {
        /// What it wanted to do.
        verb: &'static str,
        /// The ConfigMap.
        name: String,
        /// What happened.
        reason: String,
    },
}

/// Keeps the target as it is wanted.
pub struct Publisher<T, C> {
    target: T,
    clock: C,
    /// What stands there. `None` when that is not known.
    standing: Option<Data>,
    /// Whether to look before anything else.
    look: bool,
    complaints: Complaints,
}

impl<T: Target, C: Clock> Publisher<T, C> {
    /// A publisher that knows nothing yet.
    pub fn new(target: T, clock: C) -> Self {
        Self {
            target,
            clock,
            standing: None,
            look: true,
            complaints: Complaints::default(),
        }
    }

    /// Keeps at it.
    pub async fn run(
        &mut self,
        mut wanted: watch::Receiver<Option<Data>>,
        mut settings: watch::Receiver<Settings>,
        previous: oneshot::Sender<Previous>,
    ) -> Infallible {
        let mut previous = Some(previous);
        let mut backoff = Backoff::new(FIRST_WAIT);
        let mut publish_to = settings.borrow_and_update().publish_to.clone();
        loop {
            let data = wanted.borrow_and_update().clone();
            let wait = match self.round(data.as_ref(), &mut previous).await {
                Ok(()) => {
                    backoff = Backoff::new(FIRST_WAIT);
                    self.recovered();
                    None
                }
                Err(error) => {
                    self.complain(&error);
                    backoff.next()
                }
            };
            tokio::select! {
                () = news(&mut wanted, wait) => {}
                () = moved(&mut settings, &mut publish_to) => self.look = true,
            }
        }
    }

    /// One write, in the little time that is left.
    pub async fn last_words(&mut self, data: &Data) {
        if self.standing.as_ref() == Some(data) {
            return;
        }
        match tokio::time::timeout(LAST_WORDS, self.target.apply(data)).await {
            Ok(Ok(())) => tracing::debug!("published the last words"),
            Ok(Err(error)) => tracing::warn!("the last words are not published: {error}"),
            Err(_) => {
                tracing::warn!("the last words are not published: the API server took too long");
            }
        }
    }

    async fn round(
        &mut self,
        want: Option<&Data>,
        previous: &mut Option<oneshot::Sender<Previous>>,
    ) -> Result<(), TargetError> {
        if self.look {
            self.look_again(want, previous).await?;
        }
        match want {
            Some(want) if self.standing.as_ref() != Some(want) => self.write(want).await,
            _ => Ok(()),
        }
    }

    async fn look_again(
        &mut self,
        want: Option<&Data>,
        previous: &mut Option<oneshot::Sender<Previous>>,
    ) -> Result<(), TargetError> {
        let found = self.target.read().await;
        // A ConfigMap that is not there yet says as much as an empty one: the loop can begin.
        let begin = match &found {
            Ok(data) => Some(decode(data)),
            Err(TargetError::Missing(_)) => Some(None),
            Err(_) => None,
        };
        if let Some(begin) = begin
            && let Some(previous) = previous.take()
        {
            // The loop goes away only together with this publisher.
            let _ = previous.send(begin);
        }
        let data = found?;
        let lost = self.standing.as_ref().is_some_and(|known| *known != data);
        if lost && want.is_some_and(|want| *want != data) {
            tracing::info!("the ConfigMap does not hold what was published; publishing it again");
        }
        self.standing = Some(data);
        self.look = false;
        Ok(())
    }

    async fn write(&mut self, want: &Data) -> Result<(), TargetError> {
        // Until it has worked, nobody knows what stands there.
        self.standing = None;
        match self.target.apply(want).await {
            Ok(()) => {
                self.standing = Some(want.clone());
                tracing::debug!("published");
                Ok(())
            }
            // Without the right to create, a missing ConfigMap is answered with "forbidden".
            Err(error @ TargetError::Forbidden { .. }) => match self.target.read().await {
                Err(missing @ TargetError::Missing(_)) => Err(missing),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn complain(&mut self, error: &TargetError) {
        if let Some(tries) = self
            .complaints
            .again(&error.to_string(), (self.clock)().steady)
        {
            tracing::warn!(tries, "{error}");
        }
    }

    fn recovered(&mut self) {
        if let Some(tries) = self.complaints.over() {
            tracing::info!(tries, "the ConfigMap can be read and written again");
        }
    }
}

/// After a success: until something else is wanted, and the gap is over. After a failure: until the wait is over.
async fn news(wanted: &mut watch::Receiver<Option<Data>>, wait: Option<Duration>) {
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
        return;
    }
    tokio::join!(tokio::time::sleep(GAP), changed(wanted));
}

/// Until the operator says that the ConfigMap is another one, or that somebody else wrote to it.
async fn moved(settings: &mut watch::Receiver<Settings>, publish_to: &mut Option<String>) {
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
            tracing::warn!(
                "what was published before cannot be read, and is written anew: {error}"
            );
            None
        }
    }
}
