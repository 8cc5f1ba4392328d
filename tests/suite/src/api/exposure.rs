//! Published state becomes Services and NetworkPolicies.

use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use serde_json::json;

pub async fn adapters_get_services_and_policies(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let policies = files.policies().await?;
    ensure!(
        policies == ["files-baseline", "files-nfs", "files-smb"],
        "the policies are {policies:?}"
    );
    Ok(())
}
