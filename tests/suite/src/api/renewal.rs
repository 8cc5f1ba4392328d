//! A running pod gets another sidecar. The kubelet's part is played here: what it says stands in the status of the pod.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::{PublishedState, ServerState, ServerStatus};
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Pod, PodSpec};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::seen::{
    Failed, good, operator_writes, pod_never_runs, settled, wait_event, wait_object, wait_observed,
};

/// Each test has images of its own: what does not run in one pod is not tried in another.
fn image(scene: &Scene, tag: u8) -> String {
    format!("registry.example/{}:{tag}", scene.namespace)
}

fn running(container: &str, seconds: i64) -> Value {
    let since = Timestamp::now() - SignedDuration::from_secs(seconds);
    let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
    json!({
        "ready": true, "started": true, "containerID": format!("containerd://{container}"),
        "state": {"running": {"startedAt": since}},
    })
}

fn waiting(reason: &str) -> Value {
    json!({"ready": false, "state": {"waiting": {"reason": reason, "message": "not found"}}})
}

/// Says of the sidecar what a kubelet would; the server runs.
async fn kubelet_says(files: &Instance, sidecar: Value) -> Outcome {
    let mut sidecar_status =
        json!({"name": names::SIDECAR_CONTAINER, "image": "", "imageID": "", "restartCount": 0});
    merge(&mut sidecar_status, sidecar);
    let status = json!({"status": {
        "phase": "Running",
        "initContainerStatuses": [sidecar_status],
        "containerStatuses": [{
            "name": names::SERVER_CONTAINER, "image": "", "imageID": "", "restartCount": 0, "ready": true, "started": true,
            "containerID": "containerd://server", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }],
    }});
    let name = names::pod(&files.name);
    files
        .api::<Pod>()
        .patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}

/// An instance whose pod runs, with the first image and what more is asked for.
async fn running_instance(scene: &Scene, more: Value) -> Result<Instance, Failed> {
    let mut spec = pod_never_runs();
    merge(&mut spec, json!({"sidecar": {"image": image(scene, 1)}}));
    merge(&mut spec, more);
    let files = Instance::create(scene, "files", spec).await?;
    wait_object::<Pod>(&files, "files-0", "is there", |_| Ok(())).await?;
    kubelet_says(&files, running("first", 3600)).await?;
    files
        .wait_condition("SidecarUpToDate", "True", None, API_DEADLINE)
        .await?;
    Ok(files)
}

async fn ask_for(files: &Instance, tag: u8) -> Outcome {
    let image = image(&files.scene, tag);
    files.change(json!({"sidecar": {"image": image}})).await?;
    Ok(())
}

fn sidecar_of(spec: Option<&PodSpec>) -> Option<&str> {
    let mut containers = spec?.init_containers.iter().flatten();
    let sidecar = containers.find(|container| container.name == names::SIDECAR_CONTAINER);
    sidecar?.image.as_deref()
}

async fn wait_pod(files: &Instance, tag: u8) -> Result<Pod, Failed> {
    let image = image(&files.scene, tag);
    wait_object::<Pod>(files, "files-0", &format!("has sidecar {image}"), |pod| {
        let found = sidecar_of(pod.spec.as_ref());
        if found == Some(&*image) {
            Ok(())
        } else {
            Err(format!("{found:?} {:?}", pod.annotations()))
        }
    })
    .await
}

async fn wait_template(files: &Instance, tag: u8) -> Result<StatefulSet, Failed> {
    let image = image(&files.scene, tag);
    wait_object::<StatefulSet>(files, "files", &format!("has sidecar {image}"), |set| {
        let template = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref());
        let found = sidecar_of(template);
        if found == Some(&*image) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

async fn wait_told(files: &Instance, reason: &str) -> Result<DittoServer, Failed> {
    files
        .wait_condition("SidecarUpToDate", "False", Some(reason), API_DEADLINE)
        .await
}

/// The last words of a sidecar.
async fn says_that_it_stops(files: &Instance) -> Outcome {
    let server = ServerState {
        status: ServerStatus::Stopping,
        since: Timestamp::now(),
        message: Some("the sidecar has been asked to stop".to_owned()),
    };
    let state = PublishedState {
        server,
        adapters: Some(good()),
        reports: dittofs_shared::reports::Reports::default(),
    };
    files.publish_data(json!(state.encode())).await
}

/// Since when conditions have been as they are.
async fn times(files: &Instance) -> Result<Vec<(String, String)>, Failed> {
    let server = files.api::<DittoServer>().get(&files.name).await?;
    let conditions = server.status.unwrap_or_default().conditions.into_iter();
    let others = conditions.filter(|found| found.type_ != "SidecarUpToDate");
    Ok(others
        .map(|found| {
            (
                found.type_,
                format!("{} {:?}", found.status, found.last_transition_time),
            )
        })
        .collect())
}

pub async fn a_running_pod_gets_the_new_image_and_the_template_follows_when_it_runs(
    scene: Scene,
) -> Outcome {
    let files = running_instance(&scene, json!({"rollPolicy": "Manual"})).await?;
    files.publish(good()).await?;
    files
        .wait_condition("Authenticated", "True", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let (uid, before) = (files.pod().await?.uid(), times(&files).await?);
    ask_for(&files, 2).await?;
    let pod = wait_pod(&files, 2).await?;
    // The operator knows of its own edit from its watch.
    settled(&scene).await?;
    let noted = |key: &str| pod.annotations().get(key).map(String::as_str);
    ensure!(
        noted(labels::SIDECAR_PREVIOUS_IMAGE) == Some(&*image(&scene, 1))
            && noted(labels::SIDECAR_REPLACED_CONTAINER) == Some("containerd://first"),
        "{:?}",
        pod.annotations()
    );
    says_that_it_stops(&files).await?;
    kubelet_says(&files, waiting("PodInitializing")).await?;
    settled(&scene).await?;
    wait_template(&files, 1).await?;
    files.publish(good()).await?;
    kubelet_says(&files, running("second", 60)).await?;
    wait_template(&files, 2).await?;
    files
        .wait_condition("SidecarUpToDate", "True", None, API_DEADLINE)
        .await?;
    let pod = files.pod().await?;
    let left = pod.annotations().get(labels::SIDECAR_PREVIOUS_IMAGE);
    ensure!(
        pod.uid() == uid && left.is_none(),
        "{:?}",
        pod.annotations()
    );
    settled(&scene).await?;
    let after = times(&files).await?;
    ensure!(
        before == after,
        "conditions moved: {before:?}, now {after:?}"
    );
    Ok(())
}

pub async fn while_paused_a_running_pod_keeps_its_sidecar(scene: Scene) -> Outcome {
    let files = running_instance(&scene, json!({})).await?;
    files
        .change(json!({"paused": true, "sidecar": {"image": image(&scene, 2)}}))
        .await?;
    wait_told(&files, "Paused").await?;
    wait_pod(&files, 1).await?;
    files.change(json!({"paused": false})).await?;
    wait_pod(&files, 2).await?;
    Ok(())
}

pub async fn an_image_that_does_not_run_is_put_back_and_not_tried_again(scene: Scene) -> Outcome {
    let files = running_instance(&scene, json!({})).await?;
    ask_for(&files, 2).await?;
    wait_pod(&files, 2).await?;
    kubelet_says(&files, waiting("ErrImagePull")).await?;
    wait_pod(&files, 1).await?;
    kubelet_says(&files, running("third", 60)).await?;
    let told = wait_told(&files, "ImageRefused").await?;
    let conditions = told.status.unwrap_or_default().conditions;
    let says = |word: &str| conditions.iter().any(|found| found.message.contains(word));
    ensure!(says("ErrImagePull: not found"), "{conditions:?}");
    wait_event(&files, "ImageRefused", &image(&scene, 2)).await?;
    wait_template(&files, 1).await?;
    let refused = image(&scene, 2);
    wait_object::<StatefulSet>(&files, "files", "knows what was refused", |set| {
        let spec = set.spec.as_ref();
        let template = spec.and_then(|spec| spec.template.metadata.as_ref());
        let noted = template.and_then(|found| found.annotations.as_ref());
        let is_noted =
            noted.and_then(|all| all.get(labels::SIDECAR_REFUSED_IMAGE)) == Some(&refused);
        is_noted.then_some(()).ok_or_else(|| format!("{noted:?}"))
    })
    .await?;
    wait_observed(&files).await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, scene.began)?;
    let patches = writes
        .iter()
        .filter(|entry| entry.resource == "pods" && entry.code < 300);
    ensure!(patches.count() == 2, "it was tried again");
    // The next pod knows of it, too.
    let uid = files.pod().await?.uid();
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default().grace_period(0))
        .await?;
    let next = wait_object::<Pod>(&files, "files-0", "is another one", |pod| {
        if pod.uid() == uid {
            Err("it is the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    ensure!(
        next.annotations()
            .get(labels::SIDECAR_REFUSED_IMAGE)
            .map(String::as_str)
            == Some(&*image(&scene, 2)),
        "{:?}",
        next.annotations()
    );
    kubelet_says(&files, running("fourth", 60)).await?;
    ask_for(&files, 3).await?;
    wait_pod(&files, 3).await?;
    Ok(())
}

pub async fn with_the_next_pod_a_running_one_keeps_its_sidecar(scene: Scene) -> Outcome {
    let policy = json!({"sidecar": {"updatePolicy": "WithNextPod"}});
    let files = running_instance(&scene, policy).await?;
    ask_for(&files, 2).await?;
    wait_told(&files, "WithNextPod").await?;
    wait_template(&files, 2).await?;
    wait_observed(&files).await?;
    wait_pod(&files, 1).await?;
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default().grace_period(0))
        .await?;
    wait_pod(&files, 2).await?;
    // It cannot be pulled, and the server waits for its sidecar.
    kubelet_says(&files, waiting("ErrImagePull")).await?;
    wait_pod(&files, 1).await?;
    wait_told(&files, "ImageRefused").await?;
    wait_template(&files, 1).await?;
    Ok(())
}

async fn enforce(scene: &Scene, level: &str) -> Outcome {
    let patch = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
    Api::<Namespace>::all(scene.client.clone())
        .patch(
            &scene.namespace,
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?;
    Ok(())
}

/// Tries what the operator will try, without effect.
async fn is_allowed(files: &Instance) -> bool {
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch = json!({"spec": {"initContainers": [{"name": names::SIDECAR_CONTAINER, "image": image(&files.scene, 3)}]}});
    let pods = files.api::<Pod>();
    pods.patch("files-0", &parameters, &Patch::Strategic(patch))
        .await
        .is_ok()
}

pub async fn what_pod_security_refuses_is_told_and_not_asked_for_again(scene: Scene) -> Outcome {
    enforce(&scene, "privileged").await?;
    let unconfined = json!({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}});
    let files = running_instance(&scene, unconfined).await?;
    enforce(&scene, "restricted").await?;
    wait_for("PodSecurity to refuse the pod", API_DEADLINE, || async {
        if is_allowed(&files).await {
            Err("it does not".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    ask_for(&files, 2).await?;
    let told = wait_told(&files, "ImageRefused").await?;
    let conditions = told.status.unwrap_or_default().conditions;
    let says = |word: &str| conditions.iter().any(|found| found.message.contains(word));
    ensure!(says("violates PodSecurity"), "{conditions:?}");
    wait_pod(&files, 1).await?;
    wait_template(&files, 1).await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, scene.began)?;
    let refused = writes
        .iter()
        .filter(|entry| entry.resource == "pods" && entry.code == 403);
    ensure!(refused.count() == 1, "it was asked for again");
    Ok(())
}
