//! The namespaces of our scope: each is managed once all that belongs to it has been read, whatever becomes of the
//! others.
//!
//! A namespace may lack the binding that gives the operator its rights, not exist yet, or lose the binding while the
//! operator runs. Then its instances wait, and nothing is asked for but whether the rights are there.

use futures::FutureExt as _;
use futures::future::select_all;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::watch::Receiver;

use crate::cache::Lists;
use crate::lock::lock;
use crate::server::InstanceRef;
use crate::wake::Wake;

/// Which namespaces are managed now.
#[derive(Clone)]
pub struct Namespaces(Arc<Inner>);

struct Inner {
    /// Empty: the whole cluster, which is managed as soon as everything has been read.
    names: Vec<String>,
    /// By kind, how far its lists have got.
    kinds: Vec<(String, Receiver<Lists>)>,
    /// Instances that wait for their namespace.
    held: Mutex<HashMap<String, HashSet<InstanceRef>>>,
    wake: Wake,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Everything in it is known.
    Managed,
    /// It is being read.
    Awaited,
    /// The operator lacks rights in it.
    Refused,
}

impl Namespaces {
    /// Nothing has been read yet.
    pub(super) fn new(
        names: &[String],
        kinds: Vec<(String, Receiver<Lists>)>,
        wake: &Wake,
    ) -> Self {
        Self(Arc::new(Inner {
            names: names.to_vec(),
            kinds,
            held: Mutex::default(),
            wake: wake.clone(),
        }))
    }

    /// Whether an instance may be reconciled now. If not, a reconcile is requested when it may.
    pub fn admit(&self, instance: &InstanceRef) -> bool {
        let Inner { names, held, .. } = &*self.0;
        let namespace = instance.namespace.clone().unwrap_or_default();
        if names.is_empty() || self.state(&namespace) == State::Managed {
            return true;
        }
        let mut held = lock(held);
        held.entry(namespace.clone())
            .or_default()
            .insert(instance.clone());
        // Whoever releases it takes the lock after the state has changed.
        self.state(&namespace) == State::Managed
    }

    fn state(&self, namespace: &str) -> State {
        let mut state = State::Managed;
        for (_, lists) in &self.0.kinds {
            let lists = lists.borrow();
            if lists.are_refused(namespace) {
                return State::Refused;
            }
            if !lists.cover(namespace) {
                state = State::Awaited;
            }
        }
        state
    }

    /// Of the kinds that the operator may not read, the first.
    fn refused_kind(&self, namespace: &str) -> Option<&str> {
        let mut kinds = self.0.kinds.iter();
        let found = kinds.find(|(_, lists)| lists.borrow().are_refused(namespace));
        found.map(|(kind, _)| kind.as_str())
    }

    /// Says of each namespace whether it is managed, whenever that changes. Ends with the caches.
    pub(super) async fn follow(self, tell: impl Fn(&str, bool)) {
        let lists = self.0.kinds.iter().map(|(_, lists)| lists.clone());
        let mut lists: Vec<_> = lists.collect();
        let mut known = BTreeMap::new();
        loop {
            for namespace in &self.0.names {
                let now = self.state(namespace);
                let before = known.insert(namespace.as_str(), now);
                if before != Some(now) {
                    self.changed(namespace, before, now);
                    tell(namespace, now == State::Managed);
                }
            }
            let changes = lists.iter_mut().map(|lists| lists.changed().boxed());
            let (change, _, _) = select_all(changes).await;
            if change.is_err() {
                return;
            }
        }
    }

    fn changed(&self, namespace: &str, before: Option<State>, now: State) {
        match now {
            State::Refused => tracing::warn!(
                namespace,
                kind = self.refused_kind(namespace),
                "no rights in this namespace: its DittoServers wait. Bind ClusterRole dittofs-operator there, as \
                 manifests/shards/namespaces/bindings.yaml does; retrying with backoff of up to 30 s"
            ),
            State::Managed => {
                if before == Some(State::Refused) {
                    tracing::info!(namespace, "has rights in this namespace: it is managed now");
                }
                self.release(namespace);
            }
            State::Awaited => {}
        }
    }

    fn release(&self, namespace: &str) {
        let held = lock(&self.0.held).remove(namespace);
        for instance in held.into_iter().flatten() {
            self.0.wake.ask(instance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc::UnboundedReceiver;
    use tokio::sync::watch::{Sender, channel};

    struct Test {
        pods: Sender<Lists>,
        services: Sender<Lists>,
        namespaces: Namespaces,
        requests: UnboundedReceiver<InstanceRef>,
    }

    fn of(names: &[&str]) -> Test {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let (wake, requests) = Wake::new();
        let (pods, seen_pods) = channel(Lists::of(&names));
        let (services, seen_services) = channel(Lists::of(&names));
        let kinds = vec![
            ("Pod".to_owned(), seen_pods),
            ("Service".to_owned(), seen_services),
        ];
        Test {
            pods,
            services,
            namespaces: Namespaces::new(&names, kinds, &wake),
            requests,
        }
    }

    fn files(namespace: &str) -> InstanceRef {
        InstanceRef::new("files").within(namespace)
    }

    fn read(lists: &Sender<Lists>, namespace: &str) {
        lists.send_modify(|lists| {
            lists.complete(Some(namespace.to_owned()));
        });
    }

    #[test]
    fn an_instance_waits_until_every_kind_of_its_namespace_has_been_read() {
        let mut test = of(&["a", "b"]);
        assert!(!test.namespaces.admit(&files("a")));
        read(&test.pods, "a");
        assert!(!test.namespaces.admit(&files("a")));
        read(&test.services, "a");
        assert!(test.namespaces.admit(&files("a")) && !test.namespaces.admit(&files("b")));
        test.namespaces.changed("a", None, State::Managed);
        let asked = std::iter::from_fn(|| test.requests.try_recv().ok());
        assert_eq!(asked.collect::<Vec<_>>(), [files("a")]);
    }

    #[test]
    fn withdrawn_rights_stop_one_namespace_and_no_other() {
        let test = of(&["a", "b"]);
        for namespace in ["a", "b"] {
            read(&test.pods, namespace);
            read(&test.services, namespace);
        }
        test.services.send_modify(|lists| {
            lists.refuse("b");
        });
        assert_eq!(test.namespaces.state("b"), State::Refused);
        assert_eq!(test.namespaces.refused_kind("b"), Some("Service"));
        assert!(test.namespaces.admit(&files("a")) && !test.namespaces.admit(&files("b")));
        read(&test.services, "b");
        assert!(test.namespaces.admit(&files("b")));
    }

    #[test]
    fn without_namespaces_nobody_waits() {
        assert!(of(&[]).namespaces.admit(&files("a")));
    }

    #[tokio::test]
    async fn each_namespace_is_told_of_when_it_changes() {
        let test = of(&["a"]);
        let told = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&told);
        let following = tokio::spawn(test.namespaces.clone().follow(move |name, is_managed| {
            lock(&noted).push((name.to_owned(), is_managed));
        }));
        let until = |count: usize| {
            let told = Arc::clone(&told);
            async move {
                while lock(&told).len() < count {
                    tokio::task::yield_now().await;
                }
            }
        };
        until(1).await;
        test.pods.send_modify(|lists| {
            lists.refuse("a");
        });
        until(2).await;
        read(&test.pods, "a");
        read(&test.services, "a");
        until(3).await;
        let told = lock(&told).clone();
        assert_eq!(told.first(), Some(&("a".to_owned(), false)));
        assert_eq!(told.last(), Some(&("a".to_owned(), true)));
        following.abort();
    }
}
