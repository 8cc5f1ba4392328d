//! One object: written when it differs, deleted when it is still what was seen.

use dittofs_shared::labels;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::NamespaceScope;
use kube::runtime::reflector::Store;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use super::difference::{Difference, differences};
use super::overruled::{self, Sent};
use crate::observe::REQUEST_DEADLINE;
use dittofs_operator_core::digest::digest;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};

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
        Ok(result) => result.map_err(|error| match error {
            kube::Error::Api(status) => ApplyError::Refused(status),
            error => ApplyError::Request(error.to_string()),
        }),
        Err(_) => Err(ApplyError::Deadline(REQUEST_DEADLINE)),
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
        Ok(put.and_then(|(_, change)| change))
    }

    /// The same, with a last look at what is sent. Says what the object has become and whether it has changed, unless
    /// nothing was sent.
    pub(super) async fn put_adjusted<K: Object>(
        &self,
        kind: &K::DynamicType,
        store: &Store<K>,
        desired: &K,
        adjust: impl Fn(&K, &mut K),
    ) -> Result<Option<(K, Option<Change>)>, Failure> {
        match Box::pin(self.send(kind, store, desired, &adjust)).await? {
            Some(sent) => {
                let concluded = self.conclude(kind, desired, sent, adjust);
                Box::pin(concluded).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Sends an object, unless it is already like that.
    pub(super) async fn send<K: Object>(
        &self,
        kind: &K::DynamicType,
        store: &Store<K>,
        desired: &K,
        adjust: impl Fn(&K, &mut K),
    ) -> Result<Option<Sent<K>>, Failure> {
        let live = self.live(kind, store, desired).await?;
        match Box::pin(self.send_onto(kind, live, desired, &adjust)).await {
            // The copy is old, or somebody was faster: whose the object is now decides.
            Err(failure) if matches!(failure.error, ApplyError::Raced) => {
                let live = self.own(kind, desired, self.read(kind, desired).await?)?;
                Box::pin(self.send_onto(kind, live, desired, &adjust)).await
            }
            result => result,
        }
    }

    async fn send_onto<K: Object>(
        &self,
        kind: &K::DynamicType,
        live: Option<Arc<K>>,
        desired: &K,
        adjust: &impl Fn(&K, &mut K),
    ) -> Result<Option<Sent<K>>, Failure> {
        let before = live.as_ref().map(|live| missing(&**live, desired));
        let before = before.unwrap_or_default();
        let Some((action, reason)) = self.occasion(live.as_deref(), &before, desired) else {
            return Ok(None);
        };
        let mut body = desired.clone();
        body.annotations_mut()
            .insert(labels::APPLIED_HASH.to_owned(), hash_of(desired));
        if let Some(live) = &live {
            overruled::carry_over(&**live, &mut body);
            adjust(live, &mut body);
        }
        let now = self.apply(kind, live.as_deref(), &body).await?;
        Ok(Some(Sent {
            live,
            before,
            body,
            now,
            action,
            reason,
        }))
    }

    /// What sending would do, and why, unless there is no reason to.
    fn occasion<K: Object>(
        &self,
        live: Option<&K>,
        before: &[Difference],
        desired: &K,
    ) -> Option<(Action, String)> {
        let Some(live) = live else {
            return Some((Action::Created, "it did not exist".to_owned()));
        };
        let reason = if live.annotations().get(labels::APPLIED_HASH) != Some(&hash_of(desired)) {
            // Where everything that is wanted is there. What was wanted before and is not any more shows in the hash.
            "what is not asked for any more is taken out"
        } else if self.anew || !overruled::is_settled(live, before) {
            "it was asked for again"
        } else {
            return None;
        };
        Some((Action::Updated, reason.to_owned()))
    }

    /// Applies to the object that was seen and to no other, or makes one where there is none. An apply alone would do
    /// whichever it finds: it would take over what somebody else has made since.
    ///
    /// Both are preconditions of the API server. With a uid it changes this object and creates none. The resource version
    /// is compared only where there is an object, so that one that no object has lets it create and change nothing.
    pub(super) async fn apply<K: Object>(
        &self,
        kind: &K::DynamicType,
        live: Option<&K>,
        body: &K,
    ) -> Result<K, Failure> {
        let mut sent = body.clone();
        let mut parameters = PatchParams::apply(labels::OPERATOR_MANAGER);
        if let Some(live) = live {
            sent.meta_mut().uid = live.uid();
            parameters = parameters.force();
        } else {
            sent.meta_mut().resource_version = Some(NO_VERSION.to_string());
        }
        let api = self.api(kind, &sent);
        let name = sent.name_any();
        let applied = within_deadline(api.patch(&name, &parameters, &Patch::Apply(&sent))).await;
        applied.map_err(|error| {
            let raced = error.is_replaced();
            Failure::of(body, kind, if raced { ApplyError::Raced } else { error })
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

/// Where an object is not as desired.
pub(super) fn missing<K: Object>(live: &K, desired: &K) -> Vec<Difference> {
    differences(&to_value(live), &to_value(desired))
}

pub(super) fn hash_of<K: Object>(desired: &K) -> String {
    digest(&serde_json::to_vec(desired).unwrap_or_default())[..16].to_owned()
}

/// All but what the API server notes down about writes.
pub(super) fn content<K: Object>(object: &K) -> Value {
    let mut object = object.clone();
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.resource_version = None;
    to_value(&object)
}

pub(super) fn to_value<K: Serialize>(object: &K) -> Value {
    // Kubernetes types have string keys only, so that they cannot fail to serialise.
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests;
