//! NetworkPolicies and who may reach the API.

use dittofs_rig::wait_for;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::exposure::{both_published, has};
use super::seen::{version, wait_object, without_pod};

async fn wait_policies(files: &Instance, expected: &[&str]) -> Outcome {
    wait_for(
        &format!("the policies {expected:?}"),
        API_DEADLINE,
        || async {
            let seen = files.policies().await.map_err(|error| error.to_string())?;
            if seen == expected {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        },
    )
    .await?;
    Ok(())
}

pub async fn without_policies_ours_go_and_foreign_ones_stay(scene: Scene) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    let foreign: NetworkPolicy = serde_json::from_value(json!({
        "metadata": {"name": "files-extra", "labels": {"instance": "files", "app": "dittofs-server"}},
        "spec": {"podSelector": {"matchLabels": {"instance": "files"}}, "policyTypes": ["Ingress"]},
    }))?;
    let api = files.api::<NetworkPolicy>();
    let foreign = api.create(&PostParams::default(), &foreign).await?;
    let all = ["files-baseline", "files-extra", "files-nfs", "files-smb"];
    wait_policies(&files, &all).await?;
    files
        .change(json!({"networkPolicy": {"enabled": false}}))
        .await?;
    wait_policies(&files, &["files-extra"]).await?;
    let now = api.get("files-extra").await?;
    ensure!(
        version(&foreign) == version(&now),
        "the foreign policy has been written to"
    );
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let peers = json!([{"ipBlock": {"cidr": "192.0.2.0/24"}}]);
    files
        .change(json!({"networkPolicy": {"enabled": true, "adapters": {"from": peers}}}))
        .await?;
    wait_policies(&files, &all).await?;
    let policy = api.get("files-nfs").await?;
    has(
        &policy,
        &json!({"spec": {"ingress": [{"from": peers, "ports": [{"port": 12049, "protocol": "TCP"}]}]}}),
    )
}

async fn wait_baseline(files: &Instance, rules: Value) -> Outcome {
    wait_object::<NetworkPolicy>(
        files,
        &names::baseline_policy("files"),
        "has its rules",
        |policy| {
            let seen = json!(policy.spec.as_ref().and_then(|spec| spec.ingress.as_ref()));
            if seen == rules {
                Ok(())
            } else {
                Err(seen.to_string())
            }
        },
    )
    .await?;
    Ok(())
}

pub async fn exposure_cluster_opens_the_api_and_loopback_closes_it(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    wait_baseline(&files, Value::Null).await?;
    files
        .change(json!({"controlPlane": {"exposure": "Cluster", "port": 9090}}))
        .await?;
    let port = json!([{"port": 9090, "protocol": "TCP"}]);
    wait_baseline(
        &files,
        json!([{"from": [{"podSelector": {}}], "ports": port}]),
    )
    .await?;
    let service =
        wait_object::<Service>(&files, &names::api_service("files"), "is there", |_| Ok(()))
            .await?;
    has(
        &service,
        &json!({"spec": {
            "type": "ClusterIP", "publishNotReadyAddresses": true,
            "selector": {"app": "dittofs-server", "instance": "files"},
            "ports": [{"name": "api", "port": 9090, "targetPort": 9090, "protocol": "TCP"}],
        }}),
    )?;
    let peers = json!([{"namespaceSelector": {"matchLabels": {"team": "storage"}}}]);
    files
        .change(json!({"networkPolicy": {"api": {"from": peers}}}))
        .await?;
    wait_baseline(&files, json!([{"from": peers, "ports": port}])).await?;
    files
        .change(json!({"controlPlane": {"exposure": "Loopback"}}))
        .await?;
    wait_baseline(&files, Value::Null).await?;
    let services = files.api::<Service>();
    wait_for("the Service of the API to go", API_DEADLINE, || async {
        match services.get_opt("files-api").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}
