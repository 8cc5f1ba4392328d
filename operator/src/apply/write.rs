//! One object: written when it differs, deleted when it is still what was seen.

use dittofs_shared::labels;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::NamespaceScope;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use super::difference::difference;
use super::outcome::{Action, ApplyError, Change, Failure};
use crate::instance::Instance;
use crate::observe::{REQUEST_DEADLINE, digest};
use crate::ownership::Whose;

/// A kind that lives in namespaces and can be read and written, whether its type says what it is called or a value
/// does that goes with it.
pub(super) trait Object:
    Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + 'static
{
}

impl<K> Object for K where
    K: Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + 'static
{
}

/// A request that does not wait for ever.
pub(super) async fn within_deadline<T>(
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, ApplyError> {
    match tokio::time::timeout(REQUEST_DEADLINE, request).await {
        Ok(result) => result.map_err(|error| ApplyError::Api(Box::new(error))),
        Err(_) => Err(ApplyError::Deadline),
    }
}

/// A version that no object reaches.
const NO_VERSION: i64 = i64::MAX;

/// Writes the objects of one instance.
pub(super) struct Writer<'a> {
    pub client: &'a Client,
    /// Whose objects are written.
    pub instance: &'a Instance,
    /// Whether to send what seems to be as desired, too: not all that others may have changed can be seen.
    pub anew: bool,
}

impl Writer<'_> {
    /// Applies an object, unless it is already like that.
    pub async fn put<K>(&self, store: &Store<K>, desired: &K) -> Result<Option<Change>, Failure>
    where
        K: Object + Resource<DynamicType = ()>,
    {
        self.put_of(&(), store, desired).await
    }

    /// The same for a kind that its type does not tell.
    pub async fn put_of<K: Object>(
        &self,
        kind: &K::DynamicType,
        store: &Store<K>,
        desired: &K,
    ) -> Result<Option<Change>, Failure> {
        let put = self.put_adjusted(kind, store, desired, |_, _| {}).await?;
        Ok(put.map(|(change, _)| change))
    }

    /// The same, with a last look at what is sent. Also gives what the object has become.
    pub(super) async fn put_adjusted<K: Object>(
        &self,
        kind: &K::DynamicType,
        store: &Store<K>,
        desired: &K,
        adjust: impl Fn(&K, &mut K),
    ) -> Result<Option<(Change, K)>, Failure> {
        let live = self.live(kind, store, desired).await?;
        let first = Box::pin(self.put_onto(kind, live.as_deref(), desired, &adjust));
        match first.await {
            // The copy is old, or somebody was faster: whose the object is now decides.
            Err(failure) if matches!(failure.error, ApplyError::Raced) => {
                let live = self.own(kind, desired, self.read(kind, desired).await?)?;
                Box::pin(self.put_onto(kind, live.as_deref(), desired, &adjust)).await
            }
            result => result,
        }
    }

    async fn put_onto<K: Object>(
        &self,
        kind: &K::DynamicType,
        live: Option<&K>,
        desired: &K,
        adjust: &impl Fn(&K, &mut K),
    ) -> Result<Option<(Change, K)>, Failure> {
        let mut sent = desired.clone();
        let hash = digest(&serde_json::to_vec(desired).unwrap_or_default())[..16].to_owned();
        sent.annotations_mut()
            .insert(labels::APPLIED_HASH.to_owned(), hash.clone());
        let (action, reason) = match live {
            None => (Action::Created, "it did not exist".to_owned()),
            Some(live) => match difference(&to_value(live), &to_value(desired)) {
                Some(reason) => (Action::Updated, reason),
                // Everything that is wanted is there. What was wanted before and is not any more shows in the hash.
                None if live.annotations().get(labels::APPLIED_HASH) != Some(&hash) => (
                    Action::Updated,
                    "what is not asked for any more is taken out".to_owned(),
                ),
                None if self.anew => (Action::Updated, "it was asked for again".to_owned()),
                None => return Ok(None),
            },
        };
        if let Some(live) = live {
            adjust(live, &mut sent);
        }
        let now = self
            .send(kind, live, sent)
            .await
            .map_err(|error| Failure::of(desired, kind, error))?;
        if self.anew && live.is_some_and(|live| content(live) == content(&now)) {
            return Ok(None);
        }
        Ok(Some((Change::of(desired, kind, action, reason), now)))
    }

    /// Applies to the object that was seen and to no other, or makes one where there is none. An apply alone would do
    /// whichever it finds: it would take over what somebody else has made since.
    ///
    /// Both are preconditions of the API server. With a uid it changes this object and creates none. The resource version
    /// is compared only where there is an object, so that one that no object has lets it create and change nothing.
    async fn send<K: Object>(
        &self,
        kind: &K::DynamicType,
        live: Option<&K>,
        mut sent: K,
    ) -> Result<K, ApplyError> {
        let mut parameters = PatchParams::apply(labels::OPERATOR_MANAGER);
        if let Some(live) = live {
            sent.meta_mut().uid = live.uid();
            parameters = parameters.force();
        } else {
            sent.meta_mut().resource_version = Some(NO_VERSION.to_string());
        }
        let api = self.api(kind, &sent);
        let name = sent.name_any();
        match within_deadline(api.patch(&name, &parameters, &Patch::Apply(&sent))).await {
            Err(error) if error.is_replaced() => Err(ApplyError::Raced),
            result => result,
        }
    }

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

    async fn read<K: Object>(
        &self,
        kind: &K::DynamicType,
        desired: &K,
    ) -> Result<Option<Arc<K>>, Failure> {
        within_deadline(self.api(kind, desired).get_opt(&desired.name_any()))
            .await
            .map(|found| found.map(Arc::new))
            .map_err(|error| Failure::of(desired, kind, error))
    }

    fn own<K: Object>(
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

    /// What is ours of a kind, or is about to be.
    pub fn owned<K: Object>(&self, store: &Store<K>) -> Vec<Arc<K>> {
        store.state_filter(|object| {
            object.namespace().as_deref() == Some(&self.instance.namespace)
                && self.instance.claimant().has(object.meta())
        })
    }

    /// Deletes an object, if it is still what was seen.
    pub async fn delete<K>(&self, seen: &K, reason: String) -> Result<Option<Change>, Failure>
    where
        K: Object + Resource<DynamicType = ()>,
    {
        self.delete_of(&(), seen, reason).await
    }

    /// The same for a kind that its type does not tell.
    pub async fn delete_of<K: Object>(
        &self,
        kind: &K::DynamicType,
        seen: &K,
        reason: String,
    ) -> Result<Option<Change>, Failure> {
        if seen.meta().deletion_timestamp.is_some() {
            return Ok(None);
        }
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: seen.uid(),
                resource_version: seen.resource_version(),
            }),
            ..DeleteParams::default()
        };
        let api = self.api(kind, seen);
        match within_deadline(api.delete(&seen.name_any(), &parameters)).await {
            Ok(_) => Ok(Some(Change::of(seen, kind, Action::Deleted, reason))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Failure::of(seen, kind, error)),
        }
    }

    pub(super) fn api<K: Object>(&self, kind: &K::DynamicType, object: &K) -> Api<K> {
        Api::all_with(self.client.clone(), kind).constrain(&object.namespace().unwrap_or_default())
    }
}

/// All but what the API server notes down about writes.
fn content<K: Object>(object: &K) -> Value {
    let mut object = object.clone();
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.resource_version = None;
    to_value(&object)
}

fn to_value<K: Serialize>(object: &K) -> Value {
    // Kubernetes types have string keys only, so that they cannot fail to serialise.
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
