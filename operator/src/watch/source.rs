//! Where events come from: one watch of a kind in the whole cluster, or one in each namespace of our scope.

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::outage::Outage;
use crate::kind::NamespacedKind;

/// Events of a kind. Errors are logged already.
pub(super) type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;

/// The namespaces that are watched.
#[derive(Clone)]
pub(super) struct Source {
    pub client: Client,
    /// Empty: the whole cluster.
    pub namespaces: Vec<String>,
}

impl Source {
    /// A cache of a kind, and the events that keep it up to date while they are read.
    pub fn cache<K: NamespacedKind>(
        &self,
        kind: &K::DynamicType,
        config: &watcher::Config,
        strip: fn(&mut K),
    ) -> (Store<K>, Events<K>) {
        let writer = Writer::new(kind.clone());
        let store = writer.as_reader();
        let all = Api::<K>::all_with(self.client.clone(), kind);
        let name = K::kind(kind);
        let in_one = |namespace: &String| {
            let api = all.clone().constrain(namespace);
            events(format!("{name} in namespace {namespace}"), api, config)
        };
        let events = match self.namespaces.as_slice() {
            [] => events(name.into_owned(), all, config),
            [only] => in_one(only),
            several => {
                let each = several.iter().map(|namespace| {
                    let name = namespace.clone();
                    in_one(namespace).map(move |event| (name.clone(), event))
                });
                merged(store.clone(), several, stream::select_all(each))
            }
        };
        (store, events.modify(strip).reflect(writer).boxed())
    }
}

fn events<K: NamespacedKind>(what: String, api: Api<K>, config: &watcher::Config) -> Events<K> {
    let mut outage = Outage::of(what);
    watcher(api, config.clone())
        .default_backoff()
        .inspect(move |event| outage.see(event))
        .boxed()
}

fn merged<K: NamespacedKind>(
    store: Store<K>,
    namespaces: &[String],
    events: impl Stream<Item = (String, watcher::Result<Event<K>>)> + Send + 'static,
) -> Events<K> {
    let mut merge = Merge {
        store,
        listed: BTreeMap::new(),
        awaited: namespaces.iter().cloned().collect(),
    };
    // One after the other: an event is in the cache before the next one is polled.
    events
        .flat_map(move |(namespace, event)| {
            let events = match event {
                Ok(event) => merge.turn(&namespace, event).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(events)
        })
        .boxed()
}

/// Merges the events of several namespaces into one stream: a new list of one of them must not remove the others from
/// the cache, and the cache has synced when all of them have been listed.
struct Merge<K: NamespacedKind> {
    store: Store<K>,
    /// The names that a list in progress has had so far, by namespace.
    listed: BTreeMap<String, HashSet<String>>,
    /// Namespaces that have not been listed yet.
    awaited: BTreeSet<String>,
}

impl<K: NamespacedKind> Merge<K> {
    fn turn(&mut self, namespace: &str, event: Event<K>) -> Vec<Event<K>> {
        match event {
            Event::Apply(_) | Event::Delete(_) => vec![event],
            Event::Init => {
                self.listed.insert(namespace.to_owned(), HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                let listed = self.listed.entry(namespace.to_owned()).or_default();
                listed.insert(object.name_any());
                vec![Event::Apply(object)]
            }
            Event::InitDone => self.end_of_list(namespace),
        }
    }

    fn end_of_list(&mut self, namespace: &str) -> Vec<Event<K>> {
        let listed = self.listed.remove(namespace).unwrap_or_default();
        let is_deleted = |object: &K| {
            object.namespace().as_deref() == Some(namespace) && !listed.contains(&object.name_any())
        };
        let deleted = self.store.state_filter(is_deleted);
        let mut events: Vec<_> = deleted
            .iter()
            .map(|object| Event::Delete(K::clone(object)))
            .collect();
        if self.awaited.remove(namespace) && self.awaited.is_empty() {
            let there = self.store.state_filter(|object| !is_deleted(object));
            let there = there
                .iter()
                .map(|object| Event::InitApply(K::clone(object)));
            events.push(Event::Init);
            events.extend(there);
            events.push(Event::InitDone);
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    fn object(namespace: &str, name: &str) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"namespace": namespace, "name": name}})).unwrap()
    }

    struct Cache {
        writer: Writer<ConfigMap>,
        merge: Merge<ConfigMap>,
    }

    impl Cache {
        fn of(namespaces: &[&str]) -> Self {
            let writer = Writer::new(());
            let merge = Merge {
                store: writer.as_reader(),
                listed: BTreeMap::new(),
                awaited: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            };
            Self { writer, merge }
        }

        fn feed(&mut self, namespace: &str, events: impl IntoIterator<Item = Event<ConfigMap>>) {
            for event in events {
                for event in self.merge.turn(namespace, event) {
                    self.writer.apply_watcher_event(&event);
                }
            }
        }

        fn list(&mut self, namespace: &str, names: &[&str]) {
            let objects = names
                .iter()
                .map(|name| Event::InitApply(object(namespace, name)));
            let objects: Vec<_> = objects.collect();
            self.feed(namespace, [Event::Init]);
            self.feed(namespace, objects);
            self.feed(namespace, [Event::InitDone]);
        }

        fn names(&self) -> Vec<String> {
            let state = self.merge.store.state();
            let mut names: Vec<_> = state.iter().map(|object| object.name_any()).collect();
            names.sort();
            names
        }

        fn has_synced(&self) -> bool {
            self.merge.store.wait_until_ready().now_or_never().is_some()
        }
    }

    #[test]
    fn a_cache_has_synced_when_every_namespace_has_been_listed() {
        let mut cache = Cache::of(&["a", "b"]);
        cache.list("a", &["one", "two"]);
        assert!(!cache.has_synced());
        cache.list("b", &["three"]);
        assert!(cache.has_synced());
        assert_eq!(cache.names(), ["one", "three", "two"]);
    }

    #[test]
    fn a_list_that_restarts_before_all_are_complete_leaves_nothing_behind() {
        let mut cache = Cache::of(&["a", "b"]);
        cache.feed("a", [Event::Init, Event::InitApply(object("a", "old"))]);
        cache.list("a", &["new"]);
        cache.list("b", &[]);
        assert!(cache.has_synced());
        assert_eq!(cache.names(), ["new"]);
    }

    #[test]
    fn a_new_list_of_one_namespace_touches_no_other() {
        let mut cache = Cache::of(&["a", "b"]);
        cache.list("a", &["one", "two"]);
        cache.list("b", &["three"]);
        cache.list("a", &["two", "four"]);
        assert_eq!(cache.names(), ["four", "three", "two"]);
        cache.feed("b", [Event::Delete(object("b", "three"))]);
        cache.feed("a", [Event::Apply(object("a", "five"))]);
        assert_eq!(cache.names(), ["five", "four", "two"]);
    }

    #[test]
    fn objects_deleted_during_a_gap_are_reported() {
        let mut cache = Cache::of(&["a", "b"]);
        cache.list("a", &["one"]);
        cache.list("b", &["two"]);
        cache.feed("a", [Event::Init]);
        let events = cache.merge.turn("a", Event::InitDone);
        assert!(matches!(&events[..], [Event::Delete(object)] if object.name_any() == "one"));
    }
}
