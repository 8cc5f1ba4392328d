//! Deleting a `DittoServer` removes everything but the data, whoever is dead meanwhile.

use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

/// Every kind that the operator makes, and pods. Secrets stay with the claims.
const KINDS: &str =
    "statefulsets,pods,services,networkpolicies,configmaps,serviceaccounts,roles,rolebindings";

pub async fn with_the_server_dead_everything_but_the_data_goes(scene: Scene) -> Outcome {
    // An image that does not exist: the server never lives.
    let spec = json!({"image": "docker.io/local/nothing:1"});
    let files = Instance::create(&scene, "files", spec).await?;
    files
        .wait_condition(
            "StatefulSetReady",
            "False",
            Some("PodNotReady"),
            POD_DEADLINE,
        )
        .await?;
    wait_claims(&files, 3).await?;
    files
        .api::<DittoServer>()
        .delete("files", &DeleteParams::default())
        .await?;
    wait_gone(&files).await?;
    wait_claims(&files, 3).await
}

pub async fn with_the_operator_stopped_in_the_middle_it_finishes(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    files
        .api::<DittoServer>()
        .delete("files", &DeleteParams::foreground())
        .await?;
    scale_operator(&scene, 0)?;
    scale_operator(&scene, 1)?;
    wait_gone(&files).await?;
    wait_claims(&files, 3).await?;
    let servers = files
        .api::<DittoServer>()
        .list(&ListParams::default())
        .await?
        .items;
    ensure!(servers.is_empty(), "the DittoServer is still there");
    // Other tests follow: the new operator leads.
    let next = Instance::create(&scene, "next", json!({"replicas": 0})).await?;
    next.wait_complete().await?;
    Ok(())
}

fn scale_operator(scene: &Scene, replicas: u8) -> Outcome {
    let kubectl = |words: &[&str]| {
        scene
            .world
            .cluster
            .kubectl(["-n", NAMESPACE])
            .args(words)
            .output()
    };
    let deployment = format!("deployment/{OPERATOR}");
    let scaled = kubectl(&["scale", &deployment, &format!("--replicas={replicas}")])?;
    ensure!(scaled.status.success(), "kubectl scale: {scaled:?}");
    let settled = kubectl(&["rollout", "status", &deployment, "--timeout=180s"])?;
    ensure!(
        settled.status.success(),
        "kubectl rollout status: {settled:?}"
    );
    Ok(())
}

async fn wait_gone(files: &Instance) -> Outcome {
    wait_for(
        "everything of the instance to be gone",
        POD_DEADLINE,
        || async {
            let words = ["get", KINDS, "-l", "instance=files", "-o", "name"];
            let output = files.scene.kubectl(&words).output();
            let text = output.map_err(|error| error.to_string())?;
            let left = String::from_utf8_lossy(&text.stdout).into_owned();
            if left.is_empty() { Ok(()) } else { Err(left) }
        },
    )
    .await?;
    Ok(())
}

async fn wait_claims(files: &Instance, expected: usize) -> Outcome {
    let claims = files.api::<PersistentVolumeClaim>();
    wait_for(&format!("{expected} claims"), POD_DEADLINE, || async {
        let found = claims
            .list(&ListParams::default())
            .await
            .map_err(|error| error.to_string())?
            .items
            .len();
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found} claims"))
        }
    })
    .await?;
    Ok(())
}
