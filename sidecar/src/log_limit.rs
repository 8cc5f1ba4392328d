//! Limits how often a lasting failure is logged.

use std::time::Duration;

const INTERVAL: Duration = Duration::from_mins(1);

/// Lets the first of equal failures through, then one a minute together with their number so far.
#[derive(Debug, Default)]
pub struct LogLimit {
    current: Option<Repeated>,
}

#[derive(Debug)]
struct Repeated {
    failure: String,
    logged_at: Duration,
    times: u64,
}

impl LogLimit {
    /// Records a failure at `now` on the steady clock. Returns how often in a row it has occurred, if it should be
    /// logged now.
    pub fn failed(&mut self, failure: &str, now: Duration) -> Option<u64> {
        match &mut self.current {
            Some(repeated) if repeated.failure == failure => {
                repeated.times += 1;
                let due = now.saturating_sub(repeated.logged_at) >= INTERVAL;
                due.then(|| {
                    repeated.logged_at = now;
                    repeated.times
                })
            }
            _ => {
                self.current = Some(Repeated {
                    failure: failure.to_owned(),
                    logged_at: now,
                    times: 1,
                });
                Some(1)
            }
        }
    }

    /// Records a success. Returns how often it had failed in a row, if it had.
    pub fn succeeded(&mut self) -> Option<u64> {
        self.current.take().map(|repeated| repeated.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_failures_are_logged_once_a_minute_with_their_number() {
        let mut limit = LogLimit::default();
        let seconds = Duration::from_secs;
        assert_eq!(limit.failed("a", seconds(0)), Some(1));
        assert_eq!(limit.failed("a", seconds(30)), None);
        assert_eq!(limit.failed("a", seconds(60)), Some(3));
        assert_eq!(limit.failed("a", seconds(61)), None);
        assert_eq!(limit.failed("b", seconds(62)), Some(1));
        assert_eq!(limit.succeeded(), Some(1));
        assert_eq!(limit.succeeded(), None);
        assert_eq!(limit.failed("b", seconds(63)), Some(1));
    }
}
