//! From a `DittoServer` to Services that follow the adapters, with nothing restarting.

use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::json;

pub async fn services_follow_the_adapters(scene: Scene) -> Outcome {
    let spec = json!({"adapterDiscovery": {"removalHold": "1s"}});
    follow(&Instance::create(&scene, "files", spec).await?).await
}

/// Waits until an instance is ready, and changes an adapter in every way. SMB ends at port 1446.
pub async fn follow(files: &Instance) -> Outcome {
    files.wait_ready().await?;
    let before = files.pod().await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let administrator = files.administrator().await?;
    administrator
        .set_adapter("smb", &json!({"enabled": false}))
        .await?;
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    administrator
        .set_adapter("smb", &json!({"enabled": true}))
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    administrator
        .set_adapter("smb", &json!({"port": 1446}))
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1446)], API_DEADLINE)
        .await?;
    let after = files.pod().await?;
    ensure!(before.uid() == after.uid(), "the pod is another one");
    ensure!(restarts(&after) == 0, "{} restarts", restarts(&after));
    Ok(())
}

/// Of all containers of a pod.
pub fn restarts(pod: &Pod) -> i32 {
    let status = pod.status.clone().unwrap_or_default();
    let all = status
        .container_statuses
        .into_iter()
        .chain(status.init_container_statuses)
        .flatten();
    all.map(|container| container.restart_count).sum()
}
