//! When a failure is tried again.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// Longest wait between two tries.
pub const MOST: Duration = Duration::from_secs(30);

/// Waits that grow from `first` to [`MOST`] (or `first`, where that is longer), with jitter.
#[derive(Debug)]
pub struct Backoff {
    waits: ExponentialBackoff,
    most: Duration,
}

impl Backoff {
    /// Begins at `first`.
    pub fn new(first: Duration) -> Self {
        Self {
            waits: builder(first).build(),
            most: MOST.max(first),
        }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.waits.next().unwrap_or(self.most).min(self.most))
    }
}

/// The same waits, for what wants a builder.
///
/// The jitter of `backon` adds up to the whole wait, so the waits grow to half of [`MOST`] only: jitter that is cut
/// off at the top would be none.
pub fn builder(first: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(first.max(MOST / 2))
        .with_jitter()
        .without_max_times()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_cap() {
        let waits: Vec<_> = Backoff::new(Duration::from_millis(500)).take(20).collect();
        assert!(waits[0] >= Duration::from_millis(500) && waits[0] < Duration::from_secs(1));
        assert!(
            waits[10..]
                .iter()
                .all(|wait| *wait >= MOST / 2 && *wait <= MOST)
        );
    }

    #[test]
    fn an_interval_above_the_cap_stays_as_it_is() {
        let minute = Duration::from_mins(1);
        assert!(Backoff::new(minute).take(5).all(|wait| wait == minute));
    }
}
