//! Pure: folds the outcomes of polls into the state that is published.
//!
//! ```text
//! seen enabled           published at once, in full
//! running, then not      published when confirmed (a port change stops an adapter for 100 ms)
//! disabled               leaving at once; plain `enabled: false` after the hold
//! absent                 published when confirmed: first leaving, and dropped after the hold
//! any failure            the adapters stay unchanged, and what was not confirmed yet must be seen anew
//! ```
//!
//! Something is confirmed when every poll has shown it for `CONFIRMED_AFTER`, and so at least two have. Polls can
//! follow each other much faster than that, so their number alone says nothing.
//!
//! A failure never removes an adapter: it must be *seen* disabled or absent when its hold has elapsed.

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
use jiff::Timestamp;
use std::time::Duration;

/// How long something must have been seen, by all polls in that time, before it is published.
pub(crate) const CONFIRMED_AFTER: Duration = Duration::from_millis(500);

/// The state after some polls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    health: Health,
    adapters: Adapters,
    reports: Reports,
}

impl State {
    /// The state of a sidecar that starts at `wall`: what the previous one has published. Holds start again.
    pub fn resume(previous: Option<PublishedState>, wall: Timestamp) -> Self {
        previous.map_or_else(Self::default, |previous| Self {
            health: Health::resume(previous.server, wall),
            adapters: Adapters::resume(previous.adapters, wall),
            reports: previous.reports,
        })
    }

    /// The state after one more poll. `hold` is how long an adapter stays exposed after it was disabled or removed.
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

    /// The state with other reports.
    #[must_use]
    pub fn with_reports(self, reports: Reports) -> Self {
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

    /// What polls after `now` will decide. `hold` as for [`State::fold`].
    pub fn pending(&self, now: Duration, hold: Duration) -> Pending {
        let health = self.health.pending();
        self.adapters.pending(now, hold).and(health, now)
    }

    /// What is published. `None` before the first poll, unless a previous sidecar has published something.
    pub fn published(&self) -> Option<PublishedState> {
        Some(PublishedState {
            server: self.health.published()?.clone(),
            adapters: self.adapters.published(),
            reports: self.reports.clone(),
        })
    }
}

/// What later polls will decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Whether anything is pending: a removal hold, or something that is not confirmed yet.
    pub exists: bool,
    /// The next moment after which a poll may decide some of it, on the steady clock.
    pub next: Option<Duration>,
}

impl Pending {
    /// Something that is pending until `moment`, if that is known.
    fn until(moment: Option<Duration>) -> Self {
        Self {
            exists: true,
            next: moment,
        }
    }

    /// Both, as seen at `now`: a moment that has passed is no longer waited for.
    fn and(self, other: Self, now: Duration) -> Self {
        let moments = [self.next, other.next].into_iter().flatten();
        Self {
            exists: self.exists || other.exists,
            next: moments.filter(|moment| *moment > now).min(),
        }
    }
}

/// Whether something that was first seen at `since` is confirmed by a poll that sees it at `now`.
fn is_confirmed(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= CONFIRMED_AFTER
}

/// Rounds to the second, which is easier to read under `kubectl describe`.
fn to_the_second(wall: Timestamp) -> Timestamp {
    Timestamp::from_second(wall.as_second()).unwrap_or(wall)
}
