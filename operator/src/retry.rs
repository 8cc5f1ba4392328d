//! When a failed reconcile is retried, and what of its failures has been reported.

use std::collections::HashMap;
use std::time::Duration;

use crate::server::InstanceRef;
use dittofs_operator_core::events::{Notice, Told};
use dittofs_operator_core::outcome::{ApplyError, Failure};

/// Shortest and longest delay.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_mins(1);
/// How often in a row a reconcile may fail before a failure is reported that the next attempt may mend.
const HICCUPS: u32 = 2;

/// The failures in a row of each instance. They increase the delay, and keep an Event from being written twice: they may
/// be lost.
#[derive(Debug, Default)]
pub struct Retries(HashMap<InstanceRef, Failures>);

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    told: Told,
    owed: Vec<Notice>,
}

impl Retries {
    /// Counts a failure. Returns how many there have been in a row, and how long to wait.
    pub fn failed(&mut self, instance: InstanceRef) -> (u32, Duration) {
        let failures = self.0.entry(instance).or_default();
        let delay = delay_after(failures.count);
        failures.count = failures.count.saturating_add(1);
        (failures.count, delay)
    }

    /// Starts over after a success, or when the instance is gone.
    pub fn succeeded(&mut self, instance: &InstanceRef) {
        self.0.remove(instance);
    }

    /// Whether the next attempt may mend all of these, so that they are not reported yet: an answer with code 500 must
    /// not make a healthy instance look broken for a second.
    pub fn may_pass(&self, instance: &InstanceRef, failures: &[Failure]) -> bool {
        let count = self.0.get(instance).map_or(0, |known| known.count);
        let mut errors = failures.iter().map(|failure| &failure.error);
        !failures.is_empty() && count < HICCUPS && errors.all(ApplyError::is_passing)
    }

    /// The failures that have been reported since the last success.
    pub fn told(&self, instance: &InstanceRef) -> Told {
        let known = self.0.get(instance);
        known.map(|known| known.told.clone()).unwrap_or_default()
    }

    /// These failures have been reported by now, and all that was owed.
    pub fn tell(&mut self, instance: &InstanceRef, failures: &[Failure]) {
        if failures.is_empty() {
            return;
        }
        let known = self.0.entry(instance.clone()).or_default();
        known.told = Told::of(failures);
        known.owed.clear();
    }

    /// Events of a change whose status could not be written, as far as is known.
    pub fn owe(&mut self, instance: &InstanceRef, notices: Vec<Notice>) {
        self.0.entry(instance.clone()).or_default().owed = notices;
    }

    /// What has to be reported: what is owed, and what is new.
    pub fn with_owed(&self, instance: &InstanceRef, new: Vec<Notice>) -> Vec<Notice> {
        let owed = self
            .0
            .get(instance)
            .into_iter()
            .flat_map(|known| &known.owed);
        let owed = owed.filter(|owed| !new.contains(owed)).cloned();
        owed.collect::<Vec<_>>().into_iter().chain(new).collect()
    }
}

/// It doubles: 1, 2, 4, and so on up to 60 s, and up to a tenth less, so that instances that failed together do not stay
/// together.
fn delay_after(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures);
    let delay = MIN_DELAY.saturating_mul(factor).min(MAX_DELAY);
    delay.mul_f64(rand::random_range(0.9..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_operator_core::events::Severity;
    use dittofs_operator_core::ownership::Holder;

    fn instances() -> [InstanceRef; 2] {
        ["a", "b"].map(|name| InstanceRef::new(name).within("files"))
    }

    fn failure(error: ApplyError) -> Failure {
        Failure {
            kind: "Role".to_owned(),
            name: "files".to_owned(),
            error,
        }
    }

    #[test]
    fn delays_grow_for_each_instance_until_it_succeeds() {
        let mut retries = Retries::default();
        let [a, b] = instances();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let (_, delay) = retries.failed(a.clone());
            let expected = Duration::from_secs(expected);
            assert!(
                delay <= expected && delay >= expected.mul_f64(0.9),
                "{delay:?}"
            );
        }
        assert_eq!(retries.failed(b).0, 1);
        retries.succeeded(&a);
        assert_eq!(retries.failed(a).0, 1);
        assert_eq!(delay_after(u32::MAX).as_secs().max(60), 60);
    }

    #[test]
    fn five_minutes_have_at_most_twelve_reconciles() {
        let mut retries = Retries::default();
        let [a, _] = instances();
        let (mut time, mut reconciles) = (Duration::ZERO, 0);
        while time < Duration::from_mins(5) {
            reconciles += 1;
            time += retries.failed(a.clone()).1;
        }
        assert!(reconciles <= 12, "{reconciles}");
    }

    #[test]
    fn what_the_next_attempt_may_mend_is_not_reported_at_once() {
        let [a, _] = instances();
        let passing = || failure(ApplyError::Raced);
        let lasting = || failure(ApplyError::Foreign(Holder::NoController));
        let mut retries = Retries::default();
        for _ in 0..HICCUPS {
            assert!(retries.may_pass(&a, &[passing()]));
            assert!(!retries.may_pass(&a, &[passing(), lasting()]));
            assert!(!retries.may_pass(&a, &[]));
            retries.failed(a.clone());
        }
        assert!(!retries.may_pass(&a, &[passing()]));
    }

    #[test]
    fn what_is_owed_is_reported_once() {
        let [a, _] = instances();
        let notice = |reason: &str| Notice {
            severity: Severity::Warning,
            reason: reason.to_owned(),
            action: "Reconcile".to_owned(),
            note: String::new(),
        };
        let mut retries = Retries::default();
        retries.owe(&a, vec![notice("one"), notice("two")]);
        let all = retries.with_owed(&a, vec![notice("two"), notice("three")]);
        assert_eq!(all, ["one", "two", "three"].map(notice));
        retries.tell(&a, &[failure(ApplyError::Raced)]);
        assert!(retries.with_owed(&a, Vec::new()).is_empty());
    }
}
