//! The status of the REST API, and since when it has it.

use super::{CONFIRMED_AFTER, Pending, is_confirmed, to_the_second};
use crate::clock::Now;
use crate::outcome::{Failure, FailureKind, Outcome};
use dittofs_shared::published_state::{ServerState, ServerStatus};
use jiff::Timestamp;
use std::time::Duration;

/// How long after the sidecar's start an unreachable server counts as starting.
const STARTUP_PERIOD: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    published: Option<ServerState>,
    /// Whether the server has answered this sidecar yet.
    answered: bool,
    /// Since when, on the steady clock, every poll has failed.
    failing_since: Option<Duration>,
    /// The last failure, and since when every poll has ended with it.
    last: Option<(Failure, Duration)>,
}

impl Health {
    pub fn resume(previous: ServerState, wall: Timestamp) -> Self {
        let since = previous.since.min(wall);
        Self {
            published: Some(ServerState { since, ..previous }),
            ..Self::default()
        }
    }

    pub fn published(&self) -> Option<&ServerState> {
        self.published.as_ref()
    }

    pub fn after(&self, outcome: &Outcome, now: Now) -> Self {
        match outcome {
            Outcome::Seen(_) => Self {
                answered: true,
                failing_since: None,
                last: None,
                ..self.set(ServerStatus::Reachable, None, now.wall)
            },
            Outcome::Failed(failure) => self.failed(failure, now),
        }
    }

    /// The same with another published status. `since` changes only with the status.
    pub fn set(&self, status: ServerStatus, message: Option<String>, wall: Timestamp) -> Self {
        let since = match &self.published {
            Some(before) if before.status == status => before.since,
            _ => to_the_second(wall),
        };
        Self {
            published: Some(ServerState {
                status,
                since,
                message,
            }),
            ..self.clone()
        }
    }

    /// A failure is pending until it is confirmed, and while it lasts.
    pub fn pending(&self) -> Pending {
        let same = self.last.as_ref().map(|(_, since)| *since);
        match same.or(self.failing_since) {
            Some(since) => Pending::until(Some(since + CONFIRMED_AFTER)),
            None => Pending::default(),
        }
    }

    fn failed(&self, failure: &Failure, now: Now) -> Self {
        let since = match &self.last {
            Some((last, since)) if last == failure => *since,
            _ => now.steady,
        };
        let seen = Self {
            failing_since: self.failing_since.or(Some(now.steady)),
            last: Some((failure.clone(), since)),
            ..self.clone()
        };
        let (status, message) = self.status_of(failure, now);
        if seen.counts(status, now.steady) {
            seen.set(status, Some(message), now.wall)
        } else {
            seen
        }
    }

    fn status_of(&self, failure: &Failure, now: Now) -> (ServerStatus, String) {
        let starting = !self.answered && now.steady < STARTUP_PERIOD;
        if starting && failure.kind == FailureKind::Unreachable {
            let message = "the server has not answered since the sidecar started".to_owned();
            return (ServerStatus::Starting, message);
        }
        (failure.kind.status(), failure.message.clone())
    }

    /// Whether the failure that was just seen is published as `status`.
    fn counts(&self, status: ServerStatus, now: Duration) -> bool {
        let Some(before) = &self.published else {
            return true;
        };
        let lasts = |since: Option<Duration>| since.is_some_and(|since| is_confirmed(since, now));
        match before.status {
            ServerStatus::Starting | ServerStatus::Stopping => true,
            // A single failure is ignored.
            ServerStatus::Reachable => lasts(self.failing_since),
            // It was unreachable before this sidecar started, and still is.
            _ if status == ServerStatus::Starting => false,
            // One failure replaces another only when it lasts, so that alternating failures change nothing.
            _ => lasts(self.last.as_ref().map(|(_, since)| *since)),
        }
    }
}
