//! What a `DittoServer` says of itself, to people and to tools.

use dittofs_rig::audit::Mark;
use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde_json::json;

use super::seen::{
    Failed, lines, operator_writes, settled, wait_config, wait_object, without_pod, write,
};

/// The first status that a watch sees.
async fn first_status(api: &Api<DittoServer>, since: &str) -> Result<DittoServerStatus, Failed> {
    let parameters = WatchParams::default().fields("metadata.name=files");
    let mut events = std::pin::pin!(api.watch(&parameters, since).await?);
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Added(server) | WatchEvent::Modified(server) = event
            && let Some(status) = server.status
        {
            return Ok(status);
        }
    }
    Err("the watch has ended without a status".into())
}

/// Tools that follow kstatus take an object without conditions for ready, so that the first word must be that it is not.
pub async fn the_first_word_is_that_it_is_not_known_yet(scene: Scene) -> Outcome {
    let servers: Api<DittoServer> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let before = servers.list(&ListParams::default()).await?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let version = before.metadata.resource_version.unwrap_or_default();
    let first = tokio::time::timeout(API_DEADLINE, first_status(&servers, &version)).await??;
    ensure!(
        first.observed_generation == Some(1),
        "observedGeneration is {:?}",
        first.observed_generation
    );
    let told: Vec<_> = first
        .conditions
        .iter()
        .map(|condition| {
            (
                condition.type_.as_str(),
                condition.status.as_str(),
                condition.observed_generation,
            )
        })
        .collect();
    ensure!(
        told == [("Ready", "Unknown", Some(1))],
        "the first conditions are {told:?}"
    );
    // Stopped on purpose is as it should be.
    files
        .wait_condition("Ready", "True", Some("ScaledToZero"), API_DEADLINE)
        .await?;
    files
        .wait_condition("Available", "False", Some("ScaledToZero"), API_DEADLINE)
        .await?;
    files
        .wait_condition("Progressing", "False", None, API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn the_observed_generation_follows_every_change_of_the_spec(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    for (generation, level) in [(2, "WARN"), (3, "ERROR"), (4, "INFO")] {
        files
            .change(json!({"sidecar": {"logLevel": level}}))
            .await?;
        let server = files
            .wait_status("the generation to be observed", API_DEADLINE, |server| {
                let status = server.status.clone().unwrap_or_default();
                let behind = status
                    .conditions
                    .iter()
                    .find(|condition| condition.observed_generation != Some(generation));
                match (status.observed_generation, behind) {
                    (Some(seen), None) if seen == generation => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            })
            .await?;
        let types: Vec<_> = server
            .status
            .unwrap_or_default()
            .conditions
            .into_iter()
            .map(|c| c.type_)
            .collect();
        let expected = [
            "Ready",
            "ConfigReady",
            "StorageReady",
            "StatefulSetReady",
            "Available",
            "Authenticated",
            "AdaptersReady",
            "RollPending",
            "SidecarUpToDate",
            "Progressing",
        ];
        ensure!(types == expected, "the conditions are {types:?}");
    }
    Ok(())
}

async fn only_the_status_since(scene: &Scene, mark: Mark) -> Outcome {
    settled(scene).await?;
    let mut writes = operator_writes(scene, mark)?;
    writes.retain(|entry| entry.resource != "events" && entry.subresource != "status");
    ensure!(
        writes.is_empty(),
        "while paused the operator has written:\n{}",
        lines(&writes)
    );
    Ok(())
}

async fn catches_up(files: &Instance, before: &str) -> Outcome {
    files.change(json!({"paused": false})).await?;
    files
        .wait_services(&[("files-nfs", 12050), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let config = wait_config(files, |name| name != before).await?;
    wait_object::<ConfigMap>(files, &config, "is as asked for", |config| {
        let text = config
            .data
            .clone()
            .unwrap_or_default()
            .remove("config.yaml")
            .unwrap_or_default();
        if text.contains("DEBUG") && text.contains("0.0.0.0") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await?;
    let server = files.wait_complete().await?;
    let conditions = server.status.unwrap_or_default().conditions;
    ensure!(
        !conditions
            .iter()
            .any(|condition| condition.type_ == "Paused"),
        "{conditions:?}"
    );
    Ok(())
}

pub async fn while_paused_only_the_status_is_written(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let config = wait_config(&files, |_| true).await?;
    let mark = scene.world.cluster.audit().mark()?;
    files
        .publish(vec![adapter("nfs", 12050), adapter("smb", 1445)])
        .await?;
    files
        .change(json!({"logging": {"level": "DEBUG"}, "controlPlane": {"exposure": "Cluster"}}))
        .await?;
    let edit = json!({"data": {"pollingInterval": "1h"}});
    write::<ConfigMap>(&files, "somebody", "files-sidecar", edit).await?;
    files
        .wait_condition("Progressing", "False", Some("Paused"), API_DEADLINE)
        .await?;
    files
        .wait_status(
            "status.adapters to tell the latest",
            API_DEADLINE,
            |server| {
                let adapters = server.status.clone().unwrap_or_default().adapters;
                if adapters.len() == 2 {
                    Ok(())
                } else {
                    Err(format!("{adapters:?}"))
                }
            },
        )
        .await?;
    only_the_status_since(&scene, mark).await?;
    catches_up(&files, &config).await
}
