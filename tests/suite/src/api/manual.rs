//! `rollPolicy: Manual`: the pod waits for a restart by hand, whatever else is done.

use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;
use std::time::Duration;

use super::seen::{Failed, wait_object, write};
use super::storage::bound;

fn mounts_contents(pod: &Pod) -> bool {
    let mut volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes.any(|volume| volume.name == "content")
}

/// As `kubectl rollout restart` does it.
async fn restart(files: &Instance) -> Outcome {
    let annotations = json!({labels::RESTARTED_AT: "2026-01-01T00:00:00Z"});
    let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    write::<StatefulSet>(files, "somebody", "files", patch).await?;
    Ok(())
}

async fn another_pod(files: &Instance, uid: Option<&str>) -> Result<Pod, Failed> {
    wait_object::<Pod>(files, "files-0", "to be another one", |pod| {
        if pod.uid().as_deref() == uid || !is_ready(pod) {
            Err("it is the same, or not ready".to_owned())
        } else {
            Ok(())
        }
    })
    .await
}

/// The StatefulSet is made again for the new claim, and the pod goes on without it.
pub async fn a_new_volume_waits_for_the_restart(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let manual = json!({"rollPolicy": "Manual", "storage": {"contentSize": null}});
    let files = bound(&scene, manual).await?;
    let ready = |pod: &Pod| {
        is_ready(pod)
            .then_some(())
            .ok_or_else(|| "it is not".to_owned())
    };
    let pod = wait_object::<Pod>(&files, "files-0", "to be ready", ready).await?;
    let pod = pod.uid();
    files
        .change(json!({"storage": {"contentSize": "1Gi"}}))
        .await?;
    files
        .wait_condition("RollPending", "True", Some("Manual"), POD_DEADLINE)
        .await?;
    let is_new = |set: &StatefulSet| {
        let templates = set
            .spec
            .as_ref()
            .and_then(|spec| spec.volume_claim_templates.as_ref());
        match templates.map(Vec::len) {
            Some(3) if set.metadata.deletion_timestamp.is_none() => Ok(()),
            count => Err(format!("{count:?} claim templates")),
        }
    };
    wait_object::<StatefulSet>(&files, "files", "to have a third claim", is_new).await?;
    files
        .wait_condition("RollPending", "True", Some("Manual"), API_DEADLINE)
        .await?;
    let now = files.pod().await?;
    ensure!(now.uid() == pod, "the pod was recreated");
    ensure!(!mounts_contents(&now), "a running pod has got a volume");

    restart(&files).await?;
    let pod = another_pod(&files, pod.as_deref()).await?;
    ensure!(
        mounts_contents(&pod),
        "the new pod has no volume for contents"
    );
    files
        .wait_condition("StorageReady", "True", None, POD_DEADLINE)
        .await?;

    // Made again once more, it does not know of the restart, which is no reason for another one.
    files
        .change(json!({"storage": {"metadataSize": "2Gi"}}))
        .await?;
    let is_without = |set: &StatefulSet| {
        let spec = set.spec.as_ref();
        let template = spec.and_then(|spec| spec.template.metadata.as_ref());
        let annotations = template.and_then(|template| template.annotations.as_ref());
        match annotations.and_then(|annotations| annotations.get(labels::RESTARTED_AT)) {
            None => Ok(()),
            Some(at) => Err(format!("restarted at {at}")),
        }
    };
    wait_object::<StatefulSet>(&files, "files", "to be made again", is_without).await?;
    files
        .wait_condition("RollPending", "False", None, API_DEADLINE)
        .await?;
    ensure!(
        files.pod().await?.uid() == pod.uid(),
        "the pod was recreated"
    );
    Ok(())
}
