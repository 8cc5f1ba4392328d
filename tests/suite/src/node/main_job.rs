//! From a `DittoServer` to Services that follow the adapters, with nothing restarting.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance, MOST_EVENTS_AT_FIRST};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
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

/// Reasons of the Events about what takes more than 10 s, which a busy machine may need for a start.
const ON_ITS_WAY: [&str; 5] = [
    "PodNotReady",
    "ServerStarting",
    "ClaimPending",
    "StatefulSetMissing",
    "StatefulSetNotObserved",
];

pub async fn a_new_instance_is_told_in_a_few_events_and_with_the_version_of_its_server(
    scene: Scene,
) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    files.wait_complete().await?;
    has_its_version(&files).await?;
    let events = files.events_of_operator().await?;
    let notes = events.iter().map(|event| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (text(&event.reason), text(&event.note))
    });
    let mut notes: Vec<_> = notes.collect();
    notes.retain(|(reason, _)| !ON_ITS_WAY.contains(&reason.as_str()));
    ensure!(
        (1..=MOST_EVENTS_AT_FIRST).contains(&notes.len()),
        "{} Events: {notes:#?}",
        notes.len()
    );
    Ok(())
}

/// The status shows what the server calls itself, and not what somebody has called its image.
async fn has_its_version(files: &Instance) -> Outcome {
    let config_maps = files.api::<ConfigMap>();
    let name = names::adapters(&files.name);
    let what = "the sidecar to publish the version of the server, and the status to show it";
    wait_for(what, API_DEADLINE, || async {
        let text = |error: kube::Error| error.to_string();
        let data = config_maps.get(&name).await.map_err(text)?.data;
        let published = data.unwrap_or_default().remove("serverVersion");
        let server = files.api::<DittoServer>().get(&files.name).await;
        let shown = server
            .map_err(text)?
            .status
            .and_then(|status| status.version);
        if published.is_some() && published == shown {
            Ok(())
        } else {
            Err(format!("{published:?} is published, {shown:?} is shown"))
        }
    })
    .await?;
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
