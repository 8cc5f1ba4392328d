//! The pod: it is recreated, or the image of its sidecar is changed while it runs.

use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::request::within_deadline;
use dittofs_operator_core::outcome::{Action, Change, Failure};
use dittofs_operator_core::renewal::Edit;

/// Changes a pod, if it is still what was seen. A change of annotations alone is not reported.
///
/// # Errors
/// The API server refuses, or the pod is not what it was.
pub async fn edit_pod(client: &Client, pod: &Pod, edit: &Edit) -> Result<Option<Change>, Failure> {
    let metadata = json!({
        "uid": pod.uid(),
        "resourceVersion": pod.resource_version(),
        "annotations": edit.annotations,
    });
    let body = match &edit.image {
        Some(image) => {
            let sidecar = json!({"name": names::SIDECAR_CONTAINER, "image": image});
            json!({"metadata": metadata, "spec": {"initContainers": [sidecar]}})
        }
        None => json!({"metadata": metadata}),
    };
    let parameters = PatchParams {
        field_manager: Some(labels::OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    // Not by server-side apply: the pod is not ours to describe, and containers are merged by their names here.
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    within_deadline(api.patch(&pod.name_any(), &parameters, &Patch::Strategic(&body)))
        .await
        .map_err(|error| Failure::of(pod, &(), error))?;
    let is_reported = edit.image.is_some();
    Ok(is_reported.then(|| Change::of(pod, &(), Action::Updated, edit.why.clone())))
}

/// Deletes the pod, so that it is recreated from the template. `unchanged`: only if nothing of it has changed since.
///
/// # Errors
/// The API server refuses, or the pod has been replaced or changed.
pub async fn recreate_pod(
    client: &Client,
    pod: &Pod,
    unchanged: bool,
    reason: &str,
) -> Result<Change, Failure> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: pod.uid(),
            resource_version: pod.resource_version().filter(|_| unchanged),
        }),
        ..DeleteParams::default()
    };
    within_deadline(api.delete(&pod.name_any(), &parameters))
        .await
        .map_err(|error| Failure::of(pod, &(), error))?;
    Ok(Change::of(
        pod,
        &(),
        Action::Deleted,
        format!("recreated: {reason}"),
    ))
}
