//! What the owner of a namespace or of the cloud limits: the operator says what was refused, makes the rest, and does
//! not write again and again.

use dittofs_rig::{Admission, Requests, load_balancer, wait_for};
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use kube::api::ListParams;
use serde_json::{Value, json};
use std::time::Duration;

use super::exposure::both_published;
use super::rewritten::are_quiet;
use super::seen::{Failed, good, pod_never_runs, wait_object, without_pod};

async fn wait_refused(files: &Instance, words: &str) -> Outcome {
    let what = format!("Ready=False that says {words:?}");
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let conditions = server.status.iter().flat_map(|status| &status.conditions);
            let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
            match ready.next() {
                Some(ready) if ready.status == "False" && ready.message.contains(words) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    Ok(())
}

async fn wait_ready(files: &Instance) -> Result<DittoServer, Failed> {
    files
        .wait_condition("Ready", "True", None, API_DEADLINE + API_DEADLINE)
        .await
}

pub async fn a_quota_that_is_used_up_is_told_and_stops_nothing_else(scene: Scene) -> Outcome {
    let admission = Admission::of(&scene.client, &scene.namespace);
    admission.quota(json!({"services": "2"})).await?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    // One of the two places is that of this one.
    wait_object::<Service>(&files, "files-headless", "is there", |_| Ok(())).await?;
    files.publish(good()).await?;
    wait_refused(&files, "exceeded quota: quota").await?;
    let services = files.adapter_services().await?;
    ensure!(services.len() == 1, "{services:?}");
    ensure!(
        files.policies().await?.contains(&"files-smb".to_owned()),
        "the policies wait for the Service"
    );
    admission.lift_quota().await?;
    files
        .wait_services(
            &[("files-nfs", 12049), ("files-smb", 1445)],
            API_DEADLINE + API_DEADLINE,
        )
        .await?;
    wait_ready(&files).await?;
    are_quiet(&[files], &scene).await
}

pub async fn default_limits_of_a_namespace_restart_nobody(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let admission = Admission::of(&scene.client, &scene.namespace);
    admission
        .default_limits(json!({"cpu": "250m", "memory": "64Mi"}))
        .await?;
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let limited = |pod: &Pod| {
        let spec = json!(pod.spec);
        if is_ready(pod) && spec["containers"][0]["resources"]["limits"]["cpu"] == "250m" {
            Ok(())
        } else {
            Err(spec.to_string())
        }
    };
    let pod = wait_object::<Pod>(&files, "files-0", "is limited", limited).await?;
    let all = [files];
    are_quiet(&all, &scene).await?;
    let [files] = all;
    let now = files.pod().await?;
    ensure!(pod.metadata.uid == now.metadata.uid, "it was restarted");
    Ok(())
}

pub async fn what_a_policy_forbids_is_told_in_its_own_words(scene: Scene) -> Outcome {
    let mut admission = Admission::of(&scene.client, &scene.namespace);
    let services = Requests::writing("", "v1", "services");
    let (holds, words) = (
        "object.spec.type != \"NodePort\"",
        "no node ports in this house",
    );
    admission.validate("ports", services, holds, words).await?;
    let probe = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe"},
        "spec": {"type": "NodePort", "ports": [{"port": 1}]},
    });
    let refused = |made: &Value| made["refused"].to_string().contains(words);
    admission
        .wait("the policy to hold", &probe, refused)
        .await?;
    let mut spec = without_pod();
    spec["adapterServices"]["overrides"] = json!({"smb": {"type": "NodePort"}});
    let files = both_published(&scene, spec).await?;
    wait_refused(&files, words).await?;
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    files
        .change(json!({"adapterServices": {"overrides": null}}))
        .await?;
    wait_ready(&files).await?;
    are_quiet(&[files], &scene).await?;
    admission.remove().await?;
    Ok(())
}

/// The Events of the cloud about a Service.
async fn refusals(files: &Instance, service: &str) -> Result<Vec<Event>, Failed> {
    let about = format!(
        "involvedObject.name={service},reason={}",
        load_balancer::REFUSED
    );
    let events = files.api::<Event>();
    let events = events.list(&ListParams::default().fields(&about)).await?;
    Ok(events.items)
}

pub async fn a_load_balancer_that_the_cloud_refuses_gets_its_address_later(
    scene: Scene,
) -> Outcome {
    let spec = json!({"replicas": 0, "adapterServices": {
        "type": "LoadBalancer",
        "annotations": {load_balancer::REFUSE: "the account has no addresses left"},
    }});
    let files = Instance::create(&scene, "files", spec).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    wait_for("the cloud to refuse it twice", API_DEADLINE, || async {
        let events = refusals(&files, "files-nfs").await;
        let events = events.map_err(|error| error.to_string())?;
        let counts: Vec<_> = events.iter().map(|event| event.count).collect();
        if events.len() == 1 && counts[0] >= Some(2) {
            Ok(())
        } else {
            Err(format!("{counts:?}"))
        }
    })
    .await?;
    let server = files.api::<DittoServer>().get("files").await?;
    let adapters = server.status.unwrap_or_default().adapters;
    ensure!(
        adapters.iter().all(|adapter| adapter.address.is_none()),
        "{adapters:?}"
    );
    let all = [files];
    are_quiet(&all, &scene).await?;
    let [files] = all;
    files
        .change(json!({"adapterServices": {"annotations": null}}))
        .await?;
    wait_ready(&files).await?;
    Ok(())
}
