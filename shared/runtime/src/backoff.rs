//! Growing delays between retries.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// Longest delay, unless another one is given.
pub const MAX_DELAY: Duration = Duration::from_secs(30);

/// Delays that double from a first to a longest one, with jitter. They never end.
#[derive(Debug)]
pub struct Backoff {
    delays: ExponentialBackoff,
    most: Duration,
}

impl Backoff {
    /// From `first` to [`MAX_DELAY`].
    pub fn new(first: Duration) -> Self {
        Self::between(first, MAX_DELAY)
    }

    /// From `first` to `most`, or always `first` where that is longer.
    pub fn between(first: Duration, most: Duration) -> Self {
        Self {
            delays: exponential(first, most).build(),
            most: most.max(first),
        }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.delays.next().unwrap_or(self.most).min(self.most))
    }
}

/// The jitter of `backon` adds up to the whole delay, so the delays grow to half of the longest one only: at the cap
/// there would be no jitter otherwise.
fn exponential(first: Duration, most: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(first.max(most / 2))
        .with_jitter()
        .without_max_times()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_stay_below_the_longest() {
        let (first, most) = (Duration::from_millis(500), Duration::from_mins(1));
        for (backoff, most) in [
            (Backoff::new(first), MAX_DELAY),
            (Backoff::between(first, most), most),
        ] {
            let delays: Vec<_> = backoff.take(20).collect();
            assert!(delays[0] >= first && delays[0] < first * 2);
            assert!(
                delays[10..]
                    .iter()
                    .all(|delay| *delay >= most / 2 && *delay <= most)
            );
        }
    }

    #[test]
    fn a_first_delay_above_the_longest_stays_as_it_is() {
        let minute = Duration::from_mins(1);
        assert!(Backoff::new(minute).take(5).all(|delay| delay == minute));
    }
}
