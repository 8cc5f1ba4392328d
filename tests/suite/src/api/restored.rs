//! The data of the cluster are put back to what they were.

use dittofs_rig::wait_for;
use dittofs_suite::instance::{Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use std::time::{Duration, Instant};

use super::seen::{both_exposed, settled, without_pod};

/// By when the operator must see what there is now.
const NOTICED: Duration = Duration::from_mins(1);
/// Writes that move the version of the cluster far beyond that of the copy.
const WRITES: usize = 300;

/// Versions go back: a watch that goes on from where it was would show nothing for as long as it takes to write that much
/// again.
pub async fn what_was_restored_is_seen_within_a_minute(scene: Scene) -> Outcome {
    let cluster = &scene.world.cluster;
    let files = both_exposed(&scene, "files", without_pod()).await?;
    settled(&scene).await?;
    cluster.save_data()?;
    files.moves_smb().await?;
    let api = files.api::<ConfigMap>();
    for count in 0..WRITES {
        let name = format!("filler-{count}");
        let filler = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        api.create(&PostParams::default(), &filler).await?;
    }
    let before: u64 = version(&files).await?.parse()?;
    settled(&scene).await?;
    cluster.restore_data()?;
    let began = Instant::now();
    let after: u64 = version(&files).await?.parse()?;
    ensure!(after < before, "versions went from {before} to {after}");
    // What was written since the copy is gone, and what is written now is followed.
    let services = files.api::<Service>();
    services
        .delete("files-nfs", &DeleteParams::default())
        .await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1447)])
        .await?;
    wait_for("the Services to follow", 2 * NOTICED, || async {
        let found = files
            .adapter_services()
            .await
            .map_err(|error| error.to_string())?;
        let found: Vec<_> = found
            .iter()
            .map(|service| {
                (
                    service.name_any(),
                    service
                        .spec
                        .as_ref()
                        .and_then(|spec| spec.ports.as_ref()?.first().map(|port| port.port)),
                )
            })
            .collect();
        let expected = [
            ("files-nfs".to_owned(), Some(12049)),
            ("files-smb".to_owned(), Some(1447)),
        ];
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await?;
    ensure!(began.elapsed() <= NOTICED, "it took {:?}", began.elapsed());
    Ok(())
}

async fn version(files: &Instance) -> Result<String, super::seen::Failed> {
    let list = files
        .api::<ConfigMap>()
        .list(&kube::api::ListParams::default())
        .await?;
    Ok(list.metadata.resource_version.unwrap_or_default())
}
