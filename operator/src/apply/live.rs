//! The live object and its ownership.

use dittofs_shared::labels;
use kube::{Resource, ResourceExt as _};
use std::sync::Arc;

use super::request::{Put, within_deadline};
use super::write::Writer;
use crate::cache::Cache;
use crate::kind::NamespacedKind;
use dittofs_operator_core::outcome::{ApplyError, Failure};
use dittofs_operator_core::ownership::Ownership;

impl Writer<'_> {
    /// The cached object, if it is ours. The cache holds only objects with our label: that there is no other is a
    /// precondition of whatever creates one.
    pub(super) fn live<K>(&self, put: &Put<'_, K>) -> Result<Option<Arc<K>>, Failure>
    where
        K: NamespacedKind,
    {
        self.own(put, put.cached())
    }

    /// Reads an object that the cache lacks or has in another version.
    pub(super) async fn read<K>(&self, put: &Put<'_, K>) -> Result<Option<Arc<K>>, Failure>
    where
        K: NamespacedKind,
    {
        let api = self.api(put.kind, put.desired);
        let found = within_deadline(api.get_opt(&put.desired.name_any())).await;
        found
            .map(|found| found.map(Arc::new))
            .map_err(|error| put.failure(error))
    }

    pub(super) fn own<K>(
        &self,
        put: &Put<'_, K>,
        seen: Option<Arc<K>>,
    ) -> Result<Option<Arc<K>>, Failure>
    where
        K: NamespacedKind,
    {
        match seen.as_ref().map(|seen| self.ownership_of(&**seen)) {
            Some(Ownership::Foreign(holder)) => Err(put.failure(ApplyError::Foreign(holder))),
            Some(Ownership::Ours | Ownership::Adoptable) | None => Ok(seen),
        }
    }

    /// Ownership of an object in the namespace of the instance.
    pub(super) fn ownership_of<K: Resource>(&self, object: &K) -> Ownership {
        self.instance.claimant().ownership_of(object.meta())
    }

    /// The objects of a kind that are ours, or about to be. A foreign object may have labels copied from
    /// one of ours: without a controller it counts only if we have applied it.
    pub fn owned<K: NamespacedKind>(&self, cache: &Cache<K>) -> Vec<Arc<K>> {
        let instance = self.instance;
        let mut owned = cache.of_instance(&instance.namespace, &instance.name);
        owned.retain(|object| match self.ownership_of(&**object) {
            Ownership::Ours => true,
            Ownership::Adoptable => object.annotations().contains_key(labels::APPLIED_HASH),
            Ownership::Foreign(_) => false,
        });
        owned
    }
}
