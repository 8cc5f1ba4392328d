//! Where each object is, by its name and by the instances that it matters to.

use serde::de::DeserializeOwned;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pack::{Packed, Packer, UnpackError};
use super::version::Version;

/// The next stamp. One for all caches: a kind that comes back begins with a cache of its own.
static NEXT_STAMP: AtomicU64 = AtomicU64::new(0);

/// Names. Mostly there is one, and there are as many of these lists as objects.
pub type Names = SmallVec<[Arc<str>; 1]>;

/// What is kept of an object.
#[derive(Debug)]
pub struct Held {
    /// Its resource version.
    pub version: Version,
    /// Another one whenever the content is. No other object has had it.
    pub stamp: u64,
    /// Hash of the desired object that it was last found to be right for.
    pub settled: Option<NonZero<u64>>,
    packed: Packed,
    /// Names of the instances that it matters to.
    instances: Names,
}

/// All objects of a kind.
#[derive(Debug, Default)]
pub struct Index {
    namespaces: BTreeMap<Arc<str>, Namespace>,
    packer: Packer,
}

#[derive(Debug, Default)]
struct Namespace {
    objects: BTreeMap<Arc<str>, Held>,
    /// Names of objects by instance, sorted.
    of_instance: BTreeMap<Arc<str>, Names>,
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

    /// The content of an object.
    ///
    /// # Errors
    /// It is not what was put here.
    pub fn content<K: DeserializeOwned>(&self, held: &Held) -> Result<K, UnpackError> {
        self.packer.unpack(held.packed)
    }

    /// Gives an object another version, if it has this content.
    pub fn renew(&mut self, namespace: &str, name: &str, version: &Version, json: &[u8]) -> bool {
        let namespace = self.namespaces.get_mut(namespace);
        let held = namespace.and_then(|namespace| namespace.objects.get_mut(name));
        let same = held.filter(|held| self.packer.is_same(held.packed, json));
        let Some(held) = same else {
            return false;
        };
        held.version.clone_from(version);
        true
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

    /// Adds an object, or replaces it. Returns the names of the instances that it mattered to before.
    pub fn insert<'a>(
        &mut self,
        namespace: &str,
        name: &str,
        version: Version,
        json: &[u8],
        instances: impl Iterator<Item = &'a str>,
    ) -> Names {
        let before = self.remove(namespace, name).unwrap_or_default();
        let packed = self.packer.pack(json);
        let namespace = match self.namespaces.get_mut(namespace) {
            Some(known) => known,
            None => self.namespaces.entry(namespace.into()).or_default(),
        };
        let name: Arc<str> = name.into();
        let instances = instances.map(|instance| namespace.assign(instance, &name));
        let held = Held {
            version,
            stamp: NEXT_STAMP.fetch_add(1, Ordering::Relaxed),
            settled: None,
            packed,
            instances: instances.collect(),
        };
        namespace.objects.insert(name, held);
        before
    }

    /// Removes an object. Returns the names of the instances that it mattered to, if there was one.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<Names> {
        let known = self.namespaces.get_mut(namespace)?;
        let held = known.objects.remove(name)?;
        self.packer.forget(held.packed);
        for instance in &held.instances {
            known.withdraw(instance, name);
        }
        if known.objects.is_empty() {
            self.namespaces.remove(namespace);
        }
        self.tidy();
        Some(held.instances)
    }

    fn tidy(&mut self) {
        if self.packer.is_wasteful() {
            let namespaces = self.namespaces.values_mut();
            let all = namespaces.flat_map(|namespace| namespace.objects.values_mut());
            self.packer.move_all(all.map(|held| &mut held.packed));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::HashMap;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn every_object_keeps_its_content_however_many_come_change_and_go(
            steps in proptest::collection::vec((0..40_u8, 0..3000_usize, any::<bool>()), 1..1000)
        ) {
            let mut index = Index::default();
            let mut expected = HashMap::new();
            for (number, length, comes) in steps {
                let (name, instance) = (format!("files-{number}"), format!("files-{}", number / 2));
                if comes {
                    let content = json!({"name": name, "text": "x".repeat(length)});
                    let json = content.to_string();
                    index.insert("n", &name, Version::Number(1), json.as_bytes(), [&*instance].into_iter());
                    expected.insert(name, content);
                } else {
                    prop_assert_eq!(index.remove("n", &name).is_some(), expected.remove(&name).is_some());
                }
            }
            prop_assert_eq!(index.len(), expected.len());
            for (name, content) in &expected {
                let held = index.get("n", name).unwrap();
                prop_assert_eq!(&index.content::<Value>(held).unwrap(), content);
            }
            let found = (0..20).flat_map(|number| index.of_instance("n", &format!("files-{number}")).collect::<Vec<_>>());
            prop_assert_eq!(found.count(), expected.len());
            prop_assert!(!index.packer.is_wasteful());
        }
    }
}
