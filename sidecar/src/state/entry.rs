//! One adapter: what is published of it, and what is not confirmed yet.

use super::{CONFIRMED_AFTER, Pending, is_confirmed, to_the_second};
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
    /// Since when, on the steady clock, no poll has listed it.
    absent_since: Option<Duration>,
    /// Since when every poll has seen it not running, until that is confirmed.
    stopped_since: Option<Duration>,
}

/// Disabled or removed, while the hold has not elapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaving {
    since: Timestamp,
    /// When this sidecar first saw that. `None` while it is known only from the previous sidecar.
    first_seen: Option<Duration>,
}

impl Leaving {
    fn start(now: Now) -> Self {
        Self {
            since: to_the_second(now.wall),
            first_seen: Some(now.steady),
        }
    }

    /// It is still disabled or removed. `None` when the hold has elapsed.
    fn continued(self, now: Now, hold: Duration) -> Option<Self> {
        let first_seen = self.first_seen.unwrap_or(now.steady);
        let has_elapsed = now.steady.saturating_sub(first_seen) >= hold;
        (!has_elapsed).then_some(Self {
            first_seen: Some(first_seen),
            ..self
        })
    }
}

impl Entry {
    /// The adapter as the previous sidecar has published it.
    pub fn resume(adapter: &Adapter, wall: Timestamp) -> Self {
        let leaving = adapter.leaving_since.map(|since| Leaving {
            since: since.min(wall),
            first_seen: None,
        });
        Self {
            port: adapter.port,
            enabled: adapter.enabled && leaving.is_none(),
            running: adapter.running,
            leaving,
            absent_since: None,
            stopped_since: None,
        }
    }

    /// The adapter when it is seen for the first time. Where nothing is known of the time before (`may_be_exposed`), a
    /// disabled adapter may still have a Service, so it gets a hold.
    pub fn first(seen: &Seen, now: Now, hold: Duration, may_be_exposed: bool) -> Self {
        let leaving = (!seen.enabled && may_be_exposed).then(|| Leaving::start(now));
        Self {
            port: seen.port,
            enabled: seen.enabled,
            running: seen.running,
            leaving: leaving.and_then(|leaving| leaving.continued(now, hold)),
            absent_since: None,
            stopped_since: None,
        }
    }

    /// An adapter that the first list lacks, where nothing is known of the time before. Its port is not known either.
    pub fn missing(now: Now) -> Self {
        Self {
            port: 0,
            enabled: false,
            running: false,
            leaving: Some(Leaving::start(now)),
            absent_since: Some(now.steady),
            stopped_since: None,
        }
    }

    /// The adapter after a poll that listed it.
    pub fn seen(&self, seen: &Seen, now: Now, hold: Duration) -> Self {
        let listed = Self {
            port: seen.port,
            enabled: seen.enabled,
            running: seen.running,
            leaving: None,
            absent_since: None,
            stopped_since: None,
        };
        if !seen.enabled {
            return Self {
                leaving: self
                    .leaving_now(now)
                    .and_then(|leaving| leaving.continued(now, hold)),
                ..listed
            };
        }
        let since = self.stopped_since.unwrap_or(now.steady);
        let stops = self.running && !seen.running && !is_confirmed(since, now.steady);
        Self {
            running: seen.running || stops,
            stopped_since: stops.then_some(since),
            ..listed
        }
    }

    /// The adapter after a poll that did not list it. `None` when it is dropped.
    pub fn absent(&self, now: Now, hold: Duration) -> Option<Self> {
        let since = self.absent_since.unwrap_or(now.steady);
        if !is_confirmed(since, now.steady) {
            return Some(Self {
                absent_since: Some(since),
                ..self.clone()
            });
        }
        Some(Self {
            port: self.port,
            enabled: false,
            running: false,
            leaving: Some(self.leaving_now(now)?.continued(now, hold)?),
            absent_since: Some(since),
            stopped_since: None,
        })
    }

    /// The adapter after a failure: what is not confirmed yet must be seen anew.
    pub fn unknown(&self) -> Self {
        Self {
            absent_since: None,
            stopped_since: None,
            ..self.clone()
        }
    }

    /// Since when it is leaving, given that it is disabled or removed now. `None` for one whose hold elapsed before.
    fn leaving_now(&self, now: Now) -> Option<Leaving> {
        self.leaving
            .or_else(|| self.enabled.then(|| Leaving::start(now)))
    }

    /// Until its hold has elapsed, and until what was seen is confirmed.
    pub fn pending(&self, now: Duration, hold: Duration) -> Pending {
        let unconfirmed = [self.absent_since, self.stopped_since]
            .into_iter()
            .flatten();
        let unconfirmed = unconfirmed.map(|since| Pending::until(Some(since + CONFIRMED_AFTER)));
        let leaving = self.leaving.map(|leaving| {
            let ends = leaving.first_seen.map(|first| first.saturating_add(hold));
            Pending::until(ends)
        });
        let all = unconfirmed.chain(leaving);
        all.fold(Pending::default(), |one, other| one.and(other, now))
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
