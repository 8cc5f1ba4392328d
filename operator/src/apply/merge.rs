//! What server-side apply cannot say: merge patches, and an owner for what has lost its own.

use dittofs_shared::labels;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::write::{Object, Writer, within_deadline};
use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};
use dittofs_operator_core::ownership::Whose;

impl Writer<'_> {
    /// Makes the instance the controller of an object that it has and that is not applied now, so that it goes with it.
    pub async fn adopt<K: Object>(
        &self,
        kind: &K::DynamicType,
        seen: &K,
    ) -> Result<Option<Change>, Failure> {
        if seen.meta().deletion_timestamp.is_some() || self.whose(seen) != Whose::Adoptable {
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
                "it was left without an owner, and is adopted".to_owned(),
            ))),
            // Its next event brings us back here.
            Err(error) if error.is_replaced() => Ok(None),
            Err(error) => Err(Failure::of(seen, kind, error)),
        }
    }

    /// A merge patch, for what server-side apply cannot say. Returns what the object has become.
    pub(super) async fn merge<K: Object>(
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
