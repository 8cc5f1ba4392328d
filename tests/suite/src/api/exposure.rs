//! Published state becomes Services and NetworkPolicies, as the `DittoServer` asks for.

use dittofs_rig::audit::Entry;
use dittofs_rig::wait_for;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::seen::{Failed, lines, operator_writes, version, wait_object, without_pod};

async fn both_exposed(scene: &Scene, spec: Value) -> Result<Instance, Failed> {
    let files = Instance::create(scene, "files", spec).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    Ok(files)
}

/// Every field of `expected` is in `seen`; what else is there is the API server's.
fn lacks(seen: &Value, expected: &Value, path: &str) -> Option<String> {
    match (seen, expected) {
        (Value::Object(seen), Value::Object(expected)) => expected.iter().find_map(|(key, value)| {
            let seen = seen.get(key).unwrap_or(&Value::Null);
            lacks(seen, value, &format!("{path}.{key}"))
        }),
        (seen, expected) if seen == expected => None,
        (seen, expected) => Some(format!("{path} is {seen}, not {expected}")),
    }
}

fn has(object: &impl serde::Serialize, expected: &Value) -> Outcome {
    match lacks(&serde_json::to_value(object)?, expected, "") {
        None => Ok(()),
        Some(difference) => Err(difference.into()),
    }
}

pub async fn adapters_get_services_and_policies(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, without_pod()).await?;
    let services = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let policies = files.policies().await?;
    ensure!(
        policies == ["files-baseline", "files-nfs", "files-smb"],
        "the policies are {policies:?}"
    );
    let pod = json!({"app": "dittofs-server", "instance": "files"});
    let owner = files.api::<dittofs_shared::server::DittoServer>().get("files").await?;
    for (service, (name, port)) in services.iter().zip([("nfs", 12049), ("smb", 1445)]) {
        has(service, &json!({
            "metadata": {
                "labels": {"instance": "files", labels::ADAPTER: name, labels::MANAGED_BY: labels::MANAGED_BY_VALUE},
                "ownerReferences": [{
                    "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "name": "files",
                    "uid": owner.uid(), "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "type": "ClusterIP", "selector": pod, "publishNotReadyAddresses": true,
                "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"}],
            },
        }))?;
        let policy = files.api::<NetworkPolicy>().get(&format!("files-{name}")).await?;
        has(&policy, &json!({"spec": {
            "podSelector": {"matchLabels": pod}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
        }}))?;
    }
    let headless = files.api::<Service>().get("files-headless").await?;
    has(&headless, &json!({"spec": {"clusterIP": "None", "selector": pod, "publishNotReadyAddresses": true, "ports": [
        {"name": "nfs", "port": 12049, "targetPort": 12049, "protocol": "TCP"},
        {"name": "smb", "port": 1445, "targetPort": 1445, "protocol": "TCP"},
    ]}}))?;
    let baseline = files.api::<NetworkPolicy>().get("files-baseline").await?;
    has(&baseline, &json!({"spec": {"podSelector": {"matchLabels": pod}, "policyTypes": ["Ingress"], "ingress": null}}))
}

pub async fn one_adapter_has_its_own_type_port_labels_and_annotations(scene: Scene) -> Outcome {
    let spec = json!({"replicas": 0, "adapterServices": {
        "type": "ClusterIP",
        "annotations": {"example.com/all": "1", "example.com/who": "all"},
        "labels": {"tier": "files", "instance": "forged", labels::ADAPTER: "forged"},
        "overrides": {"smb": {
            "type": "NodePort", "port": 445, "annotations": {"example.com/who": "smb"}, "labels": {"tier": "office"},
        }},
    }});
    let files = both_exposed(&scene, spec).await?;
    let services = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 445)], API_DEADLINE)
        .await?;
    has(&services[0], &json!({
        "metadata": {
            "labels": {"tier": "files", "instance": "files", labels::ADAPTER: "nfs"},
            "annotations": {"example.com/all": "1", "example.com/who": "all"},
        },
        "spec": {"type": "ClusterIP"},
    }))?;
    has(&services[1], &json!({
        "metadata": {
            "labels": {"tier": "office", "instance": "files", labels::ADAPTER: "smb"},
            "annotations": {"example.com/all": "1", "example.com/who": "smb"},
        },
        "spec": {"type": "NodePort"},
    }))?;
    let port = &services[1].spec.as_ref().unwrap().ports.as_ref().unwrap()[0];
    has(port, &json!({"port": 445, "targetPort": 1445}))?;
    let policy = files.api::<NetworkPolicy>().get("files-smb").await?;
    has(&policy, &json!({"spec": {"ingress": [{"ports": [{"port": 1445, "protocol": "TCP"}]}]}}))?;
    // What is taken back in the DittoServer is taken back in the Service.
    let change = json!({"adapterServices": {"annotations": null, "overrides": {"smb": {"annotations": null}}}});
    files.change(change).await?;
    wait_object::<Service>(&files, "files-smb", "has lost our annotations", |service| {
        let foreign = service.annotations().keys().find(|key| key.starts_with("example.com/"));
        foreign.map_or(Ok(()), |key| Err(format!("it has {key}")))
    })
    .await?;
    Ok(())
}

pub async fn a_new_name_template_makes_the_new_services_before_it_removes_the_old(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, without_pod()).await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let mark = scene.world.cluster.audit().mark()?;
    files
        .change(json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}))
        .await?;
    files
        .wait_services(&[("nfs-of-files", 12049), ("smb-of-files", 1445)], API_DEADLINE)
        .await?;
    let writes = operator_writes(&scene, mark)?;
    let position = |verb: &str, name: &str| {
        let fits = |entry: &Entry| entry.resource == "services" && entry.verb == verb && entry.name == name;
        writes.iter().position(fits)
    };
    for adapter in ["nfs", "smb"] {
        let made = position("patch", &format!("{adapter}-of-files"));
        let removed = position("delete", &format!("files-{adapter}"));
        ensure!(
            made.is_some() && made < removed,
            "the Services of {adapter} were not made first:\n{}",
            lines(&writes)
        );
    }
    let policies = files.policies().await?;
    ensure!(
        policies == ["files-baseline", "files-nfs", "files-smb"],
        "the policies are {policies:?}"
    );
    Ok(())
}

pub async fn without_policies_ours_go_and_foreign_ones_stay(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, without_pod()).await?;
    let foreign: NetworkPolicy = serde_json::from_value(json!({
        "metadata": {"name": "files-extra", "labels": {"instance": "files", "app": "dittofs-server"}},
        "spec": {"podSelector": {"matchLabels": {"instance": "files"}}, "policyTypes": ["Ingress"]},
    }))?;
    let api = files.api::<NetworkPolicy>();
    let foreign = api.create(&PostParams::default(), &foreign).await?;
    let policies = |expected: &'static [&'static str]| {
        let files = files.clone();
        async move {
            wait_for(&format!("the policies {expected:?}"), API_DEADLINE, || async {
                let seen = files.policies().await.map_err(|error| error.to_string())?;
                if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
            })
            .await
        }
    };
    let all = &["files-baseline", "files-extra", "files-nfs", "files-smb"];
    policies(all).await?;
    files.change(json!({"networkPolicy": {"enabled": false}})).await?;
    policies(&["files-extra"]).await?;
    let now = api.get("files-extra").await?;
    ensure!(version(&foreign) == version(&now), "the foreign policy has been written to");
    files.wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE).await?;
    let peers = json!([{"ipBlock": {"cidr": "192.0.2.0/24"}}]);
    files.change(json!({"networkPolicy": {"enabled": true, "adapters": {"from": peers}}})).await?;
    policies(all).await?;
    let policy = api.get("files-nfs").await?;
    has(&policy, &json!({"spec": {"ingress": [{"from": peers, "ports": [{"port": 12049, "protocol": "TCP"}]}]}}))
}

pub async fn exposure_cluster_opens_the_api_and_loopback_closes_it(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let rule = |rule: Value| {
        let files = files.clone();
        async move {
            wait_object::<NetworkPolicy>(&files, &names::baseline_policy("files"), "has its rule", |policy| {
                let seen = json!(policy.spec.as_ref().and_then(|spec| spec.ingress.as_ref()));
                if seen == rule { Ok(()) } else { Err(seen.to_string()) }
            })
            .await
        }
    };
    rule(Value::Null).await?;
    files.change(json!({"controlPlane": {"exposure": "Cluster", "port": 9090}})).await?;
    let port = json!([{"port": 9090, "protocol": "TCP"}]);
    rule(json!([{"from": [{"podSelector": {}}], "ports": port}])).await?;
    let service = files.api::<Service>().get(&names::api_service("files")).await?;
    has(&service, &json!({"spec": {
        "type": "ClusterIP", "publishNotReadyAddresses": true,
        "selector": {"app": "dittofs-server", "instance": "files"},
        "ports": [{"name": "api", "port": 9090, "targetPort": 9090, "protocol": "TCP"}],
    }}))?;
    let peers = json!([{"namespaceSelector": {"matchLabels": {"team": "storage"}}}]);
    files.change(json!({"networkPolicy": {"api": {"from": peers}}})).await?;
    rule(json!([{"from": peers, "ports": port}])).await?;
    files.change(json!({"controlPlane": {"exposure": "Loopback"}})).await?;
    rule(Value::Null).await?;
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
