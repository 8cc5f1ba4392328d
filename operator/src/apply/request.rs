//! The parameters of requests, and their deadline.

use kube::{Resource, ResourceExt as _};
use std::sync::{Arc, OnceLock};

use crate::REQUEST_DEADLINE;
use crate::cache::Cache;
use crate::kind::NamespacedKind;
use dittofs_operator_core::digest::object_digest;
use dittofs_operator_core::outcome::{ApplyError, Change, Failure};
use dittofs_runtime::api_error::ApiError;

/// A request with a deadline.
pub(crate) async fn within_deadline<T>(
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, ApplyError> {
    match tokio::time::timeout(REQUEST_DEADLINE, request).await {
        Ok(result) => result.map_err(|error| match error {
            kube::Error::Api(status) => ApplyError::Refused(status),
            error => ApplyError::Request(ApiError(&error).to_string()),
        }),
        Err(_) => Err(ApplyError::Deadline(REQUEST_DEADLINE)),
    }
}

/// An object to write.
pub(super) struct Put<'a, K: NamespacedKind> {
    /// Its kind.
    pub kind: &'a K::DynamicType,
    /// The cache of its kind.
    pub cache: &'a Cache<K>,
    /// What it should be.
    pub desired: &'a K,
    /// See [`Put::hash`].
    hash: OnceLock<String>,
    /// Called with the live object and with what is about to be sent.
    pub adjust: fn(&K, &mut K),
    /// Why it is sent although nothing is missing, when something else was applied before.
    pub outdated: &'static str,
    /// See [`Put::following`].
    pub follows_live: bool,
}

impl<'a, K: NamespacedKind> Put<'a, K> {
    /// Writes `desired`, an object of a dynamic kind.
    pub fn of_kind(kind: &'a K::DynamicType, cache: &'a Cache<K>, desired: &'a K) -> Self {
        Self {
            kind,
            cache,
            desired,
            hash: OnceLock::new(),
            adjust: |_, _| {},
            outdated: "fields that are no longer set were removed",
            follows_live: false,
        }
    }

    /// Says why something else was applied before.
    pub fn because(self, outdated: &'static str) -> Self {
        Self { outdated, ..self }
    }

    /// What is desired follows from the live object, such as a setting that another writer has chosen. It is not written over
    /// a choice that was made since.
    pub fn following(self) -> Self {
        Self {
            follows_live: true,
            ..self
        }
    }

    /// Lets `adjust` change what is sent, given the live object.
    pub fn adjusted(self, adjust: fn(&K, &mut K)) -> Self {
        Self { adjust, ..self }
    }

    /// The cached object, whosever it is.
    pub(super) fn cached(&self) -> Option<Arc<K>> {
        let desired = self.desired;
        self.cache.get(
            &desired.namespace().unwrap_or_default(),
            &desired.name_any(),
        )
    }

    /// Hash of what it should be, as the annotation of a live object has it.
    pub(super) fn hash(&self) -> &String {
        self.hash.get_or_init(|| object_digest(self.desired))
    }

    /// Whether the cached object was found to be as desired.
    pub(super) fn is_settled(&self) -> bool {
        self.cache.is_settled(self.desired, self.hash())
    }

    /// Remembers that an object is as desired.
    pub(super) fn settle(&self, object: &K) {
        self.cache.settle(object, self.hash());
    }

    pub(super) fn failure(&self, error: ApplyError) -> Failure {
        Failure::of(self.desired, self.kind, error)
    }
}

impl<'a, K: NamespacedKind + Resource<DynamicType = ()>> Put<'a, K> {
    /// Writes `desired`.
    pub fn new(cache: &'a Cache<K>, desired: &'a K) -> Self {
        Self::of_kind(&(), cache, desired)
    }
}

/// What came of sending an object.
pub(super) struct Written<K> {
    /// The object now.
    pub now: K,
    /// How it changed, if it did.
    pub change: Option<Change>,
}

/// An object to delete.
pub(super) struct Delete<'a, K: NamespacedKind> {
    /// Its kind.
    pub kind: &'a K::DynamicType,
    /// The cache of its kind.
    pub cache: &'a Cache<K>,
    /// What was seen of it.
    pub seen: &'a K,
    /// Why.
    pub reason: String,
    /// Whether the objects that it owns are kept.
    pub orphan: bool,
}

impl<'a, K: NamespacedKind> Delete<'a, K> {
    /// Deletes `seen`, an object of a dynamic kind.
    pub fn of_kind(
        kind: &'a K::DynamicType,
        cache: &'a Cache<K>,
        seen: &'a K,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            cache,
            seen,
            reason: reason.into(),
            orphan: false,
        }
    }

    /// Keeps the objects that it owns.
    pub fn orphan(self) -> Self {
        Self {
            orphan: true,
            ..self
        }
    }
}

impl<'a, K: NamespacedKind + Resource<DynamicType = ()>> Delete<'a, K> {
    /// Deletes `seen`.
    pub fn new(cache: &'a Cache<K>, seen: &'a K, reason: impl Into<String>) -> Self {
        Self::of_kind(&(), cache, seen, reason)
    }
}
