//! Where each object is, by its name and by the instances that it matters to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pack::Packed;

/// The next stamp. One for all caches: a kind that comes back begins with a cache of its own.
static NEXT_STAMP: AtomicU64 = AtomicU64::new(0);

/// What is kept of an object.
#[derive(Debug)]
pub struct Held {
    /// Its resource version.
    pub version: Box<str>,
    /// Its content.
    pub packed: Packed,
    /// Another one whenever the content is. No other object has had it.
    pub stamp: u64,
    /// Hash of the desired object that it was last found to be right for.
    pub settled: Option<u64>,
    /// Names of the instances that it matters to.
    instances: Box<[Arc<str>]>,
}

impl Held {
    /// Names of the instances that it matters to.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        self.instances.iter().map(|instance| &**instance)
    }

    /// An object of which nothing is known but its content.
    pub fn new(version: Box<str>, packed: Packed) -> Self {
        Self {
            version,
            packed,
            stamp: NEXT_STAMP.fetch_add(1, Ordering::Relaxed),
            settled: None,
            instances: Box::default(),
        }
    }
}

/// All objects of a kind.
#[derive(Debug, Default)]
pub struct Index {
    namespaces: BTreeMap<Arc<str>, Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    objects: BTreeMap<Arc<str>, Held>,
    /// Names of objects by instance, sorted.
    of_instance: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl Index {
    /// An object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Held> {
        self.namespaces.get(namespace)?.objects.get(name)
    }

    /// An object, to be changed.
    pub fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Held> {
        self.namespaces.get_mut(namespace)?.objects.get_mut(name)
    }

    /// The objects of an instance, sorted by name.
    pub fn of_instance(&self, namespace: &str, instance: &str) -> impl Iterator<Item = &Held> {
        let namespace = self.namespaces.get(namespace);
        namespace.into_iter().flat_map(move |namespace| {
            let names = namespace.of_instance.get(instance).into_iter().flatten();
            names.filter_map(|name| namespace.objects.get(name))
        })
    }

    /// Namespace and name of every object.
    pub fn places(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let namespaces = self.namespaces.iter();
        let places = namespaces.flat_map(|(place, namespace)| {
            let names = namespace.objects.keys();
            names.map(|name| (Arc::clone(place), Arc::clone(name)))
        });
        places.collect()
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.namespaces
            .values()
            .map(|namespace| namespace.objects.len())
            .sum()
    }

    /// Adds an object, or replaces it. Returns what it was before.
    pub fn insert<'a>(
        &mut self,
        namespace: &str,
        name: &str,
        mut held: Held,
        instances: impl Iterator<Item = &'a str>,
    ) -> Option<Held> {
        let before = self.remove(namespace, name);
        let namespace = match self.namespaces.get_mut(namespace) {
            Some(known) => known,
            None => self.namespaces.entry(namespace.into()).or_default(),
        };
        let name: Arc<str> = name.into();
        held.instances = instances
            .map(|instance| namespace.assign(instance, &name))
            .collect();
        namespace.objects.insert(name, held);
        before
    }

    /// Removes an object.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<Held> {
        let known = self.namespaces.get_mut(namespace)?;
        let held = known.objects.remove(name)?;
        for instance in &held.instances {
            known.withdraw(instance, name);
        }
        if known.objects.is_empty() {
            self.namespaces.remove(namespace);
        }
        Some(held)
    }
}

impl Namespace {
    /// Assigns an object to an instance, whose name is shared by all its objects.
    fn assign(&mut self, instance: &str, object: &Arc<str>) -> Arc<str> {
        let shared = match self.of_instance.get_key_value(instance) {
            Some((shared, _)) => Arc::clone(shared),
            None => instance.into(),
        };
        let names = self.of_instance.entry(Arc::clone(&shared)).or_default();
        if let Err(at) = names.binary_search(object) {
            // Mostly there is one, and there are as many of these lists as objects.
            names.reserve_exact(1);
            names.insert(at, Arc::clone(object));
        }
        shared
    }

    fn withdraw(&mut self, instance: &str, object: &str) {
        let Some(names) = self.of_instance.get_mut(instance) else {
            return;
        };
        names.retain(|name| **name != *object);
        if names.is_empty() {
            self.of_instance.remove(instance);
        }
    }
}
