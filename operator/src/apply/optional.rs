//! Objects of optional kinds. Where the cluster lacks the kind, nothing is sent: the status says so.

use dittofs_shared::labels;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use std::collections::BTreeMap;

use super::Applied;
use super::request::Put;
use super::write::Writer;
use crate::cache::Cache;
use crate::watch::{Optional, Presence};
use dittofs_operator_core::digest::object_digest;
use dittofs_operator_core::optional::{OptionalKind, of_resource};

impl Writer<'_> {
    /// Applies the desired objects of each available kind, in the version that the API server serves. An object stays
    /// the same in another version. It is applied once more all the same, because the API server keeps for each version
    /// which fields are ours, and forgets it when it forgets the version.
    pub async fn put_optional(
        &self,
        known: &Optional,
        desired: &BTreeMap<OptionalKind, Vec<DynamicObject>>,
    ) -> Applied {
        let mut applied = Applied::default();
        for (kind, objects) in desired {
            let Presence::Present(cache) = known.of(*kind, &self.instance.namespace) else {
                continue;
            };
            for object in objects {
                let object = of_resource(object.clone(), cache.kind());
                let put = Put::of_kind(cache.kind(), &cache, &object);
                let put = if moved(*kind, &cache, &put) {
                    put.because("applied in the version that the API server serves now")
                } else {
                    put
                };
                applied.record(self.put(put).await);
            }
        }
        applied
    }
}

/// Whether the live object is this one, applied in another version.
fn moved(kind: OptionalKind, cache: &Cache<DynamicObject>, put: &Put<'_, DynamicObject>) -> bool {
    let Some(live) = put.cached() else {
        return false;
    };
    let Some(applied) = live.annotations().get(labels::APPLIED_HASH) else {
        return false;
    };
    let mut others = kind
        .versions()
        .iter()
        .filter(|version| **version != cache.kind().version);
    applied != put.hash()
        && others.any(|version| {
            let other = of_resource(put.desired.clone(), &kind.resource_in(version));
            *applied == object_digest(&other)
        })
}
