//! Pure: how soon the next write may follow.

use std::time::Duration;

/// Writes that may follow each other at once. One change in DittoFS may take several: an adapter that moves to another
/// port stops before it starts.
const AT_ONCE: u32 = 4;
/// After those, the time between two writes, so that a server whose adapters change with every poll does not load the API
/// server.
const INTERVAL: Duration = Duration::from_millis(250);

/// The writes that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    left: u32,
    /// When the last one was added, on the steady clock.
    added_at: Duration,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            left: AT_ONCE,
            added_at: Duration::ZERO,
        }
    }
}

impl Allowance {
    /// A write has ended. Returns how long to wait before the next one.
    pub fn spend(&mut self, now: Duration) -> Duration {
        while self.left < AT_ONCE && self.added_at + INTERVAL <= now {
            self.left += 1;
            self.added_at += INTERVAL;
        }
        if self.left == AT_ONCE {
            self.added_at = now;
        }
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return Duration::ZERO;
        }
        (self.added_at + INTERVAL).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(times: &[u64]) -> Vec<u128> {
        let mut allowance = Allowance::default();
        let times = times.iter().map(|time| Duration::from_millis(*time));
        times.map(|now| allowance.spend(now).as_millis()).collect()
    }

    #[test]
    fn a_few_writes_follow_each_other_at_once_and_more_are_spaced() {
        assert_eq!(waits(&[5000, 5010, 5020, 5030]), [0, 0, 0, 220]);
        assert_eq!(
            waits(&[5000, 5010, 5020, 5030, 5250, 5500]),
            [0, 0, 0, 220, 250, 250]
        );
    }

    #[test]
    fn after_a_rest_a_few_writes_follow_each_other_at_once_again() {
        assert_eq!(
            waits(&[5000, 5010, 5020, 5030, 9000, 9010, 9020, 9030]),
            [0, 0, 0, 220, 0, 0, 0, 220]
        );
    }
}
