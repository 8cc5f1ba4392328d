//! What the watch of a kind puts into its cache.

use kube::ResourceExt as _;
use std::collections::HashSet;

use super::{Cache, place, version};
use crate::kind::NamespacedKind;
use crate::wake::Weight;

impl<K: NamespacedKind> Cache<K> {
    /// An object is new or has changed.
    pub fn apply(&self, mut object: K) {
        (self.shared.rules.strip)(&mut object);
        let (namespace, name) = place(&object);
        let mut state = self.state();
        let known = state.index.get(&namespace, &name);
        let known = known.map(|known| known.version.clone());
        let now = version(&object);
        if known.as_ref() == Some(&now) {
            return;
        }
        // An event that our own answer has overtaken: what it reports is part of the answer, but not of our reconcile.
        let is_outdated = known.is_some_and(|known| now.is_older(&known));
        let concerned = if is_outdated {
            Some(self.concerned(&object))
        } else {
            self.hold(&mut state, &mut object)
        };
        drop(state);
        let Some(concerned) = concerned else {
            return;
        };
        if !is_outdated {
            self.observe(&object, true);
        }
        self.request(&object, concerned);
    }

    /// An object has been deleted, or is no longer selected.
    pub fn delete(&self, mut object: K) {
        (self.shared.rules.strip)(&mut object);
        let (namespace, name) = place(&object);
        let mut state = self.state();
        state.departures += 1;
        let was_there = state.index.remove(&namespace, &name).is_some();
        drop(state);
        if was_there {
            self.observe(&object, false);
            self.request_departed(object);
        }
    }

    /// That an object has gone is no version of it: the answer to a write must not hide it. It may have been in the way.
    fn request_departed(&self, mut object: K) {
        let last = version(&object);
        object.meta_mut().resource_version = Some(format!("{last} gone"));
        let concerned = self.concerned(&object);
        self.request_by(&object, concerned, Weight::Urgent);
    }

    /// A list begins, of one namespace or of all.
    pub fn list(&self, namespace: Option<String>) -> Listing<'_, K> {
        Listing {
            cache: self,
            namespace,
            listed: HashSet::new(),
        }
    }
}

/// A list that is being read. What it does not contain has been deleted.
pub struct Listing<'a, K: NamespacedKind> {
    cache: &'a Cache<K>,
    namespace: Option<String>,
    listed: HashSet<(String, String)>,
}

impl<K: NamespacedKind> Listing<'_, K> {
    /// An object of the list.
    pub fn apply(&mut self, mut object: K) {
        let cache = self.cache;
        (cache.shared.rules.strip)(&mut object);
        self.listed.insert(place(&object));
        // Unlike an event, a list is also believed when its versions are older: the cluster may have been restored.
        let held = cache.hold(&mut cache.state(), &mut object);
        let Some(concerned) = held else {
            return;
        };
        cache.observe(&object, true);
        // At the start every DittoServer is reconciled, whatever else there is. Where none is left, a finalizer may have
        // to be removed.
        let is_held_up = !object.finalizers().is_empty();
        if self.is_repeated() || cache.shared.rules.are_servers || is_held_up {
            cache.request(&object, concerned);
        }
    }

    /// Whether it has been read before.
    fn is_repeated(&self) -> bool {
        let lists = self.cache.shared.lists.borrow();
        lists.is_complete(self.namespace.as_ref())
    }

    /// The list is complete.
    pub fn finish(self) {
        let cache = self.cache;
        let mut state = cache.state();
        state.departures += 1;
        let mut gone = state.index.places();
        gone.retain(|(namespace, name)| {
            let is_covered = self
                .namespace
                .as_ref()
                .is_none_or(|one| **one == **namespace);
            is_covered
                && !self
                    .listed
                    .contains(&(namespace.to_string(), name.to_string()))
        });
        let mut removed = Vec::new();
        for (namespace, name) in gone {
            if let Some(held) = state.index.get(&namespace, &name) {
                removed.extend(cache.unpack(&state.index, held));
            }
            state.index.remove(&namespace, &name);
        }
        drop(state);
        for object in removed {
            cache.observe(&object, false);
            cache.request_departed(object);
        }
        let lists = &cache.shared.lists;
        lists.send_if_modified(|lists| lists.complete(self.namespace));
    }
}
