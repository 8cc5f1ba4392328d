//! Claims go or stay with the `DittoServer` as asked.

use dittofs_rig::wait_for;
use dittofs_shared::server::DittoServer;
use dittofs_suite::Outcome;
use dittofs_suite::instance::{Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::DeleteParams;
use serde_json::json;

use super::seen::names_of;
use super::storage::{bound, wait_owned_claims};

async fn delete_and_wait_claims(files: &Instance, expected: usize) -> Outcome {
    files
        .api::<DittoServer>()
        .delete("files", &DeleteParams::background())
        .await?;
    wait_for(
        "the StatefulSet and its pod to go",
        POD_DEADLINE,
        || async {
            let mut left = names_of::<StatefulSet>(files)
                .await
                .map_err(|error| error.to_string())?;
            left.extend(
                names_of::<Pod>(files)
                    .await
                    .map_err(|error| error.to_string())?,
            );
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            }
        },
    )
    .await?;
    wait_for(&format!("{expected} claims"), POD_DEADLINE, || async {
        let left = names_of::<PersistentVolumeClaim>(files).await;
        match left.map_err(|error| error.to_string())? {
            left if left.len() == expected => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .await?;
    Ok(())
}

pub async fn claims_go_with_the_server_when_asked(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({"storage": {"retentionPolicy": "Delete"}})).await?;
    wait_owned_claims(&files, 3).await?;
    delete_and_wait_claims(&files, 0).await
}

pub async fn claims_that_are_to_be_kept_after_all_stay(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({"storage": {"retentionPolicy": "Delete"}})).await?;
    wait_owned_claims(&files, 3).await?;
    files
        .change(json!({"storage": {"retentionPolicy": "Retain"}}))
        .await?;
    wait_owned_claims(&files, 0).await?;
    delete_and_wait_claims(&files, 3).await
}
