//! When a failed reconcile is retried.

use dittofs_runtime::backoff::Backoff;
use std::collections::HashMap;
use std::time::Duration;

use crate::server::InstanceRef;

/// Shortest and longest delay.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_mins(1);

/// The failures in a row of each instance. They only increase the delay, so they may be lost.
#[derive(Debug, Default)]
pub struct Retries(HashMap<InstanceRef, Failures>);

#[derive(Debug)]
struct Failures {
    count: u32,
    delays: Backoff,
}

impl Retries {
    /// Counts a failure. Returns how many there have been in a row, and how long to wait.
    pub fn failed(&mut self, instance: InstanceRef) -> (u32, Duration) {
        let failures = self.0.entry(instance).or_insert_with(|| Failures {
            count: 0,
            delays: Backoff::between(MIN_DELAY, MAX_DELAY),
        });
        failures.count = failures.count.saturating_add(1);
        let delay = failures.delays.next().unwrap_or(MAX_DELAY);
        (failures.count, delay)
    }

    /// Starts over after a success.
    pub fn succeeded(&mut self, instance: &InstanceRef) {
        self.0.remove(instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_for_each_instance_until_it_succeeds() {
        let mut retries = Retries::default();
        let [a, b] = ["a", "b"].map(|name| InstanceRef::new(name).within("files"));
        let (count, delay) = retries.failed(a.clone());
        assert!(count == 1 && delay >= MIN_DELAY && delay < MIN_DELAY * 2);
        for _ in 0..20 {
            retries.failed(a.clone());
        }
        let (count, delay) = retries.failed(a.clone());
        assert!(count == 22 && delay >= MAX_DELAY / 2 && delay <= MAX_DELAY);
        assert_eq!(retries.failed(b).0, 1);
        retries.succeeded(&a);
        assert_eq!(retries.failed(a).0, 1);
    }
}
