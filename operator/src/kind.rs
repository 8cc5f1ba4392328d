//! The kinds that are watched and written.

use kube::Resource;
use kube::core::NamespaceScope;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::hash::Hash;

/// A kind of namespaced objects. Either its Rust type or a separate value has its name.
pub trait NamespacedKind:
    Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash + Unpin>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<K> NamespacedKind for K where
    K: Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash + Unpin>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}
