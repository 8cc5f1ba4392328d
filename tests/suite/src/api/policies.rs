//! NetworkPolicies and who may reach the API.

use dittofs_rig::audit::Entry;
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
use super::seen::{lines, operator_writes, settled, version, wait_object, without_pod, write};

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

async fn wait_policy(files: &Instance, name: &str, expected: Value) -> Outcome {
    let what = format!("has {expected}");
    wait_object::<NetworkPolicy>(files, name, &what, |policy| {
        has(policy, &expected).map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

pub async fn peers_of_adapters_metrics_and_egress_are_in_the_policies(scene: Scene) -> Outcome {
    let [all, smb, prometheus] = ["all", "smb", "prometheus"]
        .map(|who| json!([{"podSelector": {"matchLabels": {"who": who}}}]));
    let spec = json!({
        "replicas": 0, "metrics": {"enabled": true, "port": 9091},
        "adapterServices": {"type": "ClusterIP", "overrides": {"nfs": {"discoveryPorts": ["Portmapper"]}}},
        "networkPolicy": {
            "adapters": {"from": all, "overrides": {"smb": {"from": smb}}},
            "egress": {"rules": [{"to": prometheus}]},
        },
    });
    let files = both_published(&scene, spec).await?;
    let port = |port: i32, protocol: &str| json!({"port": port, "protocol": protocol});
    let nfs = json!([port(10111, "TCP"), port(10111, "UDP"), port(12049, "TCP")]);
    let rules =
        |from: &Value, ports: Value| json!({"spec": {"ingress": [{"from": from, "ports": ports}]}});
    wait_policy(&files, "files-nfs", rules(&all, nfs)).await?;
    wait_policy(&files, "files-smb", rules(&smb, json!([port(1445, "TCP")]))).await?;
    let everybody = json!([{"namespaceSelector": {}}]);
    let metrics = json!([port(9091, "TCP")]);
    wait_policy(&files, "files-baseline", rules(&everybody, metrics.clone())).await?;
    let egress = json!([
        {"ports": [port(53, "UDP"), port(53, "TCP")]},
        {"ports": [port(443, "TCP"), port(6443, "TCP")]},
        {"to": prometheus},
    ]);
    let both = json!({"spec": {"policyTypes": ["Ingress", "Egress"], "egress": egress}});
    wait_policy(&files, "files-baseline", both).await?;
    files
        .change(json!({"networkPolicy": {"egress": null, "metrics": {"from": prometheus}}}))
        .await?;
    wait_policy(&files, "files-baseline", rules(&prometheus, metrics)).await?;
    let one = json!({"spec": {"policyTypes": ["Ingress"], "egress": null}});
    wait_policy(&files, "files-baseline", one).await
}

pub async fn rules_that_somebody_adds_go(scene: Scene) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    wait_policies(&files, &["files-baseline", "files-nfs", "files-smb"]).await?;
    settled(&scene).await?;
    let more = json!([{"ports": [{"port": 22, "protocol": "TCP"}]}]);
    for name in ["files-baseline", "files-smb"] {
        let before = files.api::<NetworkPolicy>().get(name).await?;
        for added in [
            json!({"ingress": more}),
            json!({"egress": more}),
            json!({"egress": more, "policyTypes": ["Ingress", "Egress"]}),
        ] {
            write::<NetworkPolicy>(&files, "kubectl-edit", name, json!({"spec": added})).await?;
            wait_object::<NetworkPolicy>(&files, name, "is as it was", |policy| {
                if policy.spec == before.spec {
                    Ok(())
                } else {
                    Err(format!("{:?}", policy.spec))
                }
            })
            .await?;
        }
    }
    settled(&scene).await
}

pub async fn the_pod_is_closed_last_and_opened_first(scene: Scene) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    let all = ["files-baseline", "files-nfs", "files-smb"];
    wait_policies(&files, &all).await?;
    for (enabled, verb, expected) in [
        (false, "delete", "files-baseline"),
        (true, "patch", "files-nfs"),
    ] {
        settled(&scene).await?;
        let mark = scene.world.cluster.audit().mark()?;
        files
            .change(json!({"networkPolicy": {"enabled": enabled}}))
            .await?;
        wait_for("the writes of all policies", API_DEADLINE, || async {
            let writes = operator_writes(&scene, mark).map_err(|error| error.to_string())?;
            let mine = |entry: &&Entry| entry.resource == "networkpolicies" && entry.verb == verb;
            let names: Vec<_> = writes
                .iter()
                .filter(mine)
                .map(|entry| entry.name.as_str())
                .collect();
            let last = if enabled {
                names.last() == Some(&"files-baseline")
            } else {
                true
            };
            if names.len() == all.len() && names.first() == Some(&expected) && last {
                Ok(())
            } else {
                Err(lines(&writes))
            }
        })
        .await?;
    }
    Ok(())
}

pub async fn what_services_lead_to_stays_open_while_nothing_is_known(scene: Scene) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    let all = ["files-baseline", "files-nfs", "files-smb"];
    wait_policies(&files, &all).await?;
    files
        .change(json!({"networkPolicy": {"enabled": false}}))
        .await?;
    wait_policies(&files, &[]).await?;
    files
        .publish_data(json!({"schema": "v9", "adapters": "[]", "server": "{}"}))
        .await?;
    settled(&scene).await?;
    files
        .change(json!({"networkPolicy": {"enabled": true}}))
        .await?;
    wait_policies(&files, &all).await?;
    let rule = json!({"spec": {"ingress": [{"ports": [{"port": 12049, "protocol": "TCP"}]}]}});
    wait_policy(&files, "files-nfs", rule).await
}
