//! A server that runs keeps running while its `DittoServer` is deleted without its objects and made again.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

use super::storage::life;

pub async fn a_running_server_is_adopted_and_not_restarted(scene: Scene) -> Outcome {
    let spec = json!({"adapterServices": {"type": "ClusterIP"}});
    let files = Instance::create(&scene, "files", spec.clone()).await?;
    files.wait_ready().await?;
    let exposed = [("files-nfs", 12049), ("files-smb", 1445)];
    let before = files.wait_services(&exposed, API_DEADLINE).await?;
    let pod = files.pod().await?;
    let servers = files.api::<DittoServer>();
    servers.delete("files", &DeleteParams::orphan()).await?;
    wait_for("the DittoServer to go", API_DEADLINE, || async {
        match servers.get_opt("files").await {
            Ok(None) => Ok(()),
            other => Err(format!(
                "{:?}",
                other.map(|one| one.map(|one| one.metadata))
            )),
        }
    })
    .await?;
    let again = Instance::create(&scene, "files", spec).await?;
    again.wait_ready().await?;
    let after = again.wait_services(&exposed, API_DEADLINE).await?;
    for (before, after) in before.iter().zip(&after) {
        ensure!(
            before.uid() == after.uid(),
            "Service {} is another one",
            after.name_any()
        );
    }
    let now = again.pod().await?;
    ensure!(
        life(&pod) == life(&now) && now.metadata.deletion_timestamp.is_none(),
        "{:?} became {:?}",
        life(&pod),
        life(&now)
    );
    Ok(())
}
