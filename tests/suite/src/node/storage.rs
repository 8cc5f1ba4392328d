//! Volumes that grow under a running server, and one that comes later.

use dittofs_rig::wait_for;
use dittofs_suite::instance::{Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use serde_json::json;

/// What stays the same while nobody restarts anything: uid, and how often each container was restarted.
pub(super) fn life(pod: &Pod) -> (Option<String>, Vec<(String, i32)>) {
    let status = pod.status.iter();
    let containers = status.flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    });
    let restarts = containers.map(|one| (one.name.clone(), one.restart_count));
    (pod.uid(), restarts.collect())
}

pub async fn volumes_grow_under_a_running_server(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let before = life(&files.pod().await?);
    let set = files.api::<StatefulSet>().get("files").await?.uid();
    files
        .change(json!({"storage": {"metadataSize": "2Gi", "contentSize": "3Gi", "controlPlaneSize": "2Gi"}}))
        .await?;
    let claims = files.api::<PersistentVolumeClaim>();
    wait_for("the volume to be larger", POD_DEADLINE, || async {
        let claim = claims.get("content-files-0").await;
        let status = claim.map_err(|error| error.to_string())?.status;
        let capacity = status.and_then(|status| status.capacity?.remove("storage"));
        match capacity {
            Some(capacity) if capacity.0 == "3Gi" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    files.wait_ready().await?;
    let sets = files.api::<StatefulSet>();
    let uid = wait_for(
        "another StatefulSet with a ready pod",
        POD_DEADLINE,
        || async {
            let now = sets.get("files").await.map_err(|error| error.to_string())?;
            let ready = now.status.as_ref().and_then(|status| status.ready_replicas);
            if now.uid() != set && ready == Some(1) {
                Ok(now.uid())
            } else {
                Err(format!("{:?} with {ready:?} ready pods", now.uid()))
            }
        },
    )
    .await?;
    files.wait_ready().await?;
    let pod = files.pod().await?;
    ensure!(
        pod.owner_references()
            .iter()
            .any(|owner| Some(&owner.uid) == uid.as_ref()),
        "the pod belongs to {:?}",
        pod.owner_references()
    );
    let after = life(&pod);
    ensure!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}

pub async fn a_volume_for_contents_that_comes_later_is_mounted_after_one_restart(
    scene: Scene,
) -> Outcome {
    let without = json!({"storage": {"contentSize": null}});
    let files = Instance::create(&scene, "files", without).await?;
    files.wait_ready().await?;
    let before = files.pod().await?.uid();
    files
        .change(json!({"storage": {"contentSize": "1Gi"}}))
        .await?;
    let pods = files.api::<Pod>();
    let after = wait_for(
        "another pod with a volume for contents",
        POD_DEADLINE,
        || async {
            let pod = pods
                .get("files-0")
                .await
                .map_err(|error| error.to_string())?;
            let volumes = pod
                .spec
                .iter()
                .flat_map(|spec| spec.volumes.iter().flatten());
            let names: Vec<_> = volumes.map(|volume| volume.name.clone()).collect();
            if pod.uid() != before && names.iter().any(|name| name == "content") {
                Ok(pod.uid())
            } else {
                Err(format!("{:?} with {names:?}", pod.uid()))
            }
        },
    )
    .await?;
    files.wait_ready().await?;
    ensure!(
        files.pod().await?.uid() == after,
        "the pod was recreated twice"
    );
    Ok(())
}
