//! Stops a server whose StatefulSet cannot be written: only the number of replicas changes, the template is kept.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt as _;
use serde_json::json;

use super::write::Writer;
use dittofs_operator_core::outcome::{Action, Change, Failure};

impl Writer<'_> {
    /// Sets the number of replicas to zero, unless it is zero already.
    pub(super) async fn scale_to_zero(
        &self,
        seen: &StatefulSet,
    ) -> Result<Option<Change>, Failure> {
        let replicas = seen.spec.as_ref().and_then(|spec| spec.replicas);
        if replicas == Some(0) || seen.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        // Server-side apply would remove every field that is not sent. The uid protects a StatefulSet that has
        // replaced it.
        let patch = json!({"metadata": {"uid": seen.uid()}, "spec": {"replicas": 0}});
        self.merge(&(), seen, &patch)
            .await
            .map_err(|error| Failure::of(seen, &(), error))?;
        let reason = "scaled to zero".to_owned();
        Ok(Some(Change::of(seen, &(), Action::Updated, reason)))
    }
}
