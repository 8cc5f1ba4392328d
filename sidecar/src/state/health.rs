//! The status of the REST API, and since when it has it.

use super::to_the_second;
use crate::clock::Now;
use crate::outcome::{Failure, FailureKind, Outcome};
use dittofs_shared::published_state::{ServerState, ServerStatus};
use jiff::Timestamp;
use std::time::Duration;

/// How long after the sidecar's start an unreachable server counts as starting.
pub(crate) const STARTUP_PERIOD: Duration = Duration::from_secs(10);
/// How often a failure must be seen in a row before it is published.
const TWICE: u8 = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    published: Option<ServerState>,
    /// Whether the server has answered this sidecar yet.
    answered: bool,
    /// Failures in a row.
    failures: u8,
    /// The last failure, and how often in a row it occurred.
    last: Option<(Failure, u8)>,
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
                failures: 0,
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

    fn failed(&self, failure: &Failure, now: Now) -> Self {
        let same = match &self.last {
            Some((last, times)) if last == failure => times.saturating_add(1),
            _ => 1,
        };
        let seen = Self {
            failures: self.failures.saturating_add(1),
            last: Some((failure.clone(), same)),
            ..self.clone()
        };
        let (status, message) = self.status_of(failure, now);
        if seen.counts(status) {
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
    fn counts(&self, status: ServerStatus) -> bool {
        let Some(before) = &self.published else {
            return true;
        };
        let same = self.last.as_ref().map_or(0, |(_, times)| *times);
        match before.status {
            ServerStatus::Starting | ServerStatus::Stopping => true,
            // A single failure is ignored.
            ServerStatus::Reachable => self.failures >= TWICE,
            // It was unreachable before this sidecar started, and still is.
            _ if status == ServerStatus::Starting => false,
            // One failure replaces another only when it lasts, so that alternating failures change nothing.
            _ => same >= TWICE,
        }
    }
}
