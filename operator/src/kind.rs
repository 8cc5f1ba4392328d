//! The kinds that are watched and written.

use kube::Resource;
use kube::core::NamespaceScope;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::hash::Hash;

/// A kind of namespaced objects. Either its Rust type or a separate value has its name.
pub(crate) trait NamespacedKind:
    Resource<Scope: NamespaceScope, DynamicType: Clone + Debug + Eq + Hash + Unpin>
    + Clone
    + Debug
    + DeserializeOwned
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
        + Send
        + Sync
        + 'static
{
}
