//! What the answers to writes of our own put into the cache.

use super::{Cache, place, version};
use crate::kind::NamespacedKind;

/// Proves that no object has left the cache since. See [`Cache::learn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl<K: NamespacedKind> Cache<K> {
    /// To be taken before a request whose answer is to be learned.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.state().departures)
    }

    /// Puts the answer to a write of our own into the cache. Its event then leads to no reconcile.
    ///
    /// An object that has been deleted since must not come back. So one that is not in the cache is not learned when any
    /// object has left the cache since the request began: then the event does the same a moment later.
    pub fn learn(&self, ticket: Ticket, answer: &K) {
        let mut object = answer.clone();
        (self.shared.rules.strip)(&mut object);
        let (namespace, name) = place(&object);
        let version = version(&object);
        let mut state = self.state();
        let known = state.index.get(&namespace, &name);
        let is_learned = match known {
            // It is there still, or the event that it is gone is yet to come.
            Some(known) => known.version.is_older(&version),
            // We never create a `DittoServer`: one that is not here is gone, or no longer in our scope.
            None => !self.shared.rules.are_servers && Ticket(state.departures) == ticket,
        };
        let is_new = is_learned && self.hold(&mut state, &mut object).is_some();
        drop(state);
        if is_new {
            self.observe(&object, true);
        }
        // Its event may have been faster.
        let mark = self.mark(&namespace, &name, &version);
        self.shared.wake.own(self.concerned(&object), mark);
    }

    /// An object has been deleted by ourselves, unless it has changed since it was seen. Its event leads to no reconcile.
    pub fn learn_gone(&self, seen: &K) {
        let (namespace, name) = place(seen);
        let mut state = self.state();
        let known = state.index.get(&namespace, &name);
        if known.is_some_and(|known| known.version == version(seen)) {
            state.departures += 1;
            state.index.remove(&namespace, &name);
            drop(state);
            self.observe(seen, false);
        }
    }
}
