//! How long the server may take until it answers.

use dittofs_rig::wait_for;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

pub async fn a_start_that_is_too_long_begins_again_and_with_more_time_it_succeeds(
    scene: Scene,
) -> Outcome {
    let slow = json!({"rules": [], "start_delay_ms": 16_000}).to_string();
    let spec = json!({
        "startupTimeout": "10s",
        "pod": {"env": [{"name": "DITTOFS_SIMULATOR_FAULTS", "value": slow}]},
    });
    let files = Instance::create(&scene, "files", spec).await?;
    files
        .wait_condition("Available", "False", Some("ServerStarting"), POD_DEADLINE)
        .await?;
    wait_for("the server to be restarted", POD_DEADLINE, || async {
        match restarts(&files.pod().await.map_err(|error| error.to_string())?) {
            0 => Err("no restart yet".to_owned()),
            _ => Ok(()),
        }
    })
    .await?;
    let before = files.pod().await?.uid();
    files.change(json!({"startupTimeout": "10m"})).await?;
    wait_for("the template to allow for more", API_DEADLINE, || async {
        let set = files
            .api::<k8s_openapi::api::apps::v1::StatefulSet>()
            .get("files")
            .await
            .map_err(|error| error.to_string())?;
        let spec = set.spec.and_then(|spec| spec.template.spec);
        let probe = spec.and_then(|spec| spec.containers[0].startup_probe.clone());
        match probe.and_then(|probe| probe.failure_threshold) {
            Some(300) => Ok(()),
            threshold => Err(format!("failureThreshold is {threshold:?}")),
        }
    })
    .await?;
    if files.pod().await?.uid() == before {
        files
            .api::<Pod>()
            .delete("files-0", &DeleteParams::default())
            .await?;
    }
    wait_for("another pod", POD_DEADLINE, || async {
        let pod = files.pod().await.map_err(|error| error.to_string())?;
        if pod.uid() == before {
            return Err("the same pod".to_owned());
        }
        Ok(())
    })
    .await?;
    files.wait_ready().await?;
    let pod = files.pod().await?;
    ensure!(
        restarts(&pod) == 0,
        "the server was restarted {} times within 10 minutes",
        restarts(&pod)
    );
    Ok(())
}

pub async fn another_name_for_the_administrator_is_pointed_out_and_admin_works(
    scene: Scene,
) -> Outcome {
    let spec = json!({"identity": {"admin": {"username": "boss"}}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    files
        .wait_condition(
            "AdminUsernameHonored",
            "False",
            Some("FixedByServer"),
            API_DEADLINE,
        )
        .await?;
    // It logs in as admin, with the password that was made.
    files.administrator().await?;
    Ok(())
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref();
    let statuses = statuses.and_then(|status| status.container_statuses.as_deref());
    statuses
        .unwrap_or_default()
        .iter()
        .map(|container| container.restart_count)
        .sum()
}
