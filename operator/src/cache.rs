//! What the operator remembers of the objects of a kind: compact, and found by instance.
//!
//! A parsed object takes ten times the memory of its JSON, and objects of one kind resemble each other. So they are
//! kept as compressed JSON, and parsed when they are asked for. What is asked most often, whether an object is as
//! desired, is remembered beside it until it changes.
//!
//! The watch of the kind fills the cache. The answer to a write of our own is put into it at once, so that the next reconcile
//! sees it, and its event is recognised as an echo.

mod answers;
mod feed;
mod index;
mod lists;
mod pack;
mod pile;
mod rules;
mod version;

use kube::ResourceExt as _;
use std::collections::HashSet;
use std::fmt;
use std::hash::Hasher;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

use crate::kind::NamespacedKind;
use crate::lock::lock;
use crate::server::InstanceRef;
use crate::wake::{Wake, Weight};
pub use answers::Ticket;
pub use feed::Listing;
use index::{Held, Index};
pub use lists::Lists;
pub use rules::{Concerns, Observer, Rules};
pub use version::Version;

/// The objects of a kind.
pub struct Cache<K: NamespacedKind> {
    shared: Arc<Shared<K>>,
}

impl<K: NamespacedKind> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<K: NamespacedKind> {
    kind: K::DynamicType,
    rules: Rules<K>,
    wake: Wake,
    state: Mutex<State>,
    /// What fills it.
    lists: watch::Sender<Lists>,
}

#[derive(Default)]
struct State {
    index: Index,
    /// Grows whenever an object leaves the cache, or may have left the cluster.
    departures: u64,
}

impl<K: NamespacedKind> Cache<K> {
    /// An empty cache, which is filled by these lists.
    pub fn new(kind: K::DynamicType, rules: Rules<K>, wake: Wake, lists: Lists) -> Self {
        Self {
            shared: Arc::new(Shared {
                kind,
                rules,
                wake,
                state: Mutex::default(),
                lists: watch::Sender::new(lists),
            }),
        }
    }

    /// An object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let state = self.state();
        let held = state.index.get(namespace, name)?;
        self.unpack(&state.index, held).map(Arc::new)
    }

    /// Whether there is such an object.
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        self.state().index.get(namespace, name).is_some()
    }

    /// The version of an object: as long as it stays the same, so does the object.
    pub fn version(&self, namespace: &str, name: &str) -> Option<Version> {
        let state = self.state();
        let held = state.index.get(namespace, name)?;
        Some(held.version.clone())
    }

    /// The objects that matter to an instance, sorted by name: no message may depend on chance.
    pub fn of_instance(&self, namespace: &str, instance: &str) -> Vec<Arc<K>> {
        let state = self.state();
        let held = state.index.of_instance(namespace, instance);
        held.filter_map(|held| self.unpack(&state.index, held))
            .map(Arc::new)
            .collect()
    }

    /// Adds what changes with the content of any object that matters to an instance, and when there is another one or
    /// one less.
    pub fn stamp(&self, namespace: &str, instance: &str, hasher: &mut impl Hasher) {
        let state = self.state();
        let held = state.index.of_instance(namespace, instance);
        let count = held.map(|held| hasher.write_u64(held.stamp)).count();
        hasher.write_usize(count);
    }

    /// Namespace and name of every object.
    pub fn places(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.state().index.places()
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.state().index.len()
    }

    /// Whether there are no objects.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the object of this name was found to be as this desired one, and has not changed since. `hash`: of the
    /// desired one.
    pub fn is_settled(&self, desired: &K, hash: &str) -> bool {
        let (namespace, name) = place(desired);
        let state = self.state();
        let held = state.index.get(&namespace, &name);
        held.is_some_and(|held| held.settled.is_some() && held.settled == fingerprint(hash))
    }

    /// Remembers that an object, if it still has this version, is as a desired one with this hash.
    pub fn settle(&self, object: &K, hash: &str) {
        let (namespace, name) = place(object);
        let mut state = self.state();
        if let Some(held) = state.index.get_mut(&namespace, &name)
            && held.version == version(object)
        {
            held.settled = fingerprint(hash);
        }
    }

    /// What it holds, as the API server names it.
    pub fn kind(&self) -> &K::DynamicType {
        &self.shared.kind
    }

    /// Waits until nothing more is to be expected of the lists: before that, a missing object may exist. In a namespace
    /// that is refused it may exist even then, see [`Lists::cover`].
    pub async fn synced(&self) {
        let mut lists = self.lists();
        // The sender lives as long as the cache.
        let _ = lists.wait_for(Lists::are_settled).await;
    }

    /// How far the lists have got.
    pub fn lists(&self) -> watch::Receiver<Lists> {
        self.shared.lists.subscribe()
    }

    /// The operator may not read the objects of a namespace.
    pub fn refuse(&self, namespace: &str) {
        let lists = &self.shared.lists;
        lists.send_if_modified(|lists| lists.refuse(namespace));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    fn unpack(&self, index: &Index, held: &Held) -> Option<K> {
        let object = index.content::<K>(held);
        let mut object = object
            .inspect_err(|error| {
                let kind = K::kind(&self.shared.kind);
                tracing::error!(%kind, %error, "cannot read a cached object");
            })
            .ok()?;
        object.meta_mut().resource_version = Some(held.version.to_string());
        Some(object)
    }

    /// Keeps an object. Returns the instances that it matters to, or did before, if its content is new.
    fn hold(&self, state: &mut State, object: &mut K) -> Option<HashSet<InstanceRef>> {
        let (namespace, name) = place(object);
        // The version is kept beside the content: it changes with every write.
        let resource_version = object.meta_mut().resource_version.take();
        let json = self.shared.rules.to_json(object);
        object.meta_mut().resource_version = resource_version;
        let (index, version) = (&mut state.index, version(object));
        if index.renew(&namespace, &name, &version, &json) {
            return None;
        }
        let mut concerned = self.concerned(object);
        let instances = concerned.iter().map(|instance| instance.name.as_str());
        let former = index.insert(&namespace, &name, version, &json, instances);
        let former = former
            .iter()
            .map(|name| InstanceRef::new(name).within(&namespace));
        concerned.extend(former);
        Some(concerned)
    }

    fn observe(&self, object: &K, is_there: bool) {
        if let Some(observer) = &self.shared.rules.observer {
            observer(object, is_there);
        }
    }

    fn mark(&self, namespace: &str, name: &str, version: &Version) -> crate::wake::Mark {
        let kind = K::kind(&self.shared.kind);
        self.shared.wake.mark(&kind, namespace, name, version)
    }

    fn concerned(&self, object: &K) -> HashSet<InstanceRef> {
        (self.shared.rules.concerns)(object)
    }

    fn request(&self, object: &K, instances: HashSet<InstanceRef>) {
        let is_urgent = (self.shared.rules.is_urgent)(object);
        let weight = if is_urgent {
            Weight::Urgent
        } else {
            Weight::Ordinary
        };
        self.request_by(object, instances, weight);
    }

    fn request_by(&self, object: &K, instances: HashSet<InstanceRef>, weight: Weight) {
        let (namespace, name) = place(object);
        let mark = self.mark(&namespace, &name, &version(object));
        let is_whole = self.shared.rules.are_servers;
        let weight = if is_whole { Weight::Whole } else { weight };
        self.shared.wake.changed(instances, mark, weight);
    }
}

fn place<K: NamespacedKind>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// A hash as it is kept. `None`: it is no hash of ours, and no object is as it says.
fn fingerprint(hash: &str) -> Option<NonZero<u64>> {
    let number = u64::from_str_radix(hash, 16).ok()?;
    NonZero::new(number)
}

fn version<K: NamespacedKind>(object: &K) -> Version {
    let version = object.meta().resource_version.as_deref();
    version.unwrap_or_default().into()
}

impl<K: NamespacedKind> fmt::Debug for Cache<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = K::kind(&self.shared.kind);
        write!(formatter, "Cache of {} {kind}", self.len())
    }
}

#[cfg(test)]
mod tests;
