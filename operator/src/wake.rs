//! Why an instance is reconciled again, so that a reconcile that would find nothing new does not begin.
//!
//! Every event that changes what is cached is kept here as a mark, until the next reconcile takes it. The answer to a write
//! of our own removes the mark of its event: what we have written tells us nothing new.
//!
//! A single change is reconciled immediately. An instance that changes faster than that has its changes
//! collected for longer and longer, so that it keeps neither the API server nor other instances busy.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::server::InstanceRef;

/// One version of one object. Another version of it has another mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(u64);

/// Why an instance is reconciled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// All its Secrets are read: it is the first reconcile, its `DittoServer` has changed, or a reconcile was asked for.
    pub is_whole: bool,
}

/// More changes than this between two reconciles are a flood. What belongs to one instance changes in bursts of fewer.
const FLOOD: usize = 8;
/// Shortest and longest time between the beginnings of two reconciles during a flood.
const MIN_PACE: Duration = Duration::from_millis(20);
const MAX_PACE: Duration = Duration::from_secs(1);

/// What the next reconcile of an instance has to take into account.
#[derive(Debug, Default)]
struct Pending {
    /// What has changed, and whether all Secrets are read for it.
    changes: HashMap<Mark, bool>,
    /// A reconcile was asked for.
    is_asked: bool,
    /// When the next reconcile is due. `None`: there was none yet.
    due: Option<Instant>,
    /// When the last reconcile began, if there was one.
    began: Option<Instant>,
    /// Shortest time between the beginnings of two reconciles.
    pace: Duration,
}

impl Pending {
    /// Before this moment no reconcile may begin.
    fn not_before(&self, now: Instant) -> Option<Instant> {
        let next = self.began? + self.pace;
        (now < next).then_some(next)
    }

    /// What the reconcile that begins now has to take into account. `Err`: there is nothing before this moment.
    fn take(&mut self, now: Instant) -> Result<Causes, Instant> {
        let is_first = self.due.is_none();
        if let Some(due) = self.due
            && now < due
            && !self.is_asked
            && self.changes.is_empty()
        {
            return Err(due);
        }
        if let Some(next) = self.not_before(now) {
            return Err(next);
        }
        self.pace = if self.changes.len() > FLOOD {
            (self.pace * 2).clamp(MIN_PACE, MAX_PACE)
        } else {
            Duration::ZERO
        };
        self.began = Some(now);
        let is_asked = std::mem::take(&mut self.is_asked);
        let changes = std::mem::take(&mut self.changes);
        Ok(Causes {
            is_whole: is_first || is_asked || changes.values().any(|is_whole| *is_whole),
        })
    }
}

/// Requests reconciles, and knows why.
#[derive(Clone, Debug)]
pub struct Wake {
    pending: Arc<Mutex<HashMap<InstanceRef, Pending>>>,
    sender: UnboundedSender<InstanceRef>,
    hasher: Arc<RandomState>,
}

impl Wake {
    /// With the instances to reconcile, in the order of the requests.
    pub fn new() -> (Self, UnboundedReceiver<InstanceRef>) {
        let (sender, receiver) = unbounded();
        let wake = Self {
            pending: Arc::default(),
            sender,
            hasher: Arc::default(),
        };
        (wake, receiver)
    }

    /// The mark of a version of an object.
    pub fn mark(&self, kind: &str, namespace: &str, name: &str, version: &str) -> Mark {
        Mark(self.hasher.hash_one((kind, namespace, name, version)))
    }

    /// An object of some instances has changed. `is_whole`: all Secrets are read for it.
    pub fn changed(
        &self,
        instances: impl IntoIterator<Item = InstanceRef>,
        mark: Mark,
        is_whole: bool,
    ) {
        let mut pending = lock(&self.pending);
        for instance in instances {
            let known = pending.entry(instance.clone()).or_default();
            let is_queued = known.is_asked || !known.changes.is_empty();
            known.changes.insert(mark, is_whole);
            if !is_queued {
                self.send(instance);
            }
        }
    }

    /// A change was our own.
    pub fn own(&self, instances: impl IntoIterator<Item = InstanceRef>, mark: Mark) {
        let mut pending = lock(&self.pending);
        for instance in instances {
            if let Some(known) = pending.get_mut(&instance) {
                known.changes.remove(&mark);
            }
        }
    }

    /// Requests a reconcile.
    pub fn ask(&self, instance: InstanceRef) {
        lock(&self.pending)
            .entry(instance.clone())
            .or_default()
            .is_asked = true;
        self.send(instance);
    }

    /// Takes what the reconcile that begins now has to take into account. `Err`: there is nothing before this moment.
    ///
    /// # Errors
    /// There is no reason to reconcile.
    pub fn begin(&self, instance: &InstanceRef, now: Instant) -> Result<Causes, Instant> {
        lock(&self.pending)
            .entry(instance.clone())
            .or_default()
            .take(now)
    }

    /// When the next reconcile is due, at the end of one.
    pub fn due(&self, instance: &InstanceRef, at: Instant) {
        lock(&self.pending).entry(instance.clone()).or_default().due = Some(at);
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, instance: &InstanceRef) {
        lock(&self.pending).remove(instance);
    }

    fn send(&self, instance: InstanceRef) {
        // The receiver is gone only during a shutdown.
        let _ = self.sender.unbounded_send(instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn files() -> InstanceRef {
        InstanceRef::new("files").within("n")
    }

    /// A reconcile has taken place, and the next is due in an hour.
    fn at_rest() -> (Wake, UnboundedReceiver<InstanceRef>, Instant) {
        let (wake, receiver) = Wake::new();
        let now = Instant::now();
        wake.due(&files(), now + Duration::from_hours(1));
        (wake, receiver, now)
    }

    fn queued(receiver: &mut UnboundedReceiver<InstanceRef>) -> usize {
        std::iter::from_fn(|| receiver.try_recv().ok()).count()
    }

    #[test]
    fn the_first_reconcile_is_whole() {
        let (wake, _receiver) = Wake::new();
        assert_eq!(
            wake.begin(&files(), Instant::now()),
            Ok(Causes { is_whole: true })
        );
    }

    #[test]
    fn a_reconcile_begins_for_a_change_and_is_as_whole_as_that() {
        for is_whole in [false, true] {
            let (wake, mut receiver, now) = at_rest();
            wake.changed([files()], wake.mark("Service", "n", "files", "1"), is_whole);
            assert_eq!(queued(&mut receiver), 1);
            assert_eq!(wake.begin(&files(), now), Ok(Causes { is_whole }));
            assert!(
                wake.begin(&files(), now).is_err(),
                "it was taken into account"
            );
        }
    }

    #[test]
    fn several_changes_are_queued_once() {
        let (wake, mut receiver, _) = at_rest();
        for version in ["1", "2", "3"] {
            wake.changed([files()], wake.mark("Pod", "n", "files-0", version), false);
        }
        assert_eq!(queued(&mut receiver), 1);
    }

    #[test]
    fn what_we_have_written_ourselves_leads_to_no_reconcile() {
        let (wake, _receiver, now) = at_rest();
        let mark = wake.mark("Service", "n", "files", "1");
        wake.changed([files()], mark, false);
        wake.own([files()], mark);
        assert!(wake.begin(&files(), now).is_err());
        // Another version is of somebody else.
        wake.changed([files()], wake.mark("Service", "n", "files", "2"), false);
        wake.own([files()], mark);
        assert!(wake.begin(&files(), now).is_ok());
    }

    #[test]
    fn a_flood_of_changes_is_collected_for_longer_and_longer_until_it_ends() {
        let (wake, _receiver, start) = at_rest();
        let flood = |version: usize| {
            for change in 0..=FLOOD {
                let mark = wake.mark("ConfigMap", "n", "files", &format!("{version}-{change}"));
                wake.changed([files()], mark, false);
            }
        };
        let mut now = start;
        let mut pauses = Vec::new();
        for round in 0..8 {
            flood(round);
            if let Err(next) = wake.begin(&files(), now) {
                pauses.push((next - now).as_millis());
                now = next;
                assert!(wake.begin(&files(), now).is_ok(), "nothing is lost");
            }
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1000]);
        // One change at a time.
        now += MAX_PACE;
        for version in ["a", "b", "c"] {
            wake.changed(
                [files()],
                wake.mark("ConfigMap", "n", "files", version),
                false,
            );
            assert!(wake.begin(&files(), now).is_ok(), "{version}");
        }
    }

    #[test]
    fn a_reconcile_that_is_asked_for_is_whole_and_one_that_is_due_is_not() {
        let (wake, _receiver, now) = at_rest();
        wake.ask(files());
        assert_eq!(wake.begin(&files(), now), Ok(Causes { is_whole: true }));
        let later = now + Duration::from_hours(2);
        assert_eq!(wake.begin(&files(), later), Ok(Causes { is_whole: false }));
    }
}
