//! The live object and its ownership.

use dittofs_shared::labels;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt as _};
use std::sync::Arc;

use super::request::{Put, within_deadline};
use super::write::Writer;
use crate::kind::NamespacedKind;
use dittofs_operator_core::outcome::{ApplyError, Failure};
use dittofs_operator_core::ownership::Ownership;

impl Writer<'_> {
    /// The live object, if it is ours. The cache holds only objects with our label, so that one that is not in it is
    /// read before it is created.
    pub(super) async fn live<K>(&self, put: &Put<'_, K>) -> Result<Option<Arc<K>>, Failure>
    where
        K: NamespacedKind,
    {
        let seen = self.seen(put).await?;
        self.own(put, seen)
    }

    /// The live object, whosever it is.
    pub(super) async fn seen<K>(&self, put: &Put<'_, K>) -> Result<Option<Arc<K>>, Failure>
    where
        K: NamespacedKind,
    {
        let key = ObjectRef::from_obj_with(put.desired, put.kind.clone());
        match put.store.get(&key) {
            Some(cached) => Ok(Some(cached)),
            None => self.read(put).await,
        }
    }

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
    pub fn owned<K: NamespacedKind>(&self, store: &Store<K>) -> Vec<Arc<K>> {
        store.state_filter(|object| {
            let is_ours = match self.ownership_of(object) {
                Ownership::Ours => true,
                Ownership::Adoptable => object.annotations().contains_key(labels::APPLIED_HASH),
                Ownership::Foreign(_) => false,
            };
            is_ours && object.namespace().as_deref() == Some(&self.instance.namespace)
        })
    }
}
