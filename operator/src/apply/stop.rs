//! Stops a server that cannot be described anew: only the number of its pods changes, the template stays.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt as _;
use serde_json::json;

use super::write::Writer;
use dittofs_operator_core::outcome::{Action, Change, Failure};

impl Writer<'_> {
    /// Sets the number of pods to zero, unless it is.
    pub(super) async fn stop(&self, seen: &StatefulSet) -> Result<Option<Change>, Failure> {
        let replicas = seen.spec.as_ref().and_then(|spec| spec.replicas);
        if replicas == Some(0) || seen.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        // Not by server-side apply, which would take away whatever is not sent along. The uid keeps it from another one.
        let patch = json!({"metadata": {"uid": seen.uid()}, "spec": {"replicas": 0}});
        self.merge(&(), seen, &patch)
            .await
            .map_err(|error| Failure::of(seen, &(), error))?;
        let reason = "spec.replicas is 0".to_owned();
        Ok(Some(Change::of(seen, &(), Action::Updated, reason)))
    }
}
