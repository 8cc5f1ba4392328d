//! What of an object counts when it is compared.

use kube::Resource;
use serde::Serialize;
use serde_json::Value;

use super::difference::{Difference, differences};

/// Where an object is not as desired.
pub(super) fn missing<K: Serialize>(live: &K, desired: &K) -> Vec<Difference> {
    differences(&to_value(live), &to_value(desired))
}

/// The object without what the API server records about writes.
pub(super) fn content<K: Resource + Clone + Serialize>(object: &K) -> Value {
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
