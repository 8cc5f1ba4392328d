//! The API server is away for a while. These tests have the cluster for themselves.

use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::probe::Probe;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use kube::ResourceExt as _;
use serde_json::json;
use std::time::Duration;

use super::hardship::{nfs_address, server_restarts};

/// Long enough for every deadline, Lease and backoff in the system to run out.
const OUTAGE: Duration = Duration::from_mins(1);

pub async fn an_outage_of_the_api_server_disturbs_no_client_and_nothing_is_missed(
    scene: Scene,
) -> Outcome {
    let spec = json!({"adapterDiscovery": {"removalHold": "1s"}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    let before = files.pod().await?;
    let administrator = files.administrator().await?;
    let probe = Probe::start(nfs_address(&files).await?);
    scene.world.cluster.stop_api_server();
    // kubectl's forwarding goes on without the API server only on some versions: the change is made before it if
    // that fails, and then it is still the sidecar that has to remember it.
    let changed = administrator
        .set_adapter("smb", &json!({"port": 1446}))
        .await
        .is_ok();
    // The outage itself is what is tested: there is no condition to wait for.
    tokio::time::sleep(OUTAGE).await;
    scene.world.cluster.start_api_server()?;
    if !changed {
        files
            .administrator()
            .await?
            .set_adapter("smb", &json!({"port": 1446}))
            .await?;
    }
    files
        .wait_services(
            &[("files-nfs", 12049), ("files-smb", 1446)],
            2 * API_DEADLINE,
        )
        .await?;
    files.wait_ready().await?;
    probe.finish().await?;
    let after = files.pod().await?;
    ensure!(
        before.uid() == after.uid() && server_restarts(&after) == 0,
        "the server restarted"
    );
    Ok(())
}
