//! Where events come from: one watch of a kind in the whole cluster, or one in each namespace of our scope.

use futures::future::join_all;
use kube::core::NamespaceScope;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

use crate::cache::{Cache, Lists};
use crate::hearing::{Hearing, Watched};
use crate::kind::NamespacedKind;
use dittofs_runtime::follow::{Event, Failure, Target, follow};

/// Objects that one answer to a list has.
const PAGE: u32 = 100;
/// How long one watch lasts. Together with what `follow` adds, a dead connection is noticed within 45 s.
const WATCH: Duration = Duration::from_secs(25);

/// The namespaces that are watched.
#[derive(Clone)]
pub(super) struct Source {
    pub client: Client,
    /// Empty: the whole cluster.
    pub namespaces: Vec<String>,
    /// When something was last heard of each watch.
    pub hearing: Hearing,
}

/// What the API server sends of a kind.
pub(super) trait Sent:
    Resource<Scope: NamespaceScope, DynamicType: Clone>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + 'static
{
}

impl<W> Sent for W where
    W: Resource<Scope: NamespaceScope, DynamicType: Clone>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static
{
}

impl Source {
    /// The lists that fill a cache.
    pub fn lists(&self) -> Lists {
        Lists::of(&self.namespaces)
    }

    /// The objects at a path.
    pub fn target(&self, path: String, labels: &str) -> Target {
        Target {
            client: self.client.clone(),
            path,
            labels: labels.to_owned(),
            fields: String::new(),
            page: PAGE,
            watch: WATCH,
            forbidden: Duration::ZERO,
        }
    }

    /// Keeps a cache up to date with the objects that have these labels. `failed` is called with every failure, which
    /// is logged already, but for the refusal of one namespace: the cache knows that.
    pub async fn follow<W, K>(
        &self,
        cache: &Cache<K>,
        kind: &W::DynamicType,
        labels: &str,
        failed: impl Fn(&Failure),
    ) where
        W: Sent,
        K: NamespacedKind + From<W>,
    {
        let name = W::kind(kind);
        let in_one = |namespace: Option<&String>| {
            let what = match namespace {
                Some(namespace) => format!("{name} in namespace {namespace}"),
                None => name.clone().into_owned(),
            };
            let reader = Reader {
                target: self.target(W::url_path(kind, namespace.map(String::as_str)), labels),
                watched: self.hearing.watch(what),
                cache,
                namespace: namespace.cloned(),
                failed: &failed,
            };
            reader.read::<W>()
        };
        if self.namespaces.is_empty() {
            return in_one(None).await;
        }
        join_all(self.namespaces.iter().map(Some).map(in_one)).await;
    }
}

/// One watch.
struct Reader<'a, K: NamespacedKind, F> {
    target: Target,
    watched: Watched,
    cache: &'a Cache<K>,
    namespace: Option<String>,
    failed: &'a F,
}

impl<K, F> Reader<'_, K, F>
where
    K: NamespacedKind,
    F: Fn(&Failure),
{
    /// Never ends. A namespace that is refused is listed again and again, with growing delays: nobody would say that it
    /// is permitted again.
    async fn read<W>(self)
    where
        W: Sent,
        K: From<W>,
    {
        let cache = self.cache;
        let mut listing = None;
        follow(&self.target, |event: Event<W>| match event {
            Event::Listing => listing = Some(cache.list(self.namespace.clone())),
            Event::Listed(object) => {
                if let Some(listing) = &mut listing {
                    listing.apply(object.into());
                }
            }
            Event::Complete => {
                if let Some(listing) = listing.take() {
                    listing.finish();
                }
            }
            Event::Applied(object) => cache.apply(object.into()),
            Event::Deleted(object) => cache.delete(object.into()),
            Event::Alive => self.watched.heard(),
            Event::Failed(failure) => self.fail(&failure),
        })
        .await;
    }

    fn fail(&self, failure: &Failure) {
        if let Some(namespace) = self.namespace.as_ref().filter(|_| failure.is_forbidden()) {
            self.watched.pause();
            self.cache.refuse(namespace);
            return;
        }
        self.watched.failed(failure);
        (self.failed)(failure);
    }
}
