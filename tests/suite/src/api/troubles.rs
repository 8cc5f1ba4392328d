//! What a `DittoServer` says when its spec, its Secrets or its adapters are the cause, and when the operator leaves it alone.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::Reports;
use dittofs_suite::Outcome;
use dittofs_suite::go_operator::{Extra, GoOperator};
use dittofs_suite::instance::{Instance, adapter, merge};
use dittofs_suite::kubelet::Kubelet;
use dittofs_suite::troubleshooting::{describes, shows};
use dittofs_suite::world::Scene;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use std::time::Duration;

use super::secrets::fill;
use super::seen::{good, pod_never_runs, without_pod};
use super::storage::bound;

/// A provisioner that is not there: nobody provisions, and nothing can grow.
async fn class_without_provisioner(scene: &Scene) -> Outcome {
    let class: StorageClass = serde_json::from_value(json!({
        "metadata": {"name": scene.namespace}, "provisioner": "example.com/absent",
    }))?;
    Api::<StorageClass>::all(scene.client.clone())
        .create(&PostParams::default(), &class)
        .await?;
    Ok(())
}

pub async fn what_the_spec_asks_for_and_cannot_have_is_told(scene: Scene) -> Outcome {
    class_without_provisioner(&scene).await?;
    let key = |key: &str| json!({"identity": {"jwt": {"secretRef": {"name": "keys", "key": key}}}});
    let other = Instance::create(&scene, "other", {
        let mut spec = without_pod();
        merge(&mut spec, key("wrong"));
        spec
    })
    .await?;
    shows(&other, "Secret missing").await?;
    fill(&other, "keys", "right", &"k".repeat(40)).await?;
    shows(&other, "Key missing in a Secret").await?;
    for (name, more, failure) in [
        (
            "reserved",
            json!({"configOverrides": {"metrics": {"port": 9100}}}),
            "configOverrides refused",
        ),
        (
            "pending",
            json!({"replicas": 1, "storage": {"storageClassName": scene.namespace}}),
            "Volume not provisioned",
        ),
    ] {
        let mut spec = without_pod();
        merge(&mut spec, more);
        let instance = Instance::create(&scene, name, spec).await?;
        shows(&instance, failure).await?;
    }
    let misspelt = json!({"replicas": 0, "configOverrides": {"loging": {"level": "DEBUG"}}});
    let misspelt = Instance::create(&scene, "misspelt", misspelt).await?;
    describes(&misspelt, "configOverrides misspelt").await?;
    let classes: Api<StorageClass> = Api::all(scene.client.clone());
    classes
        .delete(&scene.namespace, &DeleteParams::default())
        .await?;
    Ok(())
}

/// What a sidecar publishes that the server refuses.
fn refused() -> Value {
    let server = ServerState {
        status: ServerStatus::Refused,
        since: "2026-01-01T00:00:00Z".parse().unwrap(),
        message: Some("401 Unauthorized".to_owned()),
    };
    json!(
        PublishedState {
            server,
            adapters: Some(good()),
            reports: Reports::default(),
        }
        .encode()
    )
}

pub async fn what_keeps_adapters_from_being_reached_is_told(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let taken = bound(&scene, json!({})).await?;
    let unbound = Adapter {
        running: false,
        ..adapter("smb", 1445)
    };
    taken.publish(vec![adapter("nfs", 12049), unbound]).await?;
    shows(&taken, "Port of an adapter taken in the pod").await?;
    taken
        .publish(vec![adapter("nfs", 12049), adapter("smb", 8081)])
        .await?;
    shows(&taken, "Port of an adapter reserved").await?;
    taken.publish_data(refused()).await?;
    shows(&taken, "Credentials refused").await?;
    taken
        .publish(vec![adapter("nfs", 2049), adapter("smb", 2049)])
        .await?;
    taken
        .change(json!({"adapterServices": {"mode": "Shared"}}))
        .await?;
    shows(&taken, "Two adapters with one port").await
}

pub async fn a_server_that_is_left_alone_is_told(scene: Scene) -> Outcome {
    let mut spec = pod_never_runs();
    merge(&mut spec, json!({"paused": true}));
    let theirs = Instance::create(&scene, "theirs", spec).await?;
    describes(&theirs, "Paused").await?;
    let server = theirs.api::<DittoServer>().get("theirs").await?;
    let operator = GoOperator {
        field_manager: "manager",
    };
    operator
        .reconcile(&scene.client, &server, Extra::Plain)
        .await?;
    theirs.change(json!({"paused": false})).await?;
    shows(&theirs, "Another operator manages it").await
}
