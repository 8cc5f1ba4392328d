//! Reads only: whether another operator manages a `DittoServer`.
//!
//! The caches hold only objects with our label, so that those of another operator have to be requested. That is done
//! only while there is no StatefulSet of ours: an instance at rest causes no requests. An object counts only if this
//! very `DittoServer` controls it and this operator did not create it.
//!
//! The Go operator puts its finalizer on a `DittoServer` before it creates anything. Without a finalizer, one request
//! is enough.

use dittofs_shared::{crd::DittoServer, labels, names};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::cache::Cache;
use crate::kind::NamespacedKind;
use crate::read::{ReadError, within_deadline};
use crate::watch::{Caches, Presence};
use dittofs_operator_core::optional::OptionalKind;
use dittofs_operator_core::ownership::{Claimant, Holder, Ownership};
use dittofs_operator_core::status::ForeignObject;

/// Searches for objects that another operator has created for a `DittoServer`.
pub struct Search<'a> {
    claimant: Claimant<'a>,
    namespace: String,
    has_finalizer: bool,
    client: &'a Client,
    caches: &'a Caches,
}

impl<'a> Search<'a> {
    /// For this `DittoServer`.
    pub fn new(server: &'a DittoServer, client: &'a Client, caches: &'a Caches) -> Self {
        let metadata = server.meta();
        Self {
            claimant: Claimant {
                name: metadata.name.as_deref().unwrap_or_default(),
                uid: metadata.uid.as_deref().unwrap_or_default(),
            },
            namespace: server.namespace().unwrap_or_default(),
            has_finalizer: !server.finalizers().is_empty(),
            client,
            caches,
        }
    }

    /// Whether there are any: among the objects that every server has, and the database, which may be created long
    /// before the StatefulSet.
    ///
    /// # Errors
    /// An object cannot be read. It is then unknown whose it is, and nothing may be written.
    pub async fn is_found(&self) -> Result<bool, ReadError> {
        let name = self.claimant.name;
        if self.caches.stateful_sets.has(&self.namespace, name) {
            return Ok(false);
        }
        if self.database().is_some() {
            return Ok(true);
        }
        let sets = &self.caches.stateful_sets;
        let stateful_set = self.is_theirs(sets, name.to_owned()).await?;
        if stateful_set || !self.has_finalizer {
            return Ok(stateful_set);
        }
        let (config, service) = futures::future::try_join(
            self.is_theirs(&self.caches.config_maps, names::sole_config(name)),
            self.is_theirs(&self.caches.services, names::headless_service(name)),
        )
        .await?;
        Ok(config || service)
    }

    /// All that can be found.
    ///
    /// # Errors
    /// An object cannot be read.
    pub async fn all(&self) -> Result<BTreeSet<ForeignObject>, ReadError> {
        let name = self.claimant.name;
        let mut found: BTreeSet<_> = self.database().into_iter().collect();
        if self
            .is_theirs(&self.caches.stateful_sets, name.to_owned())
            .await?
        {
            found.insert(foreign::<StatefulSet>(name));
        }
        let config = names::sole_config(name);
        if self
            .is_theirs(&self.caches.config_maps, config.clone())
            .await?
        {
            found.insert(foreign::<ConfigMap>(&config));
        }
        found.extend(self.selected::<Service>().await?);
        found.extend(self.selected::<NetworkPolicy>().await?);
        Ok(found)
    }

    /// Every PerconaPGCluster is cached, whosever it is.
    fn database(&self) -> Option<ForeignObject> {
        let kind = OptionalKind::PerconaPGCluster;
        let Presence::Present(cache) = self.caches.optional.of(kind, &self.namespace) else {
            return None;
        };
        let name = names::percona_cluster(self.claimant.name);
        let found = cache.get(&self.namespace, &name)?;
        self.created_by_another(&found.metadata)
            .then(|| ForeignObject {
                kind: kind.name().to_owned(),
                name,
            })
    }

    /// A cached object has our label, and so is not theirs.
    async fn is_theirs<K>(&self, cache: &Cache<K>, name: String) -> Result<bool, ReadError>
    where
        K: NamespacedKind + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        if cache.has(&self.namespace, &name) {
            return Ok(false);
        }
        let api = Api::<K>::namespaced(self.client.clone(), &self.namespace);
        let what = || format!("{} {}/{name}", K::kind(&()), self.namespace);
        let found = within_deadline(what, api.get_metadata_opt(&name)).await?;
        Ok(found.is_some_and(|found| self.created_by_another(&found.metadata)))
    }

    /// By the labels that select the pods: both operators put them on Services and NetworkPolicies.
    async fn selected<K>(&self) -> Result<Vec<ForeignObject>, ReadError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + serde::de::DeserializeOwned,
    {
        let selector = labels::selector(self.claimant.name);
        let selector: Vec<_> = selector
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let parameters = ListParams::default().labels(&selector.join(","));
        let api = Api::<K>::namespaced(self.client.clone(), &self.namespace);
        let what = || format!("{} in namespace {}", K::plural(&()), self.namespace);
        let found = within_deadline(what, api.list_metadata(&parameters)).await?;
        let theirs = found
            .items
            .iter()
            .filter(|object| self.created_by_another(&object.metadata));
        Ok(theirs
            .map(|object| foreign::<K>(&object.name_any()))
            .collect())
    }

    fn created_by_another(
        &self,
        metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    ) -> bool {
        self.claimant.ownership_of(metadata) == Ownership::Foreign(Holder::OtherOperator)
    }
}

fn foreign<K: Resource<DynamicType = ()>>(name: &str) -> ForeignObject {
    ForeignObject {
        kind: K::kind(&()).into_owned(),
        name: name.to_owned(),
    }
}
