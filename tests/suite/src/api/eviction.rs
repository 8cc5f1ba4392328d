//! What a drain of a node may do: the API server answers an eviction, for each state that the kubelet can report of the pod. No
//! kubelet is needed: the pod is never scheduled, and the test writes its status.

use dittofs_rig::wait_for;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Instant;

use super::seen::{Failed, pod_never_runs, settled, wait_object};

/// What the API server answers to an eviction.
const REFUSED: u16 = 429;
const GRANTED: u16 = 201;

/// A container as the kubelet reports it.
fn container(name: &str, started: bool, ready: bool, state: &Value) -> Value {
    json!({
        "name": name, "image": "", "imageID": "", "restartCount": 0, "started": started, "ready": ready, "state": state,
    })
}

fn runs(name: &str, started: bool, ready: bool) -> Value {
    container(name, started, ready, &json!({"running": {}}))
}

fn crashes(name: &str) -> Value {
    let state = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    container(name, false, false, &state)
}

fn server(started: bool, ready: bool) -> Value {
    runs(names::SERVER_CONTAINER, started, ready)
}

fn sidecar() -> Value {
    runs(names::SIDECAR_CONTAINER, true, true)
}

/// The status of a pod that runs. `ready` is what its conditions say: of the whole pod, and of its containers.
fn status(server: &Value, sidecar: &Value, ready: [bool; 2]) -> Value {
    let [pod, containers] = ready.map(|ready| if ready { "True" } else { "False" });
    json!({
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": pod}, {"type": "ContainersReady", "status": containers}],
        "containerStatuses": [server], "initContainerStatuses": [sidecar],
    })
}

async fn report(files: &Instance, status: Value) -> Outcome {
    let patch = Patch::Merge(json!({"status": status}));
    files
        .api::<Pod>()
        .patch_status("files-0", &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

/// An instance whose pod is reported to be well, and the operator has seen that.
async fn well(scene: &Scene) -> Result<Instance, Failed> {
    let files = Instance::create(scene, "files", pod_never_runs()).await?;
    wait_object::<Pod>(&files, "files-0", "is there", |_| Ok(())).await?;
    report(&files, status(&server(true, true), &sidecar(), [true; 2])).await?;
    files
        .wait_condition("Available", "True", None, API_DEADLINE)
        .await?;
    wait_healthy(&files, 1).await?;
    Ok(files)
}

/// Waits until the controller of the budget has seen as many healthy pods.
async fn wait_healthy(files: &Instance, expected: i32) -> Outcome {
    let what = format!("counts {expected} healthy pods");
    wait_object::<PodDisruptionBudget>(files, "files", &what, |budget| {
        let now = budget.status.as_ref();
        let is_counted = now.is_some_and(|now| {
            now.current_healthy == expected && now.observed_generation == budget.metadata.generation
        });
        is_counted.then_some(()).ok_or_else(|| format!("{now:?}"))
    })
    .await?;
    Ok(())
}

/// Waits until an eviction is answered like this. Returns how long that took, in milliseconds.
async fn wait_answer(files: &Instance, expected: u16, when: &str) -> Result<u128, Failed> {
    let began = Instant::now();
    let what = format!("an eviction to be answered with {expected} {when}");
    wait_for(&what, API_DEADLINE, || async {
        match files.try_eviction().await {
            Ok(code) if code == expected => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(began.elapsed().as_millis())
}

/// Not only in the moment before the operator has done something about it.
async fn stays_refused(scene: &Scene, files: &Instance, when: &str) -> Outcome {
    settled(scene).await?;
    let code = files.try_eviction().await?;
    ensure!(
        code == REFUSED,
        "{when}, an eviction is answered with {code}"
    );
    Ok(())
}

pub async fn a_server_that_serves_is_not_evicted_whatever_its_sidecar_does(
    scene: Scene,
) -> Outcome {
    let files = well(&scene).await?;
    stays_refused(&scene, &files, "while all is well").await?;
    let crashing = crashes(names::SIDECAR_CONTAINER);
    report(&files, status(&server(true, true), &crashing, [false; 2])).await?;
    wait_healthy(&files, 0).await?;
    stays_refused(&scene, &files, "while the sidecar crashes").await
}

pub async fn a_server_that_crashes_or_hangs_does_not_hold_up_a_drain(scene: Scene) -> Outcome {
    let files = well(&scene).await?;
    for (state, when) in [
        (crashes(names::SERVER_CONTAINER), "while the server crashes"),
        (server(false, false), "while the server starts"),
        (server(true, false), "while the server does not answer"),
    ] {
        report(&files, status(&state, &sidecar(), [false; 2])).await?;
        let lag = wait_answer(&files, GRANTED, when).await?;
        println!("{when}, an eviction is granted after {lag} ms");
        // It comes back, and for the pod to be unready its sidecar has to be down.
        let crashing = crashes(names::SIDECAR_CONTAINER);
        report(&files, status(&server(true, true), &crashing, [false; 2])).await?;
        let lag = wait_answer(&files, REFUSED, "when the server is back").await?;
        println!("when the server is back, an eviction is refused after {lag} ms");
        stays_refused(&scene, &files, "when the server is back").await?;
    }
    Ok(())
}

/// The kubelet says nothing any more, and the controller of nodes only takes away that the pod is ready.
pub async fn a_pod_on_a_lost_node_does_not_hold_up_a_drain(scene: Scene) -> Outcome {
    let files = well(&scene).await?;
    report(
        &files,
        status(&server(true, true), &sidecar(), [false, true]),
    )
    .await?;
    wait_answer(&files, GRANTED, "when the node is lost").await?;
    Ok(())
}
