//! The object as it is now, and whose it is.

use dittofs_shared::labels;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt as _};
use std::sync::Arc;

use super::write::{Object, Writer, within_deadline};
use dittofs_operator_core::outcome::{ApplyError, Failure};
use dittofs_operator_core::ownership::Whose;

impl Writer<'_> {
    /// The object as it is, if it is ours. Our copies hold only what bears our label, so that an object that is not
    /// among them is asked for before it is made.
    pub(super) async fn live<K: Object>(
        &self,
        kind: &K::DynamicType,
        store: &Store<K>,
        desired: &K,
    ) -> Result<Option<Arc<K>>, Failure> {
        let seen = self.seen(kind, store, desired).await?;
        self.own(kind, desired, seen)
    }

    /// The object as it is, whosever it is.
    pub(super) async fn seen<K: Object>(
        &self,
        kind: &K::DynamicType,
        store: &Store<K>,
        desired: &K,
    ) -> Result<Option<Arc<K>>, Failure> {
        match store.get(&ObjectRef::from_obj_with(desired, kind.clone())) {
            Some(known) => Ok(Some(known)),
            None => self.read(kind, desired).await,
        }
    }

    pub(super) async fn read<K: Object>(
        &self,
        kind: &K::DynamicType,
        desired: &K,
    ) -> Result<Option<Arc<K>>, Failure> {
        within_deadline(self.api(kind, desired).get_opt(&desired.name_any()))
            .await
            .map(|found| found.map(Arc::new))
            .map_err(|error| Failure::of(desired, kind, error))
    }

    pub(super) fn own<K: Object>(
        &self,
        kind: &K::DynamicType,
        desired: &K,
        seen: Option<Arc<K>>,
    ) -> Result<Option<Arc<K>>, Failure> {
        match seen.as_ref().map(|seen| self.whose(&**seen)) {
            Some(Whose::Foreign(holder)) => {
                Err(Failure::of(desired, kind, ApplyError::Foreign(holder)))
            }
            Some(Whose::Ours | Whose::Adoptable) | None => Ok(seen),
        }
    }

    /// Whose an object in the namespace of the instance is.
    pub(super) fn whose<K: Resource>(&self, object: &K) -> Whose {
        self.instance.claimant().whose(object.meta())
    }

    /// What is ours of a kind, or is about to be. Somebody's own object may bear our labels, copied from one of ours: without a
    /// controller it counts only if we have applied it.
    pub fn owned<K: Object>(&self, store: &Store<K>) -> Vec<Arc<K>> {
        store.state_filter(|object| {
            let is_ours = match self.whose(object) {
                Whose::Ours => true,
                Whose::Adoptable => object.annotations().contains_key(labels::APPLIED_HASH),
                Whose::Foreign(_) => false,
            };
            is_ours && object.namespace().as_deref() == Some(&self.instance.namespace)
        })
    }
}
