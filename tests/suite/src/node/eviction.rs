//! Drains of the node: who is evicted, as the kubelet reports the pod and the API server answers.

use dittofs_rig::wait_for;
use dittofs_suite::instance::{Instance, POD_DEADLINE};
use dittofs_suite::probe::Probe;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, processes};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::json;

use super::hardship::{nfs_address, other_sidecar, server_restarts};

/// What the API server answers to an eviction.
const REFUSED: u16 = 429;
const GRANTED: u16 = 201;

async fn wait_answer(files: &Instance, expected: u16, when: &str) -> Outcome {
    let what = format!("an eviction to be answered with {expected} {when}");
    wait_for(&what, POD_DEADLINE, || async {
        match files.try_eviction().await {
            Ok(code) if code == expected => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}

pub async fn a_server_whose_sidecar_is_unwell_is_not_evicted(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let probe = Probe::start(nfs_address(&files).await?);
    // The pod may be unready for no longer than a second or two at a time, so that both are done side by side.
    let not_ready = files.wait_condition(
        "StatefulSetReady",
        "False",
        Some("PodNotReady"),
        POD_DEADLINE,
    );
    tokio::select! {
        killed = kill_sidecars(&files) => killed?,
        told = not_ready => drop(told?),
    }
    wait_answer(&files, REFUSED, "while the sidecar crashes").await?;
    probe.finish().await?;
    let pod = files.pod().await?;
    ensure!(server_restarts(&pod) == 0, "the server restarted");
    Ok(())
}

/// Killed as soon as it is there, the sidecar waits for its next start, and the pod is not ready meanwhile.
async fn kill_sidecars(files: &Instance) -> Outcome {
    let pod = files.pod().await?;
    let mut killed = 0;
    loop {
        killed = other_sidecar(&pod, killed, "the next sidecar").await?;
        processes::kill(killed)?;
        let code = files.try_eviction().await?;
        ensure!(
            code == REFUSED,
            "with the sidecar dead an eviction is answered with {code}"
        );
    }
}

pub async fn a_server_that_crashes_is_evicted(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    wait_answer(&files, REFUSED, "while all is well").await?;
    let pod = files.pod().await?;
    // The operator may miss a crash from which it is soon back.
    tokio::select! {
        killed = kill_servers(&pod) => killed?,
        granted = wait_answer(&files, GRANTED, "while the server crashes") => granted?,
    }
    // It recovers, and is protected again.
    files.wait_ready().await?;
    let budgets = files.api::<PodDisruptionBudget>();
    wait_for("the budget to protect it", POD_DEADLINE, || async {
        let budget = budgets.get("files").await;
        let spec = budget.map_err(|error| error.to_string())?.spec;
        let policy = spec.and_then(|spec| spec.unhealthy_pod_eviction_policy);
        let is_protected = policy.as_deref() == Some("IfHealthyBudget");
        is_protected.then_some(()).ok_or(format!("{policy:?}"))
    })
    .await?;
    wait_answer(&files, REFUSED, "when the server is back").await
}

/// Killed as soon as it is there. Once it starts again at once; from then on the kubelet makes it wait.
async fn kill_servers(pod: &Pod) -> Outcome {
    let mut killed = 0;
    for round in 1.. {
        let what = format!("the server of round {round}");
        let found = wait_for(&what, POD_DEADLINE, || async {
            let found = processes::of_pod(pod, "/app/dfs");
            let other = found.iter().copied().find(|id| *id != killed);
            other.ok_or(format!("{found:?}"))
        });
        killed = found.await?;
        processes::kill(killed)?;
    }
    Ok(())
}
