//! What restarts the server and what does not.

use dittofs_rig::{images, wait_for};
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::json;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub async fn a_new_configuration_recreates_the_pod_once(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let before = files.pod().await?.uid();
    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    let after = wait_other_pod(&files, before).await?;
    files.wait_ready().await?;
    let settled = files.pod().await?.uid();
    ensure!(after == settled, "the pod was recreated twice");
    Ok(())
}

pub async fn a_new_place_recreates_the_pod_there_and_new_labels_wait(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let before = files.pod().await?.uid();
    files
        .change(json!({"pod": {"labels": {"example.com/team": "storage"}}}))
        .await?;
    files
        .change(json!({"pod": {"nodeSelector": {"kubernetes.io/os": "linux"}}}))
        .await?;
    let after = wait_other_pod(&files, before).await?;
    files.wait_ready().await?;
    let pod = files.pod().await?;
    ensure!(pod.uid() == after, "the pod was recreated twice");
    let selector = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_selector.clone());
    ensure!(
        selector
            .unwrap_or_default()
            .contains_key("kubernetes.io/os"),
        "the pod has no node selector"
    );
    ensure!(
        pod.labels().get("example.com/team").is_some(),
        "the pod that was made anew has no label of the user's"
    );
    Ok(())
}

pub async fn what_does_not_concern_a_running_server_leaves_the_pod_alone(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let before = files.pod().await?.uid();
    files
        .change(json!({
            "adapterServices": {"type": "ClusterIP", "labels": {"a": "b"}, "annotations": {"example.com/a": "b"}},
            "adapterDiscovery": {"pollingInterval": "300ms", "removalHold": "2s"},
            "sidecar": {"logLevel": "DEBUG", "image": images::OTHER_SIDECAR},
            "networkPolicy": {"adapters": {"from": [{"podSelector": {}}]}},
            "pod": {"labels": {"a": "b"}, "annotations": {"a": "b"}, "imagePullPolicy": "IfNotPresent"},
        }))
        .await?;
    // The sidecar says so when it has taken up its settings, and by then the operator has seen the whole change.
    wait_for(
        "the sidecar to log at debug level",
        API_DEADLINE,
        || async {
            let log = sidecar_log(&scene)?;
            if log.contains("DEBUG") {
                Ok(())
            } else {
                Err(log)
            }
        },
    )
    .await?;
    files.wait_ready().await?;
    let after = files.pod().await?;
    ensure!(before == after.uid(), "the pod was recreated");
    Ok(())
}

pub async fn with_roll_policy_manual_the_pod_waits_for_a_rollout_restart(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({"rollPolicy": "Manual"})).await?;
    files.wait_ready().await?;
    let before = files.pod().await?.uid();
    files
        .change(json!({"terminationGracePeriodSeconds": 40}))
        .await?;
    files
        .wait_condition("RollPending", "True", Some("Manual"), API_DEADLINE)
        .await?;
    ensure!(
        files.pod().await?.uid() == before,
        "the pod was recreated though rollPolicy is Manual"
    );
    let restart = ["rollout", "restart", "statefulset/files"];
    let output = scene.kubectl(&restart).output()?;
    ensure!(
        output.status.success(),
        "kubectl rollout restart: {output:?}"
    );
    wait_other_pod(&files, before).await?;
    files.wait_ready().await?;
    files
        .wait_condition("RollPending", "False", Some("UpToDate"), API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn scaling_to_zero_and_back_keeps_the_services(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let expected = [("files-nfs", 12049), ("files-smb", 1445)];
    let uids = |services: &[k8s_openapi::api::core::v1::Service]| {
        services
            .iter()
            .map(kube::ResourceExt::uid)
            .collect::<Vec<_>>()
    };
    let before = uids(&files.wait_services(&expected, API_DEADLINE).await?);
    let mut last_words = Vec::new();
    // A sidecar that finds the API server busy has no time to wait for it.
    for _ in 0..3 {
        last_words.push(stopped_and_started(&files).await?);
        if last_words.iter().any(|server| server.contains("stopping")) {
            break;
        }
    }
    ensure!(
        last_words.iter().any(|server| server.contains("stopping")),
        "the last words of the sidecar are {last_words:?}"
    );
    let after = uids(&files.wait_services(&expected, API_DEADLINE).await?);
    ensure!(before == after, "the Services were made anew");
    Ok(())
}

/// Returns what the sidecar has left as the state of the server.
async fn stopped_and_started(files: &Instance) -> Result<String, Error> {
    files.change(json!({"replicas": 0})).await?;
    files
        .wait_condition("Ready", "True", Some("ScaledToZero"), POD_DEADLINE)
        .await?;
    let config_maps = files.api::<k8s_openapi::api::core::v1::ConfigMap>();
    let published = config_maps.get("files-adapters").await?;
    files.change(json!({"replicas": 1})).await?;
    files
        .wait_condition("Ready", "True", Some("AllChecksPassed"), POD_DEADLINE)
        .await?;
    Ok(published.data.unwrap_or_default()["server"].clone())
}

/// The pod that could not start is replaced without anybody's help, also where restarts wait for somebody.
pub async fn a_sidecar_image_that_cannot_be_pulled_is_mended_by_correcting_it(
    scene: Scene,
) -> Outcome {
    let wrong =
        json!({"rollPolicy": "Manual", "sidecar": {"image": "docker.io/local/no-such-image:1"}});
    let files = Instance::create(&scene, "files", wrong).await?;
    let waits = |pod: &Pod| {
        let statuses = pod.status.as_ref()?.init_container_statuses.as_ref()?;
        let waiting = statuses.first()?.state.as_ref()?.waiting.as_ref()?;
        waiting
            .reason
            .clone()
            .filter(|reason| reason.contains("Image"))
    };
    wait_for("the image not to be found", POD_DEADLINE, || async {
        let pod = files.pod().await.map_err(|error| error.to_string())?;
        waits(&pod).ok_or_else(|| format!("{:?}", pod.status))
    })
    .await?;
    let before = files.pod().await?.uid();
    files.change(json!({"sidecar": {"image": null}})).await?;
    let after = wait_other_pod(&files, before).await?;
    files.wait_ready().await?;
    ensure!(
        files.pod().await?.uid() == after,
        "the pod was recreated twice"
    );
    Ok(())
}

async fn wait_other_pod(
    files: &Instance,
    before: Option<String>,
) -> Result<Option<String>, dittofs_rig::TimedOut> {
    let pods = files.api::<Pod>();
    wait_for("another pod", POD_DEADLINE, || async {
        let uid = pods
            .get("files-0")
            .await
            .map_err(|error| error.to_string())?
            .uid();
        if uid == before {
            Err("the same pod".to_owned())
        } else {
            Ok(uid)
        }
    })
    .await
}

fn sidecar_log(scene: &Scene) -> Result<String, String> {
    let words = ["logs", "files-0", "-c", "sidecar"];
    let output = scene.kubectl(&words).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .map_err(|error| error.to_string())
}
