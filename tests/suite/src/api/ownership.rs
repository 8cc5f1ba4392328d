//! Who owns what: two writers on one ConfigMap, and objects of other people that have the names we want.

use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use super::seen::{Failed, pod_never_runs, version, wait_event, wait_object, without_pod};

async fn foreign_service(files: &Instance, name: &str) -> Result<Service, Failed> {
    let foreign = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"who": "somebody"}},
        "spec": {"selector": {"who": "somebody"}, "ports": [{"port": 80}]},
    }))?;
    Ok(files
        .api::<Service>()
        .create(&PostParams::default(), &foreign)
        .await?)
}

async fn is_untouched(files: &Instance, foreign: &Service) -> Outcome {
    let now = files.api::<Service>().get(&foreign.name_any()).await?;
    ensure!(
        version(foreign) == version(&now),
        "the foreign Service is now {now:?}"
    );
    Ok(())
}

pub async fn a_foreign_service_of_the_same_name_is_not_touched(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let foreign = foreign_service(&files, "files-smb").await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    // One name that is taken does not keep the rest from being made.
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    let server = files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let message = &server.status.unwrap_or_default().conditions[0].message;
    ensure!(
        message.contains("files-smb") && message.contains("Service"),
        "Ready says {message:?}"
    );
    wait_event(&files, "ApplyFailed", "files-smb").await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    is_untouched(&files, &foreign).await?;
    // The other one makes room, and it heals by itself.
    files
        .api::<Service>()
        .delete("files-smb", &DeleteParams::default())
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn an_address_stays_when_its_new_name_is_taken(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    let before = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let foreign = foreign_service(&files, "smb-of-files").await?;
    files
        .change(json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}))
        .await?;
    let after = files
        .wait_services(
            &[("files-smb", 1445), ("nfs-of-files", 12049)],
            API_DEADLINE,
        )
        .await?;
    files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    ensure!(
        before[1].uid() == after[0].uid(),
        "the Service is another one"
    );
    is_untouched(&files, &foreign).await
}

pub async fn two_instances_that_want_the_same_service_do_not_fight_over_it(
    scene: Scene,
) -> Outcome {
    let spec = json!({"adapterServices": {"type": "ClusterIP", "nameTemplate": "share-{adapter}"}, "replicas": 0});
    let first = Instance::create(&scene, "first", spec.clone()).await?;
    first.publish(vec![adapter("smb", 1445)]).await?;
    let before = first
        .wait_services(&[("share-smb", 1445)], API_DEADLINE)
        .await?;
    let second = Instance::create(&scene, "second", spec).await?;
    second.publish(vec![adapter("smb", 1446)]).await?;
    let server = second
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let message = &server.status.unwrap_or_default().conditions[0].message;
    ensure!(
        message.contains("share-smb") && message.contains("DittoServer first"),
        "Ready says {message:?}"
    );
    first
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let after = first
        .wait_services(&[("share-smb", 1445)], API_DEADLINE)
        .await?;
    ensure!(
        version(&before[0]) == version(&after[0]),
        "the Service has been written to"
    );
    Ok(())
}
