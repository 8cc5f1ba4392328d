//! Pods without a node: the StatefulSet controller makes them, and somebody says that they run.

use super::Error;
use super::added;
use super::instances::SIDE_BY_SIDE;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use std::convert::Infallible;

const LABELS: &str = "app=dittofs-server";
const SINCE: &str = "2026-01-01T00:00:00Z";

/// Says of each pod that its containers run and are ready.
///
/// # Errors
/// The API server refuses.
pub async fn serve(client: &Client) -> Result<Infallible, Error> {
    let all: Api<Pod> = Api::all(client.clone());
    added::each(&all, LABELS, SIDE_BY_SIDE, |pod| run(client, pod)).await
}

async fn run(client: &Client, pod: Pod) -> Result<(), Error> {
    let namespace = pod.namespace().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let status = Patch::Merge(json!({"status": status(&pod)}));
    let patched = api
        .patch_status(&pod.name_any(), &PatchParams::default(), &status)
        .await;
    match patched {
        // It may be gone again.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

fn status(pod: &Pod) -> Value {
    let spec = pod.spec.clone().unwrap_or_default();
    let running = |container: &k8s_openapi::api::core::v1::Container| {
        json!({
            "name": container.name, "image": container.image, "imageID": "bench",
            "containerID": format!("bench://{}", container.name), "restartCount": 0,
            "ready": true, "started": true, "state": {"running": {"startedAt": SINCE}},
        })
    };
    let condition =
        |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": SINCE});
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition);
    let first = spec.init_containers.unwrap_or_default();
    json!({
        "phase": "Running", "startTime": SINCE,
        "conditions": conditions,
        "initContainerStatuses": first.iter().map(running).collect::<Vec<_>>(),
        "containerStatuses": spec.containers.iter().map(running).collect::<Vec<_>>(),
    })
}
