//! Objects of optional kinds. Where the cluster lacks the kind, nothing is sent: the status says so.

use kube::api::DynamicObject;
use std::collections::BTreeMap;

use super::Applied;
use super::request::Put;
use super::write::Writer;
use crate::watch::{Optional, Presence};
use dittofs_operator_core::optional::OptionalKind;

impl Writer<'_> {
    /// Applies the desired objects of each available kind.
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
                let resource = kind.resource();
                let put = Put::of_kind(&resource, &cache, object);
                applied.record(self.put(put).await);
            }
        }
        applied
    }
}
