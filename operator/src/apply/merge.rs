//! What server-side apply cannot express: merge patches, and an owner for an object that has lost its own.

use dittofs_shared::labels;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::request::within_deadline;
use super::write::Writer;
use crate::kind::NamespacedKind;
use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};
use dittofs_operator_core::ownership::Ownership;

impl Writer<'_> {
    /// Makes the instance the controller of an object of its own that is not applied now, so that it is deleted with
    /// it.
    pub async fn adopt<K: NamespacedKind>(
        &self,
        kind: &K::DynamicType,
        seen: &K,
    ) -> Result<Option<Change>, Failure> {
        if seen.meta().deletion_timestamp.is_some()
            || self.ownership_of(seen) != Ownership::Adoptable
        {
            return Ok(None);
        }
        let alive = self.is_server_alive().await;
        if !alive.map_err(|error| Failure::of(seen, kind, error))? {
            return Ok(None);
        }
        let mut owners = seen.owner_references().to_vec();
        owners.push(self.instance.owner.clone());
        let patch = json!({"metadata": {
            "uid": seen.uid(), "resourceVersion": seen.resource_version(), "ownerReferences": owners,
        }});
        match self.merge(kind, seen, &patch).await {
            Ok(_) => Ok(Some(Change::of(
                seen,
                kind,
                Action::Updated,
                "adopted, because it had no owner".to_owned(),
            ))),
            // Its next event leads to another reconcile.
            Err(error) if error.is_replaced() => Ok(None),
            Err(error) => Err(Failure::of(seen, kind, error)),
        }
    }

    /// A merge patch, for what server-side apply cannot express. Returns the object after it.
    pub(super) async fn merge<K: NamespacedKind>(
        &self,
        kind: &K::DynamicType,
        seen: &K,
        patch: &Value,
    ) -> Result<K, ApplyError> {
        let parameters = PatchParams {
            field_manager: Some(labels::OPERATOR_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let api = self.api(kind, seen);
        within_deadline(api.patch(&seen.name_any(), &parameters, &Patch::Merge(patch))).await
    }
}
