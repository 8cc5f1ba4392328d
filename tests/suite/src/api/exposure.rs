//! Published state becomes Services and NetworkPolicies, as the `DittoServer` asks for.

use dittofs_rig::audit::Entry;
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::seen::{Failed, lines, operator_writes, wait_object, without_pod};

pub async fn both_published(scene: &Scene, spec: Value) -> Result<Instance, Failed> {
    let files = Instance::create(scene, "files", spec).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    Ok(files)
}

/// Every field of `expected` is in `seen`; what else is there is the API server's.
fn lacks(seen: &Value, expected: &Value, path: &str) -> Option<String> {
    match (seen, expected) {
        (Value::Object(seen), Value::Object(expected)) => {
            expected.iter().find_map(|(key, value)| {
                let seen = seen.get(key).unwrap_or(&Value::Null);
                lacks(seen, value, &format!("{path}.{key}"))
            })
        }
        (seen, expected) if seen == expected => None,
        (seen, expected) => Some(format!("{path} is {seen}, not {expected}")),
    }
}

pub fn has(object: &impl serde::Serialize, expected: &Value) -> Outcome {
    match lacks(&serde_json::to_value(object)?, expected, "") {
        None => Ok(()),
        Some(difference) => Err(difference.into()),
    }
}

fn pod() -> Value {
    json!({"app": "dittofs-server", "instance": "files"})
}

async fn adapter_has_its_objects(files: &Instance, name: &str, port: i32) -> Outcome {
    let owner = files.api::<DittoServer>().get("files").await?;
    let service = files.api::<Service>().get(&format!("files-{name}")).await?;
    has(
        &service,
        &json!({
            "metadata": {
                "labels": {"instance": "files", labels::ADAPTER: name, labels::MANAGED_BY: labels::MANAGED_BY_VALUE},
                "ownerReferences": [{
                    "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "name": "files",
                    "uid": owner.uid(), "controller": true,
                }],
            },
            "spec": {
                "type": "ClusterIP", "selector": pod(), "publishNotReadyAddresses": true,
                "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"}],
            },
        }),
    )?;
    let policy = files
        .api::<NetworkPolicy>()
        .get(&format!("files-{name}"))
        .await?;
    has(
        &policy,
        &json!({"spec": {
            "podSelector": {"matchLabels": pod()}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
        }}),
    )
}

pub async fn adapters_get_services_and_policies(scene: Scene) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let policies = files.policies().await?;
    ensure!(
        policies == ["files-baseline", "files-nfs", "files-smb"],
        "the policies are {policies:?}"
    );
    adapter_has_its_objects(&files, "nfs", 12049).await?;
    adapter_has_its_objects(&files, "smb", 1445).await?;
    let expected = json!({"spec": {"clusterIP": "None", "selector": pod(), "publishNotReadyAddresses": true, "ports": [
        {"name": "nfs", "port": 12049, "targetPort": 12049, "protocol": "TCP"},
        {"name": "smb", "port": 1445, "targetPort": 1445, "protocol": "TCP"},
    ]}});
    wait_object::<Service>(&files, "files-headless", "has its ports", |headless| {
        has(headless, &expected).map_err(|error| error.to_string())
    })
    .await?;
    let baseline = files.api::<NetworkPolicy>().get("files-baseline").await?;
    has(
        &baseline,
        &json!({"spec": {"podSelector": {"matchLabels": pod()}, "policyTypes": ["Ingress"], "ingress": null}}),
    )
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
    let files = both_published(&scene, spec).await?;
    let services = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 445)], API_DEADLINE)
        .await?;
    has(
        &services[0],
        &json!({
            "metadata": {
                "labels": {"tier": "files", "instance": "files", labels::ADAPTER: "nfs"},
                "annotations": {"example.com/all": "1", "example.com/who": "all"},
            },
            "spec": {"type": "ClusterIP"},
        }),
    )?;
    has(
        &services[1],
        &json!({
            "metadata": {
                "labels": {"tier": "office", "instance": "files", labels::ADAPTER: "smb"},
                "annotations": {"example.com/all": "1", "example.com/who": "smb"},
            },
            "spec": {"type": "NodePort"},
        }),
    )?;
    let port = &services[1].spec.as_ref().unwrap().ports.as_ref().unwrap()[0];
    has(port, &json!({"port": 445, "targetPort": 1445}))?;
    let policy = files.api::<NetworkPolicy>().get("files-smb").await?;
    has(
        &policy,
        &json!({"spec": {"ingress": [{"ports": [{"port": 1445, "protocol": "TCP"}]}]}}),
    )?;
    Ok(())
}

pub async fn annotations_that_are_taken_back_go(scene: Scene) -> Outcome {
    let spec = json!({"replicas": 0, "adapterServices": {
        "type": "ClusterIP",
        "annotations": {"example.com/all": "1"},
        "overrides": {"smb": {"annotations": {"example.com/smb": "1"}}},
    }});
    let files = both_published(&scene, spec).await?;
    wait_object::<Service>(&files, "files-smb", "has our annotations", |service| {
        let ours = |key: &str| service.annotations().contains_key(key);
        if ours("example.com/all") && ours("example.com/smb") {
            Ok(())
        } else {
            Err(format!("{:?}", service.annotations()))
        }
    })
    .await?;
    let change = json!({"adapterServices": {"annotations": null, "overrides": {"smb": {"annotations": null}}}});
    files.change(change).await?;
    wait_object::<Service>(&files, "files-smb", "has lost our annotations", |service| {
        let foreign = service
            .annotations()
            .keys()
            .find(|key| key.starts_with("example.com/"));
        foreign.map_or(Ok(()), |key| Err(format!("it has {key}")))
    })
    .await?;
    Ok(())
}

pub async fn a_new_name_template_makes_the_new_services_before_it_removes_the_old(
    scene: Scene,
) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let mark = scene.world.cluster.audit().mark()?;
    files
        .change(json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}))
        .await?;
    files
        .wait_services(
            &[("nfs-of-files", 12049), ("smb-of-files", 1445)],
            API_DEADLINE,
        )
        .await?;
    // The record of a request comes a little later than its effect.
    wait_for(
        "each new Service before the end of the old one",
        API_DEADLINE,
        || async {
            let writes = operator_writes(&scene, mark).map_err(|error| error.to_string())?;
            let position = |verb: &str, name: &str| {
                let fits = |entry: &Entry| {
                    entry.resource == "services" && entry.verb == verb && entry.name == name
                };
                writes.iter().position(fits)
            };
            let in_order = |adapter: &str| {
                let made = position("patch", &format!("{adapter}-of-files"));
                made.is_some() && made < position("delete", &format!("files-{adapter}"))
            };
            if in_order("nfs") && in_order("smb") {
                Ok(())
            } else {
                Err(lines(&writes))
            }
        },
    )
    .await?;
    let policies = files.policies().await?;
    ensure!(
        policies == ["files-baseline", "files-nfs", "files-smb"],
        "the policies are {policies:?}"
    );
    Ok(())
}
