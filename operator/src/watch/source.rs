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

use super::outage::Outage;
use crate::cache::Cache;
use crate::kind::NamespacedKind;

/// Objects that one answer to a list has. They are parsed all at once, so that fewer take less memory for a moment.
const PAGE: u32 = 100;

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
    /// Number of lists that fill a cache.
    pub fn lists(&self) -> usize {
        self.namespaces.len().max(1)
    }

    /// Keeps a cache up to date. `failed` is called with every error of a watch, which is logged already.
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
            let (api, what) = (
                all.clone().constrain(namespace),
                format!("{name} in namespace {namespace}"),
            );
            read(
                api,
                what,
                config.clone(),
                cache,
                Some(namespace.clone()),
                &failed,
            )
        };
        match self.namespaces.as_slice() {
            [] => read(all, name.into_owned(), config, cache, None, &failed).await,
            several => drop(join_all(several.iter().map(in_one)).await),
        }
    }
}

async fn read<W, K>(
    api: Api<W>,
    what: String,
    config: watcher::Config,
    cache: &Cache<K>,
    namespace: Option<String>,
    failed: impl Fn(&watcher::Error),
) where
    W: Sent,
    K: NamespacedKind + From<W>,
{
    let mut outage = Outage::of(what);
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listing = None;
    let mut is_first = true;
    while let Some(event) = events.next().await {
        outage.see(&event);
        match event {
            Ok(Event::Init) => listing = Some(cache.list(namespace.clone())),
            Ok(Event::InitApply(object)) => {
                if let Some(listing) = &mut listing {
                    listing.apply(object.into());
                }
            }
            Ok(Event::InitDone) => {
                if let Some(listing) = listing.take() {
                    listing.finish(std::mem::take(&mut is_first));
                }
            }
            Ok(Event::Apply(object)) => cache.apply(object.into()),
            Ok(Event::Delete(object)) => cache.delete(object.into()),
            Err(error) => failed(&error),
        }
    }
}
