//! Where events come from: one watch of a kind in the whole cluster, or one in each namespace of our scope.

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use kube::core::NamespaceScope;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use super::outage::Outage;

/// A kind that lives in namespaces and can be watched.
pub(super) trait Watched:
    Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash + Unpin>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash + Unpin>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// Events of a kind. Errors are told in the log already.
pub(super) type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;

/// The namespaces that are watched.
#[derive(Clone)]
pub(super) struct Source {
    pub client: Client,
    /// Empty: the whole cluster.
    pub namespaces: Vec<String>,
}

impl Source {
    /// A copy of a kind, and the events that keep it up to date while they are read.
    pub fn copy<K: Watched>(
        &self,
        kind: &K::DynamicType,
        config: &watcher::Config,
        prune: fn(&mut K),
    ) -> (Store<K>, Events<K>) {
        let writer = Writer::new(kind.clone());
        let store = writer.as_reader();
        let all = Api::<K>::all_with(self.client.clone(), kind);
        let word = K::kind(kind);
        let in_one = |namespace: &String| {
            let api = all.clone().constrain(namespace);
            events(format!("{word} in namespace {namespace}"), api, config)
        };
        let events = match self.namespaces.as_slice() {
            [] => events(word.into_owned(), all, config),
            [only] => in_one(only),
            several => {
                let each = several.iter().map(|namespace| {
                    let name = namespace.clone();
                    in_one(namespace).map(move |event| (name.clone(), event))
                });
                merged(store.clone(), several, stream::select_all(each))
            }
        };
        (store, events.modify(prune).reflect(writer).boxed())
    }
}

fn events<K: Watched>(what: String, api: Api<K>, config: &watcher::Config) -> Events<K> {
    let mut outage = Outage::of(what);
    watcher(api, config.clone())
        .default_backoff()
        .inspect(move |event| outage.see(event))
        .boxed()
}

fn merged<K: Watched>(
    store: Store<K>,
    namespaces: &[String],
    events: impl Stream<Item = (String, watcher::Result<Event<K>>)> + Send + 'static,
) -> Events<K> {
    let mut merge = Merge {
        store,
        listed: BTreeMap::new(),
        awaited: namespaces.iter().cloned().collect(),
    };
    // One after the other: what was handed out is in the copy before the next is asked for.
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

/// Makes one course of events out of those of several namespaces: a new list of one of them must not wipe the others
/// out of the copy, and the copy is complete when all of them have been listed.
struct Merge<K: Watched> {
    store: Store<K>,
    /// What a list that is under way has had so far, by namespace.
    listed: BTreeMap<String, HashSet<String>>,
    /// Namespaces that have not been listed yet.
    awaited: BTreeSet<String>,
}

impl<K: Watched> Merge<K> {
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
        let is_gone = |object: &K| {
            object.namespace().as_deref() == Some(namespace) && !listed.contains(&object.name_any())
        };
        let gone = self.store.state_filter(is_gone);
        let mut events: Vec<_> = gone
            .iter()
            .map(|object| Event::Delete(K::clone(object)))
            .collect();
        if self.awaited.remove(namespace) && self.awaited.is_empty() {
            let there = self.store.state_filter(|object| !is_gone(object));
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

    struct Copy {
        writer: Writer<ConfigMap>,
        merge: Merge<ConfigMap>,
    }

    impl Copy {
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

        fn is_complete(&self) -> bool {
            self.merge.store.wait_until_ready().now_or_never().is_some()
        }
    }

    #[test]
    fn a_copy_is_complete_when_every_namespace_has_been_listed() {
        let mut copy = Copy::of(&["a", "b"]);
        copy.list("a", &["one", "two"]);
        assert!(!copy.is_complete());
        copy.list("b", &["three"]);
        assert!(copy.is_complete());
        assert_eq!(copy.names(), ["one", "three", "two"]);
    }

    #[test]
    fn a_list_that_begins_anew_before_all_are_there_leaves_nothing_behind() {
        let mut copy = Copy::of(&["a", "b"]);
        copy.feed("a", [Event::Init, Event::InitApply(object("a", "old"))]);
        copy.list("a", &["new"]);
        copy.list("b", &[]);
        assert!(copy.is_complete());
        assert_eq!(copy.names(), ["new"]);
    }

    #[test]
    fn a_new_list_of_one_namespace_touches_no_other() {
        let mut copy = Copy::of(&["a", "b"]);
        copy.list("a", &["one", "two"]);
        copy.list("b", &["three"]);
        copy.list("a", &["two", "four"]);
        assert_eq!(copy.names(), ["four", "three", "two"]);
        copy.feed("b", [Event::Delete(object("b", "three"))]);
        copy.feed("a", [Event::Apply(object("a", "five"))]);
        assert_eq!(copy.names(), ["five", "four", "two"]);
    }

    #[test]
    fn what_is_gone_after_a_gap_is_told() {
        let mut copy = Copy::of(&["a", "b"]);
        copy.list("a", &["one"]);
        copy.list("b", &["two"]);
        copy.feed("a", [Event::Init]);
        let told = copy.merge.turn("a", Event::InitDone);
        assert!(matches!(&told[..], [Event::Delete(object)] if object.name_any() == "one"));
    }
}
