//! When something was last heard of each watch: for `/livez`, and for the log.
//!
//! # Guarantees
//! * A kind that has become deaf while others are heard fails the liveness probe, which names it. An API server that is
//!   away makes all of them deaf: a restart would not help, and the probe passes.
//! * Failures of watches cost one line of log a minute, however many there are, and one when all is well again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;
use dittofs_runtime::follow::Failure;

/// A watch of which nothing was heard for this long is deaf. At rest something is heard every 25 s.
const DEAF: Duration = Duration::from_secs(40);
/// For this long nothing may be heard of any watch before the probe fails all the same.
const ALL_DEAF: Duration = Duration::from_mins(10);
/// Time between two lines of log.
const LINES: Duration = Duration::from_mins(1);

/// What is known of all watches.
#[derive(Clone, Debug, Default)]
pub struct Hearing(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By what is watched.
    watches: BTreeMap<String, Heard>,
    /// When a line was last written.
    logged: Option<Instant>,
    /// Failures that no line has told end without one.
    is_told: bool,
}

#[derive(Debug)]
struct Heard {
    at: Instant,
    /// When it was last heard, or was refused or cut off, which is no silence.
    tried: Instant,
    /// Failures in a row.
    failures: u32,
}

impl Hearing {
    /// Begins with a watch of this.
    pub fn watch(&self, what: String) -> Watched {
        lock(&self.0).heard(&what, Instant::now());
        Watched {
            hearing: self.clone(),
            what,
        }
    }

    /// What is wrong, if a restart may help: which watches are deaf, and since when.
    pub fn trouble(&self, now: Instant) -> Option<String> {
        lock(&self.0).trouble(now)
    }
}

impl Known {
    fn age(&self, now: Instant) -> Option<Duration> {
        let ages = self
            .watches
            .values()
            .map(|heard| now.saturating_duration_since(heard.at));
        ages.min()
    }

    fn heard(&mut self, what: &str, now: Instant) {
        // After an outage of all, each gets its time to be heard again.
        if self.age(now).is_some_and(|age| age > DEAF) {
            for heard in self.watches.values_mut() {
                heard.at = now;
            }
        }
        let heard = Heard {
            at: now,
            tried: now,
            failures: 0,
        };
        self.watches.insert(what.to_owned(), heard);
    }

    fn trouble(&self, now: Instant) -> Option<String> {
        let age = self.age(now)?;
        if age > DEAF && age < ALL_DEAF {
            return None;
        }
        // An API server that is away refuses or cuts off one after the other: that is no deafness.
        let last = |heard: &Heard| {
            if age >= ALL_DEAF {
                heard.at
            } else {
                heard.at.max(heard.tried)
            }
        };
        let ages = self
            .watches
            .iter()
            .map(|(what, heard)| (what, now.saturating_duration_since(last(heard))));
        let deaf = ages.filter(|(_, age)| *age > DEAF);
        let deaf: Vec<_> = deaf
            .map(|(what, age)| format!("nothing heard of {what} for {} s", age.as_secs()))
            .collect();
        (!deaf.is_empty()).then(|| deaf.join("\n"))
    }

    /// Counts a failure. Returns the watches that fail, if it is time for a line.
    fn failed(&mut self, what: &str, kind: Kind, now: Instant) -> Option<String> {
        let heard = self.watches.get_mut(what)?;
        heard.failures = heard.failures.saturating_add(1);
        match kind {
            Kind::Answer => heard.at = now,
            Kind::Cut => heard.tried = now,
            Kind::Silence => (),
        }
        if self.logged.is_some_and(|logged| now < logged + LINES) {
            return None;
        }
        self.logged = Some(now);
        self.is_told = true;
        let failing = self.watches.iter().filter(|(_, heard)| heard.failures > 0);
        let failing: Vec<_> = failing.map(|(what, _)| what.as_str()).collect();
        Some(failing.join(", "))
    }

    /// Whether all is well again, of which a line has told that it was not.
    fn is_over(&mut self) -> bool {
        let is_over = self.is_told && self.watches.values().all(|heard| heard.failures == 0);
        self.is_told &= !is_over;
        is_over
    }
}

/// How a watch has failed.
#[derive(Clone, Copy)]
enum Kind {
    /// The API server has answered, though not as hoped.
    Answer,
    /// Something has refused the connection or ended it.
    Cut,
    /// Nothing has arrived.
    Silence,
}

impl Kind {
    fn of(failure: &Failure) -> Self {
        if failure.is_answer() {
            Self::Answer
        } else if failure.is_silence() {
            Self::Silence
        } else {
            Self::Cut
        }
    }
}

/// A watch. It is forgotten when this is dropped.
#[derive(Debug)]
pub struct Watched {
    hearing: Hearing,
    what: String,
}

impl Watched {
    /// The API server has said something.
    pub fn heard(&self) {
        let mut known = lock(&self.hearing.0);
        known.heard(&self.what, Instant::now());
        if known.is_over() {
            tracing::info!("all watches have recovered");
        }
    }

    /// It has failed, and is tried again.
    pub fn failed(&self, failure: &Failure) {
        let error = failure.to_string();
        let failing = lock(&self.hearing.0).failed(&self.what, Kind::of(failure), Instant::now());
        if let Some(failing) = failing {
            tracing::warn!(failing, error, "watch failed: retrying every 30 s at most");
        }
    }

    /// Nothing is expected to be heard of it for a while.
    pub fn pause(&self) {
        lock(&self.hearing.0).watches.remove(&self.what);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.pause();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 3] = ["ConfigMap", "Pod", "Service"];

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// All were heard at this moment.
    fn all_heard() -> (Known, Instant) {
        let (mut known, now) = (Known::default(), Instant::now());
        for kind in KINDS {
            known.heard(kind, now);
        }
        (known, now)
    }

    #[test]
    fn a_kind_that_is_deaf_while_others_are_heard_is_named() {
        for deaf in KINDS {
            let (mut known, began) = all_heard();
            for seconds in [15, 30, 45] {
                for heard in KINDS.iter().filter(|kind| **kind != deaf) {
                    known.heard(heard, began + secs(seconds));
                }
            }
            assert_eq!(known.trouble(began + secs(40)), None);
            let trouble = known.trouble(began + secs(45)).unwrap_or_default();
            assert_eq!(trouble, format!("nothing heard of {deaf} for 45 s"));
        }
    }

    #[test]
    fn an_api_server_that_is_away_is_no_reason_for_a_restart_for_ten_minutes() {
        let (mut known, began) = all_heard();
        for seconds in [41, 120, 599] {
            assert_eq!(known.trouble(began + secs(seconds)), None, "{seconds}");
        }
        assert!(known.trouble(began + secs(600)).is_some());
        // The others are heard again one after the other.
        let back = began + secs(600);
        known.heard("Pod", back);
        assert_eq!(known.trouble(back + secs(30)), None);
        known.heard("Pod", back + secs(30));
        assert!(known.trouble(back + secs(41)).is_some());
    }

    #[test]
    fn an_outage_is_no_deafness_of_those_that_were_heard_first() {
        for (kind, is_deaf) in [(Kind::Cut, false), (Kind::Silence, true)] {
            let (mut known, began) = all_heard();
            known.heard("Pod", began + secs(24));
            for seconds in [25, 26, 28, 32, 40] {
                for failing in KINDS {
                    known.failed(failing, kind, began + secs(seconds));
                }
            }
            let trouble = known.trouble(began + secs(45));
            assert_eq!(trouble.is_some(), is_deaf, "{trouble:?}");
        }
    }

    #[test]
    fn an_answer_that_refuses_is_heard_too() {
        let (mut known, began) = all_heard();
        for seconds in [30, 60] {
            known.heard("Pod", began + secs(seconds));
            known.heard("Service", began + secs(seconds));
            known.failed("ConfigMap", Kind::Answer, began + secs(seconds));
        }
        assert_eq!(known.trouble(began + secs(70)), None);
    }

    #[test]
    fn an_outage_costs_a_line_a_minute_and_one_at_its_end() {
        let (mut known, began) = all_heard();
        let mut lines = Vec::new();
        for seconds in 0..150 {
            for kind in KINDS {
                lines.extend(known.failed(kind, Kind::Cut, began + secs(seconds)));
            }
        }
        assert_eq!(
            lines,
            [
                "ConfigMap",
                "ConfigMap, Pod, Service",
                "ConfigMap, Pod, Service"
            ]
        );
        let ends = KINDS.map(|kind| {
            known.heard(kind, began + secs(150));
            known.is_over()
        });
        assert_eq!(ends, [false, false, true]);
        // One that comes too soon for a line ends without one.
        assert_eq!(known.failed("Pod", Kind::Cut, began + secs(151)), None);
        known.heard("Pod", began + secs(152));
        assert!(!known.is_over());
    }
}
