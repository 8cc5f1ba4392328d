//! How the objects of a kind are cached.

use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;

use crate::server::InstanceRef;

/// The instances that an object matters to.
pub type Concerns<K> = Arc<dyn Fn(&K) -> HashSet<InstanceRef> + Send + Sync>;
/// Called with every object that is new or has changed (`true`), or is gone (`false`).
pub type Observer<K> = Arc<dyn Fn(&K, bool) + Send + Sync>;

/// How a kind is cached.
pub struct Rules<K> {
    /// Removes what nobody asks for.
    pub strip: fn(&mut K),
    /// Most bytes of an object as JSON. A larger one is reduced.
    pub most: usize,
    /// Leaves little more of an object than whose it is.
    pub reduce: fn(&mut K),
    /// The instances that an object matters to.
    pub concerns: Concerns<K>,
    /// Whether a change of an object cannot wait for the retry of a failed reconcile.
    pub is_urgent: fn(&K) -> bool,
    /// Keeps something else in step.
    pub observer: Option<Observer<K>>,
    /// Whether the objects are the `DittoServers` themselves.
    pub are_servers: bool,
}

impl<K: Serialize> Rules<K> {
    /// An object as it is kept, which may be less than there is.
    pub(super) fn to_json(&self, object: &mut K) -> Vec<u8> {
        let json = serde_json::to_vec(object).unwrap_or_default();
        if json.len() <= self.most {
            return json;
        }
        (self.reduce)(object);
        serde_json::to_vec(object).unwrap_or_default()
    }
}

impl<K> Rules<K> {
    /// Without anything that must be kept in step.
    pub fn new(strip: fn(&mut K), concerns: Concerns<K>) -> Self {
        Self {
            strip,
            most: usize::MAX,
            reduce: |_| {},
            concerns,
            is_urgent: |_| false,
            observer: None,
            are_servers: false,
        }
    }
}
