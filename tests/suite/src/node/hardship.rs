//! What happens to the sidecar happens to the sidecar alone: clients stay connected, the server does not restart.

use dittofs_rig::wait_for;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::probe::Probe;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, processes};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use std::net::SocketAddr;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub async fn a_sidecar_that_is_killed_ten_times_disturbs_no_client(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let probe = Probe::start(nfs_address(&files).await?);
    let before = files.pod().await?;
    let mut killed = 0;
    for round in 1..=10 {
        let what = format!("the sidecar of round {round}");
        killed = other_sidecar(&before, killed, &what).await?;
        processes::kill(killed)?;
    }
    other_sidecar(&before, killed, "the sidecar after the last round").await?;
    files.wait_ready().await?;
    probe.finish().await?;
    let after = files.pod().await?;
    ensure!(
        server_restarts(&after) == 0 && before.uid() == after.uid(),
        "the server restarted"
    );
    wait_restarted(&files, 10).await
}

/// Waits until the pod's status tells of this many restarts of the sidecar: the kubelet writes it
/// some time after the new process runs.
async fn wait_restarted(files: &Instance, times: i32) -> Outcome {
    let what = format!("the pod to tell of {times} restarts of the sidecar");
    wait_for(&what, POD_DEADLINE, || async {
        let pod = files.pod().await.map_err(|error| error.to_string())?;
        let told = sidecar_restarts(&pod);
        if told >= times {
            Ok(())
        } else {
            Err(format!("{told} restarts"))
        }
    })
    .await?;
    Ok(())
}

pub async fn a_deleted_or_edited_published_state_comes_back_and_disturbs_no_client(
    scene: Scene,
) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let services = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let probe = Probe::start(nfs_address(&files).await?);
    let config_maps = files.api::<ConfigMap>();
    let name = names::adapters("files");
    let published = config_maps.get(&name).await?.data.unwrap_or_default();
    let published = published.get("adapters").map(String::as_str);
    config_maps.delete(&name, &DeleteParams::default()).await?;
    wait_published(&files, published).await?;
    let edited = json!({"data": {"adapters": "[]\n"}});
    config_maps
        .patch(&name, &PatchParams::default(), &Patch::Merge(edited))
        .await?;
    wait_published(&files, published).await?;
    files.wait_ready().await?;
    let after = files.adapter_services().await?;
    let uids = |services: &[Service]| services.iter().map(ResourceExt::uid).collect::<Vec<_>>();
    ensure!(
        uids(&services) == uids(&after),
        "the Services are not the same any more"
    );
    probe.finish().await?;
    Ok(())
}

/// Waits until the sidecar has published these adapters.
pub async fn wait_published(files: &Instance, expected: Option<&str>) -> Outcome {
    let config_maps = files.api::<ConfigMap>();
    wait_for("the sidecar to publish again", API_DEADLINE, || async {
        let found = config_maps.get(&names::adapters("files")).await;
        let data = found
            .map_err(|error| error.to_string())?
            .data
            .unwrap_or_default();
        let adapters = data.get("adapters").map(String::as_str);
        if adapters == expected {
            Ok(())
        } else {
            Err(format!("{data:?}"))
        }
    })
    .await?;
    Ok(())
}

/// The address of the NFS Service, as the node reaches it.
pub async fn nfs_address(files: &Instance) -> Result<SocketAddr, Error> {
    let service = files.api::<Service>().get("files-nfs").await?;
    let address = service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .unwrap_or_default();
    let address = SocketAddr::new(address.parse()?, 12049);
    // kube-proxy needs a moment after the Service is made: before that it leads nowhere.
    wait_for(
        "the NFS Service to lead to the pod",
        API_DEADLINE,
        || async {
            tokio::net::TcpStream::connect(address)
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        },
    )
    .await?;
    Ok(address)
}

/// Waits for a sidecar that is not the one with this process id.
pub async fn other_sidecar(pod: &Pod, than: u32, what: &str) -> Result<u32, Error> {
    let found = wait_for(what, POD_DEADLINE, || async {
        let found = processes::of_pod(pod, "dittofs-sidecar");
        found
            .iter()
            .copied()
            .find(|id| *id != than)
            .ok_or(format!("{found:?}"))
    });
    Ok(found.await?)
}

/// Restarts of the server container.
pub fn server_restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    statuses
        .iter()
        .map(|container| container.restart_count)
        .sum()
}

fn sidecar_restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.init_container_statuses.as_deref())
        .unwrap_or_default();
    statuses
        .iter()
        .map(|container| container.restart_count)
        .sum()
}
