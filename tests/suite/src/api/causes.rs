//! What others say or show is passed on as the reason of a condition: the API server, a load balancer, a node.

use dittofs_shared::crd::{DittoServer, Phase};
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::troubleshooting::describes;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Service};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::time::Duration;

use super::exposure::both_published;
use super::seen::{Failed, wait_event, wait_object, wait_service_refused, without_pod};

/// Longer than a load balancer may take, and than it takes the node controller to notice a silence.
const PATIENCE: Duration = Duration::from_mins(2);

fn message(server: &DittoServer, r#type: &str) -> String {
    let conditions = server.status.iter().flat_map(|status| &status.conditions);
    let mut found = conditions.filter(|condition| condition.type_ == r#type);
    found
        .next()
        .map(|found| found.message.clone())
        .unwrap_or_default()
}

pub async fn a_refusal_is_the_sentence_of_the_api_server(scene: Scene) -> Outcome {
    let quotas: Api<ResourceQuota> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"count/services": "0"}}});
    quotas
        .create(&PostParams::default(), &serde_json::from_value(quota)?)
        .await?;
    wait_service_refused(&scene, "probe", |status| status.code == 403).await?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let server = files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let start = "cannot write Service files-headless: the API server refused: services \"files-headless\" is forbidden: ";
    wait_event(&files, "ApplyFailed", start).await?;
    let said = message(&server, "Ready");
    let events = files.api::<Event>().list(&ListParams::default()).await?;
    let notes = events.items.into_iter().filter_map(|event| event.note);
    for text in notes.chain([said.clone()]) {
        let is_sentence = !text.contains("Status {") && !text.contains(char::is_control);
        ensure!(is_sentence, "{text:?}");
    }
    ensure!(said.starts_with(start), "{said}");
    Ok(())
}

/// As the controller of a load balancer does it.
async fn write_status(files: &Instance, service: &str, status: &Value) -> Outcome {
    let api = files.api::<Service>();
    let patch = json!({"status": status});
    api.patch_status(service, &PatchParams::default(), &Patch::Merge(patch))
        .await?;
    Ok(())
}

/// No cloud serves the class of these load balancers.
pub async fn a_load_balancer_without_an_address_is_told_after_a_minute(scene: Scene) -> Outcome {
    let spec = json!({
        "storage": {"storageClassName": "nowhere"},
        "adapterServices": {"type": "LoadBalancer", "loadBalancerClass": "example.com/by-hand"},
    });
    let files = both_published(&scene, spec).await?;
    let exposed = Some("AdaptersExposed");
    files
        .wait_condition("AdaptersReady", "True", exposed, API_DEADLINE)
        .await?;
    // The Services were made one after the other: without it, a minute is over for each at another time.
    let address = |ip: &str| json!({"loadBalancer": {"ingress": [{"ip": ip}]}});
    write_status(&files, "files-nfs", &address("203.0.113.1")).await?;
    let refused = json!({"conditions": [{
        "type": "example.com/AddressAssigned", "status": "False", "reason": "NoPool", "message": "no pool has a free address",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]});
    write_status(&files, "files-smb", &refused).await?;
    let reported = Some("LoadBalancerError");
    let server = files
        .wait_condition("AdaptersReady", "False", reported, API_DEADLINE)
        .await?;
    let said = message(&server, "AdaptersReady");
    let expected = "adapter smb: Service files-smb: its controller reports example.com/AddressAssigned=False: NoPool: no pool has a free \
                    address";
    ensure!(said == expected, "{said}");
    write_status(&files, "files-smb", &json!({"conditions": null})).await?;
    let server = files
        .wait_condition("AdaptersReady", "False", Some("AddressMissing"), PATIENCE)
        .await?;
    let said = message(&server, "AdaptersReady");
    ensure!(
        said.contains("kubectl describe service files-smb"),
        "{said}"
    );
    wait_event(&files, "AddressMissing", "Service files-smb").await?;
    write_status(&files, "files-smb", &address("203.0.113.2")).await?;
    files
        .wait_condition("AdaptersReady", "True", exposed, API_DEADLINE)
        .await?;
    Ok(())
}

/// A node of which no kubelet reports anything, and nothing is scheduled to it.
async fn silent_node(scene: &Scene, name: &str) -> Result<Api<Node>, Failed> {
    let nodes: Api<Node> = Api::all(scene.client.clone());
    let node = json!({"metadata": {"name": name}, "spec": {"unschedulable": true}});
    nodes
        .create(&PostParams::default(), &serde_json::from_value(node)?)
        .await?;
    let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second())?;
    let ready = json!({"status": {"conditions": [
        {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "lastTransitionTime": now},
    ]}});
    nodes
        .patch_status(name, &PatchParams::default(), &Patch::Merge(ready))
        .await?;
    Ok(nodes)
}

/// Puts the pod on the node, where its containers become ready.
async fn runs_on(files: &Instance, node: &str) -> Outcome {
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": "files-0"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    let pods = files.api::<Pod>();
    pods.create_subresource::<Value, Value>("binding", "files-0", &PostParams::default(), &binding)
        .await?;
    wait_object::<Pod>(files, "files-0", "to be ready", |pod| {
        is_ready(pod)
            .then_some(())
            .ok_or_else(|| "it is not".to_owned())
    })
    .await?;
    let ready = json!({"status": {"conditions": [
        {"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"},
    ]}});
    pods.patch_status("files-0", &PatchParams::default(), &Patch::Strategic(ready))
        .await?;
    Ok(())
}

/// The node controller of the cluster notices it, and marks the pod.
pub async fn a_node_that_stops_answering_is_told(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |pod| {
        let conditions = pod.status.iter().flat_map(|status| &status.conditions);
        let mut conditions = conditions.flatten();
        !conditions.any(|condition| condition.type_ == "ContainersReady")
    });
    let spec = json!({
        "adapterServices": {"type": "ClusterIP"}, "storage": {"storageClassName": "nowhere"},
    });
    let files = both_published(&scene, spec).await?;
    wait_object::<Pod>(&files, "files-0", "to be there", |_| Ok(())).await?;
    let node = format!("silent-{}", scene.namespace);
    // The time after which it is missed begins here.
    let nodes = silent_node(&scene, &node).await?;
    let told = is_told(&files, &node).await;
    nodes.delete(&node, &DeleteParams::default()).await?;
    told
}

async fn is_told(files: &Instance, node: &str) -> Outcome {
    runs_on(files, node).await?;
    files
        .wait_condition("Available", "True", None, API_DEADLINE)
        .await?;
    let reason = Some("NodeUnreachable");
    let server = files
        .wait_condition("Available", "Unknown", reason, PATIENCE)
        .await?;
    let said = message(&server, "Available");
    let since = format!("node {node} has not answered since 20");
    let taint = format!(
        "kubectl taint node {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    );
    for words in [since, taint] {
        ensure!(said.contains(&words), "{said}");
    }
    let phase = server.status.and_then(|status| status.phase);
    ensure!(phase == Some(Phase::Unknown), "the phase is {phase:?}");
    describes(files, "Node gone").await
}
