//! One object: written when it differs, deleted when it is still what was seen.

use dittofs_shared::labels;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::{self, Debug};
use std::sync::Arc;

use super::difference::difference;
use crate::observe::{REQUEST_DEADLINE, digest, is_owned_by};

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Created,
    Updated,
    Deleted,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(self, f)
    }
}

/// An object that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object.
    pub object: ObjectReference,
    /// What was done to it.
    pub action: Action,
    /// Why.
    pub reason: String,
}

impl Change {
    pub(super) fn of<K: Resource<DynamicType = ()>>(
        object: &K,
        action: Action,
        reason: String,
    ) -> Self {
        Self {
            object: object.object_ref(&()),
            action,
            reason,
        }
    }
}

/// An object that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} could not be written: {error}")]
pub struct Failure {
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// What stands in the way.
    pub error: ApplyError,
}

impl Failure {
    pub(super) fn of<K: Resource<DynamicType = ()>>(object: &K, error: ApplyError) -> Self {
        Self {
            kind: K::kind(&()).into_owned(),
            name: object.name_any(),
            error,
        }
    }

    /// Whether it was this object that could not be written.
    pub(super) fn concerns<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        self.kind == K::kind(&()) && self.name == object.name_any()
    }
}

/// What stands in the way of writing an object.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Somebody else's object has this name.
    #[error(
        "an object of this name exists and belongs to {0}: rename it, or choose other names for this DittoServer"
    )]
    Foreign(String),
    /// The API server refused.
    #[error("the API server refused: {0}")]
    Api(#[source] Box<kube::Error>),
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", REQUEST_DEADLINE.as_secs())]
    Deadline,
}

impl ApplyError {
    /// The object exists already, or is not what it was.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if status.code == 409))
    }

    /// The object would not be a valid one.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if status.code == 422))
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(&**error, kube::Error::Api(status) if status.code == 404))
    }
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

/// Writes the objects of one instance.
pub(super) struct Writer<'a> {
    pub client: &'a Client,
    /// Uid of the `DittoServer`.
    pub owner: &'a str,
}

impl Writer<'_> {
    /// Applies an object, unless it is already like that.
    pub async fn put<K>(&self, store: &Store<K>, desired: &K) -> Result<Option<Change>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + Serialize + DeserializeOwned + 'static,
    {
        let put = self.put_adjusted(store, desired, |_, _| {}).await?;
        Ok(put.map(|(change, _)| change))
    }

    /// The same, with a last look at what is sent. Also gives what the object has become.
    pub(super) async fn put_adjusted<K>(
        &self,
        store: &Store<K>,
        desired: &K,
        adjust: impl FnOnce(&K, &mut K),
    ) -> Result<Option<(Change, K)>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + Serialize + DeserializeOwned + 'static,
    {
        let live = self.live(store, desired).await?;
        let mut sent = desired.clone();
        let hash = digest(&serde_json::to_vec(desired).unwrap_or_default())[..16].to_owned();
        sent.annotations_mut()
            .insert(labels::APPLIED_HASH.to_owned(), hash.clone());
        let (action, reason) = match &live {
            None => (Action::Created, "it did not exist".to_owned()),
            Some(live) => match difference(&to_value(&**live), &to_value(desired)) {
                Some(reason) => (Action::Updated, reason),
                // Everything that is wanted is there. What was wanted before and is not any more shows in the hash.
                None if live.annotations().get(labels::APPLIED_HASH) != Some(&hash) => (
                    Action::Updated,
                    "what is not asked for any more is taken out".to_owned(),
                ),
                None => return Ok(None),
            },
        };
        if let Some(live) = live {
            adjust(&live, &mut sent);
        }
        let parameters = PatchParams::apply(labels::OPERATOR_MANAGER).force();
        let now = within_deadline(self.api::<K>(desired).patch(
            &desired.name_any(),
            &parameters,
            &Patch::Apply(&sent),
        ))
        .await
        .map_err(|error| Failure::of(desired, error))?;
        Ok(Some((Change::of(desired, action, reason), now)))
    }

    /// The object as it is, if it is ours. Our copies hold only what bears our label, so that an object that is not
    /// among them is asked for before it is made.
    async fn live<K>(&self, store: &Store<K>, desired: &K) -> Result<Option<Arc<K>>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + 'static,
    {
        let known = store.get(&ObjectRef::from_obj(desired));
        let live = match known {
            Some(live) => Some(live),
            None => within_deadline(self.api::<K>(desired).get_opt(&desired.name_any()))
                .await
                .map_err(|error| Failure::of(desired, error))?
                .map(Arc::new),
        };
        match &live {
            Some(object) if !is_owned_by(&**object, Some(self.owner)) => Err(Failure::of(
                desired,
                ApplyError::Foreign(owner_of(&**object)),
            )),
            _ => Ok(live),
        }
    }

    /// What is ours of a kind.
    pub fn owned<K>(&self, store: &Store<K>, namespace: &str) -> Vec<Arc<K>>
    where
        K: Resource<DynamicType = ()> + Clone + 'static,
    {
        store.state_filter(|object| {
            object.namespace().as_deref() == Some(namespace)
                && is_owned_by(object, Some(self.owner))
        })
    }

    /// Deletes an object, if it is still what was seen.
    pub async fn delete<K>(&self, seen: &K, reason: String) -> Result<Option<Change>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + 'static,
    {
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
        match within_deadline(self.api::<K>(seen).delete(&seen.name_any(), &parameters)).await {
            Ok(_) => Ok(Some(Change::of(seen, Action::Deleted, reason))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Failure::of(seen, error)),
        }
    }

    pub(super) fn api<K>(&self, object: &K) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default())
    }
}

fn owner_of<K: Resource>(object: &K) -> String {
    match object
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true))
    {
        Some(owner) => format!("{} {}", owner.kind, owner.name),
        None => "nobody that this operator knows".to_owned(),
    }
}

fn to_value<K: Serialize>(object: &K) -> Value {
    // Kubernetes types have string keys only, so that they cannot fail to serialise.
    serde_json::to_value(object).unwrap_or_default()
}
