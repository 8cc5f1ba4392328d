//! Pure fold over what the polls say: the state that is published, and what has been seen but does not count yet.
//!
//! ```text
//! seen enabled                         published at once, in full
//! running, then not                    counts when seen twice in a row (a port change stops an adapter for 100 ms)
//! disabled                             leaving at once; plain `enabled: false` when it has been so for the hold
//! absent                               counts when seen twice in a row; then leaving; dropped after the hold
//! any failure                          the adapters stay as they are; what was seen once must be seen twice again
//! ```
//!
//! Nothing leaves on a failure: an adapter has to be *seen* gone when its hold is over.

mod adapters;
mod entry;
mod health;
#[cfg(test)]
mod tests;

use crate::clock::Now;
use crate::outcome::Outcome;
use adapters::Adapters;
use dittofs_shared::published_state::{PublishedState, ServerStatus};
use dittofs_shared::reports::Reports;
use health::Health;
pub(crate) use health::START;
use jiff::Timestamp;
use std::time::Duration;

/// What is known after some polls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    health: Health,
    adapters: Adapters,
    reports: Reports,
}

impl State {
    /// Where a sidecar that starts at `wall` begins: with what the one before it has published. Holds begin anew.
    pub fn begin(previous: Option<PublishedState>, wall: Timestamp) -> Self {
        previous.map_or_else(Self::default, |previous| Self {
            health: Health::begin(previous.server, wall),
            adapters: Adapters::begin(previous.adapters, wall),
            reports: previous.reports,
        })
    }

    /// The state after one more poll. `hold` is how long an adapter must be gone before it leaves.
    #[must_use]
    pub fn fold(&self, outcome: &Outcome, now: Now, hold: Duration) -> Self {
        Self {
            health: self.health.after(outcome, now),
            adapters: match outcome {
                Outcome::Seen(list) => self.adapters.after(list, now, hold),
                Outcome::Failed(_) => self.adapters.unknown(),
            },
            reports: self.reports.clone(),
        }
    }

    /// The state with what else there is to say.
    #[must_use]
    pub fn reporting(self, reports: Reports) -> Self {
        Self { reports, ..self }
    }

    /// The state of a pod that is being stopped.
    #[must_use]
    pub fn stopping(&self, now: Now) -> Self {
        Self {
            health: self.health.set(ServerStatus::Stopping, None, now.wall),
            adapters: self.adapters.clone(),
            reports: self.reports.clone(),
        }
    }

    /// What is published. `None` before the first poll, when nothing was published before it either.
    pub fn published(&self) -> Option<PublishedState> {
        Some(PublishedState {
            server: self.health.published()?.clone(),
            adapters: self.adapters.published(),
            reports: self.reports.clone(),
        })
    }
}

/// To the second: more would be noise under `kubectl describe`.
fn to_the_second(wall: Timestamp) -> Timestamp {
    Timestamp::from_second(wall.as_second()).unwrap_or(wall)
}
