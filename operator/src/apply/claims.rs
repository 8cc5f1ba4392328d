//! PersistentVolumeClaims, which the StatefulSet controller creates. They grow, and get our labels and an owner.

use dittofs_shared::labels;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Applied;
use super::request::within_deadline;
use super::write::Writer;
use crate::cache::Cache;
use dittofs_operator_core::desired::ClaimMarks;
use dittofs_operator_core::events::CLAIM_LABELLED;
use dittofs_operator_core::instance::is_bound;
use dittofs_operator_core::outcome::{Action, Change, Failure};

impl Writer<'_> {
    /// Requests a larger volume.
    pub async fn grow(
        &self,
        cache: &Cache<PersistentVolumeClaim>,
        larger: &PersistentVolumeClaim,
    ) -> Result<Option<Change>, Failure> {
        let parameters = PatchParams::apply(labels::OPERATOR_MANAGER).force();
        let api = self.api(&(), larger);
        let patch = Patch::Apply(larger);
        let ticket = cache.ticket();
        match within_deadline(api.patch(&larger.name_any(), &parameters, &patch)).await {
            Ok(now) => {
                cache.learn(ticket, &now);
                let reason = format!("storage request changed to {}", size(larger));
                Ok(Some(Change::of(larger, &(), Action::Updated, reason)))
            }
            // The claim was deleted or replaced meanwhile: the next reconcile sees it.
            Err(error) if error.is_replaced() => Ok(None),
            Err(error) => Err(Failure::of(larger, &(), error)),
        }
    }

    /// Writes labels and owners. They are two requests, since the API server may refuse the second one: with
    /// admission plugin OwnerReferencesPermissionEnforcement it takes the right to delete claims.
    pub async fn mark(&self, marks: &ClaimMarks, applied: &mut Applied) {
        let mut version = marks.seen.resource_version();
        if marks.label() {
            let metadata = json!({"labels": marks.labels, "annotations": marks.annotations});
            match self.patch(&marks.seen, version.clone(), metadata).await {
                Ok(None) => return applied.overtaken(),
                Ok(Some(now)) => {
                    // Where an admission policy removes the labels again, nothing has changed.
                    if now.resource_version() != version {
                        let reason = CLAIM_LABELLED.to_owned();
                        let change = Change::of(&now, &(), Action::Updated, reason);
                        // A new one is labelled before it is bound.
                        applied.changes.push(change.by_others(is_bound(&now)));
                    }
                    version = now.resource_version();
                }
                Err(failure) => {
                    applied.failures.push(failure);
                    version = marks.seen.resource_version();
                }
            }
        }
        if marks.change_owners() {
            let metadata = json!({"ownerReferences": owners(marks)});
            match self.patch(&marks.seen, version, metadata).await {
                Ok(None) => applied.overtaken(),
                Ok(Some(now)) => {
                    let reason = retention_reason(&now).to_owned();
                    let change = Change::of(&now, &(), Action::Updated, reason);
                    applied.changes.push(change);
                }
                Err(failure) if failure.error.is_refusal() => applied.refused_owners.push(failure),
                Err(failure) => applied.failures.push(failure),
            }
        }
    }

    /// A strategic merge patch instead of server-side apply: it can remove an owner that another writer has set, and
    /// does not touch the size. `None`: the claim has changed meanwhile.
    async fn patch(
        &self,
        seen: &PersistentVolumeClaim,
        version: Option<String>,
        mut metadata: Value,
    ) -> Result<Option<PersistentVolumeClaim>, Failure> {
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
        let parameters = PatchParams {
            field_manager: Some(labels::OPERATOR_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Strategic(json!({"metadata": metadata}));
        let api = self.api(&(), seen);
        match within_deadline(api.patch(&seen.name_any(), &parameters, &patch)).await {
            Ok(now) => Ok(Some(now)),
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(None),
            Err(error) => Err(Failure::of(seen, &(), error)),
        }
    }
}

fn owners(marks: &ClaimMarks) -> Vec<Value> {
    let released = marks.released.iter();
    let released = released.map(|uid| json!({"$patch": "delete", "uid": uid}));
    let owner = marks.owner.iter().map(|owner| json!(owner));
    released.chain(owner).collect()
}

fn retention_reason(claim: &PersistentVolumeClaim) -> &'static str {
    if claim.owner_references().is_empty() {
        "kept when the DittoServer is deleted"
    } else {
        "deleted with the DittoServer"
    }
}

fn size(claim: &PersistentVolumeClaim) -> String {
    let spec = claim.spec.as_ref();
    let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let size = requests.and_then(|requests| requests.get("storage"));
    size.map(|size| size.0.clone()).unwrap_or_default()
}
