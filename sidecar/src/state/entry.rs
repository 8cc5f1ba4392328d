//! One adapter: what is published of it, and what has been seen once.

use super::to_the_second;
use crate::clock::Now;
use crate::outcome::Seen;
use dittofs_shared::published_state::Adapter;
use jiff::Timestamp;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    port: i64,
    enabled: bool,
    running: bool,
    leaving: Option<Leaving>,
    /// Polls in a row that did not list it; more than two are two.
    absences: u8,
    /// The last poll said it does not run, for the first time.
    stopped_once: bool,
}

/// Switched off or gone, but not for the whole hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaving {
    since: Timestamp,
    /// When this sidecar first saw it gone. `None` while it knows it only from the sidecar before.
    from: Option<Duration>,
}

impl Leaving {
    fn begin(now: Now) -> Self {
        Self {
            since: to_the_second(now.wall),
            from: Some(now.steady),
        }
    }

    /// It is gone still: `None` when it has been so for the hold.
    fn last(self, now: Now, hold: Duration) -> Option<Self> {
        let from = self.from.unwrap_or(now.steady);
        let over = now.steady.saturating_sub(from) >= hold;
        (!over).then_some(Self {
            from: Some(from),
            ..self
        })
    }
}

impl Entry {
    /// As the sidecar before has published it.
    pub fn begin(adapter: &Adapter, wall: Timestamp) -> Self {
        let leaving = adapter.leaving_since.map(|since| Leaving {
            since: since.min(wall),
            from: None,
        });
        Self {
            port: adapter.port,
            enabled: adapter.enabled && leaving.is_none(),
            running: adapter.running,
            leaving,
            absences: 0,
            stopped_once: false,
        }
    }

    /// Seen for the first time. Where nothing is known of the time before (`may_be_exposed`), one that is switched off
    /// may have a Service still, so it leaves slowly.
    pub fn first(seen: &Seen, now: Now, hold: Duration, may_be_exposed: bool) -> Self {
        let leaving = (!seen.enabled && may_be_exposed).then(|| Leaving::begin(now));
        Self {
            port: seen.port,
            enabled: seen.enabled,
            running: seen.running,
            leaving: leaving.and_then(|leaving| leaving.last(now, hold)),
            absences: 0,
            stopped_once: false,
        }
    }

    /// Listed.
    pub fn seen(&self, seen: &Seen, now: Now, hold: Duration) -> Self {
        let listed = Self {
            port: seen.port,
            enabled: seen.enabled,
            running: seen.running,
            leaving: None,
            absences: 0,
            stopped_once: false,
        };
        if !seen.enabled {
            return Self {
                leaving: self
                    .leaving_now(now)
                    .and_then(|leaving| leaving.last(now, hold)),
                ..listed
            };
        }
        let stops = self.running && !seen.running && !self.stopped_once;
        Self {
            running: seen.running || stops,
            stopped_once: stops,
            ..listed
        }
    }

    /// Not listed. `None` when it is to be dropped.
    pub fn absent(&self, now: Now, hold: Duration) -> Option<Self> {
        let absences = (self.absences + 1).min(2);
        if absences < 2 {
            return Some(Self {
                absences,
                ..self.clone()
            });
        }
        Some(Self {
            port: self.port,
            enabled: false,
            running: false,
            leaving: Some(self.leaving_now(now)?.last(now, hold)?),
            absences,
            stopped_once: false,
        })
    }

    /// No list: what was seen once has not been seen twice in a row.
    pub fn unknown(&self) -> Self {
        Self {
            absences: 0,
            stopped_once: false,
            ..self.clone()
        }
    }

    /// Since when it leaves, given that it is gone now. `None` for one that has left before.
    fn leaving_now(&self, now: Now) -> Option<Leaving> {
        self.leaving
            .or_else(|| self.enabled.then(|| Leaving::begin(now)))
    }

    pub fn published(&self, r#type: &str) -> Adapter {
        Adapter {
            r#type: r#type.to_owned(),
            port: self.port,
            enabled: self.enabled,
            running: self.running,
            leaving_since: self.leaving.map(|leaving| leaving.since),
        }
    }
}
