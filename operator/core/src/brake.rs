//! Limits how many servers are out of service at a time because of this operator.
//!
//! The caches show which are: servers that have been ready once, and whose pod is missing, is terminating, or is new
//! and not ready yet. So the limit survives a restart of the operator and a change of the leader. Only two things are
//! kept in memory: deletions that the caches do not show yet, and the queue of waiting instances.
//!
//! A server that has never been ready does not count: no client depends on it, and it might never become ready.

mod instance_state;
mod limit;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub use instance_state::{InstanceState, NamespacedName};
pub use limit::Limit;

/// A deletion that the caches do not show by then has not happened: requests have a deadline, and a watch that lags
/// this much is broken.
const MAX_LAG: Duration = Duration::from_mins(1);

/// What a restart waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The instances that are out of service, sorted.
    pub out_of_service: Vec<NamespacedName>,
    /// How many may be.
    pub allowed: usize,
    /// The setting that this comes from.
    pub limit: Limit,
}

/// A turn that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// Just now. Whoever does not use it gives it back.
    Now,
    /// Before, for the same pod, whose deletion may have begun.
    Before,
}

/// Grants turns.
#[derive(Debug)]
pub struct Brake {
    limit: Limit,
    /// Pods whose deletion has begun and is not in the caches yet: their uid, and since when.
    begun: BTreeMap<NamespacedName, (String, Instant)>,
    /// Instances that have asked and got no turn.
    waiting: BTreeSet<NamespacedName>,
}

impl Brake {
    /// No instance has a turn yet.
    pub fn new(limit: Limit) -> Self {
        Self {
            limit,
            begun: BTreeMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    /// Asks for a turn to take a pod out of service. An instance that gets one uses it at once, or gives it back if it
    /// is new.
    ///
    /// # Errors
    /// It is not this instance's turn. It will be woken, see [`Brake::next`].
    pub fn ask(
        &mut self,
        place: &NamespacedName,
        pod: &str,
        seen: &[InstanceState],
        now: Instant,
    ) -> Result<Granted, Queue> {
        self.forget_what_is_seen(seen, now);
        let mut out = self.out_of_service(seen);
        out.remove(place);
        let allowed = self.limit.of(seen.len());
        if out.len() < allowed {
            let before = self
                .begun
                .insert(place.clone(), (pod.to_owned(), now))
                .filter(|(before, _)| before == pod);
            self.waiting.remove(place);
            return Ok(before.map_or(Granted::Now, |_| Granted::Before));
        }
        self.waiting.insert(place.clone());
        Err(Queue {
            out_of_service: out.into_iter().collect(),
            allowed,
            limit: self.limit,
        })
    }

    /// Gives a turn back: the pod is still there.
    pub fn give_back(&mut self, place: &NamespacedName) {
        self.begun.remove(place);
    }

    /// Removes an instance from the queue: it no longer needs a turn.
    pub fn leave(&mut self, place: &NamespacedName) {
        self.waiting.remove(place);
    }

    /// Whether any instance waits.
    pub fn has_queue(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The instances whose turn it is by now. They are no longer in the queue, and have to ask again.
    pub fn next(&mut self, seen: &[InstanceState], now: Instant) -> Vec<NamespacedName> {
        self.forget_what_is_seen(seen, now);
        let free = self.limit.of(seen.len());
        let free = free.saturating_sub(self.out_of_service(seen).len());
        let next: Vec<_> = self.waiting.iter().take(free).cloned().collect();
        self.waiting.retain(|place| !next.contains(place));
        next
    }

    fn forget_what_is_seen(&mut self, seen: &[InstanceState], now: Instant) {
        let is_there = |place: &NamespacedName, pod: &String| {
            let mut seen = seen.iter();
            seen.any(|seen| seen.place == *place && seen.pod.as_ref() == Some(pod))
        };
        self.begun.retain(|place, (pod, since)| {
            is_there(place, pod) && now.duration_since(*since) < MAX_LAG
        });
    }

    fn out_of_service(&self, seen: &[InstanceState]) -> BTreeSet<NamespacedName> {
        let out = seen.iter().filter(|seen| seen.is_out);
        let out = out.map(|seen| seen.place.clone());
        out.chain(self.begun.keys().cloned()).collect()
    }
}

#[cfg(test)]
mod tests;
