//! Where events come from: one watch of a kind in the whole cluster, or one in each namespace of our scope.

use futures::StreamExt as _;
use futures::future::join_all;
use kube::core::NamespaceScope;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use super::outage::{Outage, is_forbidden};
use crate::cache::{Cache, Lists};
use crate::kind::NamespacedKind;
use dittofs_runtime::backoff::Backoff;

/// Objects that one answer to a list has. They are parsed all at once, so that fewer take less memory for a moment.
const PAGE: u32 = 100;
/// After which a namespace that was refused is tried again, to begin with.
const MIN_REFUSED: Duration = Duration::from_secs(1);

/// The namespaces that are watched.
#[derive(Clone)]
pub(super) struct Source {
    pub client: Client,
    /// Empty: the whole cluster.
    pub namespaces: Vec<String>,
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

    /// Keeps a cache up to date. `failed` is called with every error of a watch, which is logged already, but for the
    /// refusal of one namespace: the cache knows that.
    pub async fn follow<W, K>(
        &self,
        cache: &Cache<K>,
        kind: &W::DynamicType,
        config: watcher::Config,
        failed: impl Fn(&watcher::Error),
    ) where
        W: Sent,
        K: NamespacedKind + From<W>,
    {
        let all = Api::<W>::all_with(self.client.clone(), kind);
        let name = W::kind(kind);
        let config = config.page_size(PAGE);
        let in_one = |namespace: &String| {
            let reader = Reader {
                what: format!("{name} in namespace {namespace}"),
                api: all.clone().constrain(namespace),
                config: config.clone(),
                cache,
                namespace: Some(namespace.clone()),
                failed: &failed,
            };
            reader.read()
        };
        if self.namespaces.is_empty() {
            let reader = Reader {
                what: name.into_owned(),
                api: all,
                config,
                cache,
                namespace: None,
                failed: &failed,
            };
            return reader.read().await;
        }
        join_all(self.namespaces.iter().map(in_one)).await;
    }
}

/// One watch.
struct Reader<'a, W, K: NamespacedKind, F> {
    what: String,
    api: Api<W>,
    config: watcher::Config,
    cache: &'a Cache<K>,
    namespace: Option<String>,
    failed: &'a F,
}

impl<W, K, F> Reader<'_, W, K, F>
where
    W: Sent,
    K: NamespacedKind + From<W>,
    F: Fn(&watcher::Error),
{
    /// Never ends. While a namespace is refused it begins anew each time: a watch that goes on says nothing until
    /// something happens, so that nobody would know that it is permitted again. The delays are never reset: where only
    /// the list is permitted, it must not be read again and again.
    async fn read(self) {
        let mut outage = Outage::of(self.what.clone());
        let mut delays = Backoff::new(MIN_REFUSED);
        loop {
            self.until_refused(&mut outage).await;
            let Some(namespace) = &self.namespace else {
                return;
            };
            self.cache.refuse(namespace);
            tokio::time::sleep(delays.next().unwrap_or(MIN_REFUSED)).await;
        }
    }

    /// Ends when the operator has no right to read the namespace.
    async fn until_refused(&self, outage: &mut Outage) {
        let cache = self.cache;
        let watcher = watcher(self.api.clone(), self.config.clone());
        let mut events = pin!(watcher.default_backoff());
        let mut listing = None;
        while let Some(event) = events.next().await {
            if self.namespace.is_some() && event.as_ref().is_err_and(is_forbidden) {
                break;
            }
            outage.see(&event);
            match event {
                Ok(Event::Init) => listing = Some(cache.list(self.namespace.clone())),
                Ok(Event::InitApply(object)) => {
                    if let Some(listing) = &mut listing {
                        listing.apply(object.into());
                    }
                }
                Ok(Event::InitDone) => {
                    if let Some(listing) = listing.take() {
                        listing.finish();
                    }
                }
                Ok(Event::Apply(object)) => cache.apply(object.into()),
                Ok(Event::Delete(object)) => cache.delete(object.into()),
                Err(error) => (self.failed)(&error),
            }
        }
    }
}
