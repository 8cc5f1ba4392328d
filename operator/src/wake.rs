//! Why an instance is reconciled again, so that a reconcile that would find nothing new does not begin.
//!
//! Every event that changes what is cached is kept here as a mark, until the next reconcile takes it. The answer to a write
//! of our own removes the mark of its event: what we have written tells us nothing new.
//!
//! A single change is reconciled immediately. An instance that changes faster than that has its changes
//! collected for longer and longer, so that it keeps neither the API server nor other instances busy.
//!
//! After a failed reconcile most changes wait for the retry, see [`Weight`]: what controllers write about the objects of
//! an instance mends nothing, and must not shorten the delay.

mod pending;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::server::InstanceRef;
use pending::Pending;

/// One version of one object. Another version of it has another mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(u64);

/// Why an instance is reconciled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// All its Secrets are read: it is the first reconcile, its `DittoServer` has changed, or a reconcile was asked for.
    pub is_whole: bool,
}

/// How much a change matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something has been written. After a failure it waits for the retry.
    Ordinary,
    /// The sidecar has published, or something is gone that may have been in the way: the next reconcile begins at once.
    Urgent,
    /// The `DittoServer` itself: all Secrets are read as well.
    Whole,
}

/// How long the changes of an instance that was just new are deferred, at most, while others are yet to be reconciled for the first
/// time.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct State {
    pending: HashMap<InstanceRef, Pending>,
    /// How many first reconciles are queued.
    first_queued: usize,
    /// Instances whose changes wait for those.
    deferred: Vec<InstanceRef>,
}

impl State {
    fn of(&mut self, instance: &InstanceRef) -> &mut Pending {
        self.pending.entry(instance.clone()).or_default()
    }

    /// The first reconcile of an instance is not queued any more. Returns the instances that have waited for the last one.
    fn dequeue_first(&mut self, instance: &InstanceRef) -> Vec<InstanceRef> {
        let known = self.pending.get_mut(instance);
        let was_queued = known.is_some_and(|known| std::mem::take(&mut known.is_first_queued));
        self.first_queued = self.first_queued.saturating_sub(usize::from(was_queued));
        if self.first_queued > 0 {
            return Vec::new();
        }
        std::mem::take(&mut self.deferred)
    }
}

/// Requests reconciles, and knows why.
#[derive(Clone, Debug)]
pub struct Wake {
    state: Arc<Mutex<State>>,
    sender: UnboundedSender<InstanceRef>,
    hasher: Arc<RandomState>,
}

impl Wake {
    /// With the instances to reconcile, in the order of the requests.
    pub fn new() -> (Self, UnboundedReceiver<InstanceRef>) {
        let (sender, receiver) = unbounded();
        let wake = Self {
            state: Arc::default(),
            sender,
            hasher: Arc::default(),
        };
        (wake, receiver)
    }

    /// The mark of a version of an object.
    pub fn mark(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        version: &(impl Hash + ?Sized),
    ) -> Mark {
        Mark(self.hasher.hash_one((kind, namespace, name, version)))
    }

    /// An object of some instances has changed.
    pub fn changed(
        &self,
        instances: impl IntoIterator<Item = InstanceRef>,
        mark: Mark,
        weight: Weight,
    ) {
        let mut state = lock(&self.state);
        for instance in instances {
            let known = state.of(&instance);
            let is_queued = known.is_pressing();
            known.changes.insert(mark, weight);
            let is_to_be_queued = !is_queued && known.is_pressing();
            let is_first = is_to_be_queued
                && weight == Weight::Whole
                && known.began.is_none()
                && !known.is_first_queued;
            known.is_first_queued |= is_first;
            state.first_queued += usize::from(is_first);
            if is_to_be_queued {
                self.send(instance);
            }
        }
    }

    /// A change was our own.
    pub fn own(&self, instances: impl IntoIterator<Item = InstanceRef>, mark: Mark) {
        let mut state = lock(&self.state);
        for instance in instances {
            if let Some(known) = state.pending.get_mut(&instance) {
                known.changes.remove(&mark);
            }
        }
    }

    /// Requests a reconcile.
    pub fn ask(&self, instance: InstanceRef) {
        lock(&self.state).of(&instance).is_asked = true;
        self.send(instance);
    }

    /// Takes what the reconcile that begins now has to take into account. `Err`: there is nothing before this moment.
    ///
    /// # Errors
    /// There is no reason to reconcile.
    pub fn begin(&self, instance: &InstanceRef, now: Instant) -> Result<Causes, Instant> {
        let mut state = lock(&self.state);
        let has_first_queued = state.first_queued > 0;
        let known = state.of(instance);
        if let Some(until) = known.deferral(now).filter(|_| has_first_queued) {
            state.deferred.push(instance.clone());
            return Err(until);
        }
        let taken = known.take(now);
        if taken.is_ok() {
            self.send_all(state.dequeue_first(instance));
        }
        taken
    }

    /// The first reconcile of a new instance has begun. When many are created at once, all of them have their objects sooner if what
    /// follows waits until then. Instances that were there before never wait.
    pub fn is_new(&self, instance: &InstanceRef, now: Instant) {
        lock(&self.state).of(instance).deferred_until = Some(now + LONGEST_DEFERRAL);
    }

    /// Whether the first reconciles of other instances are queued.
    pub fn others_are_new(&self) -> bool {
        lock(&self.state).first_queued > 0
    }

    /// An instance is not reconciled, so that nobody waits for it.
    pub fn set_aside(&self, instance: &InstanceRef) {
        let released = lock(&self.state).dequeue_first(instance);
        self.send_all(released);
    }

    /// When the next reconcile is due, at the end of one.
    pub fn due(&self, instance: &InstanceRef, at: Instant) {
        self.schedule(instance, at, false);
    }

    /// When a reconcile that has failed is retried.
    pub fn retry(&self, instance: &InstanceRef, at: Instant) {
        self.schedule(instance, at, true);
    }

    fn schedule(&self, instance: &InstanceRef, at: Instant, is_retry: bool) {
        let mut state = lock(&self.state);
        let known = state.of(instance);
        known.due = Some(at);
        known.is_retry = is_retry;
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, instance: &InstanceRef) {
        let mut state = lock(&self.state);
        let released = state.dequeue_first(instance);
        state.pending.remove(instance);
        drop(state);
        self.send_all(released);
    }

    fn send_all(&self, instances: Vec<InstanceRef>) {
        for instance in instances {
            self.send(instance);
        }
    }

    fn send(&self, instance: InstanceRef) {
        // The receiver is gone only during a shutdown.
        let _ = self.sender.unbounded_send(instance);
    }
}

#[cfg(test)]
mod tests;
