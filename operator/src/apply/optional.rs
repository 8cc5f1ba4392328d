//! Objects of kinds that the cluster may be without. Where it is, nothing is sent: the status says so.

use kube::api::DynamicObject;
use std::collections::BTreeMap;

use super::Applied;
use super::write::Writer;
use crate::watch::{Optional, Presence};
use dittofs_operator_core::optional::OptionalKind;

impl Writer<'_> {
    /// Applies what is desired of each kind that is there.
    pub async fn put_optional(
        &self,
        known: &Optional,
        desired: &BTreeMap<OptionalKind, Vec<DynamicObject>>,
        applied: &mut Applied,
    ) {
        for (kind, objects) in desired {
            let Presence::Present(store) = known.of(*kind) else {
                continue;
            };
            for object in objects {
                let put = self.put_of(&kind.resource(), &store, object).await;
                applied.note(put);
            }
        }
    }
}
