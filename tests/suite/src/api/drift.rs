//! What somebody changes by hand is put back, and what they add stays.

use dittofs_rig::wait_for;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::DeleteParams;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

use super::seen::{Failed, both_exposed, wait_config, wait_event, wait_object, without_pod, write};

async fn exposed(scene: &Scene) -> Result<Instance, Failed> {
    let files = both_exposed(scene, "files", without_pod()).await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    Ok(files)
}

/// Changes an object by hand and waits until the part at `pointer` is as it was.
async fn is_put_back<K>(files: &Instance, name: &str, pointer: &str, patch: Value) -> Outcome
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    let part = |object: &K| json!(object).pointer(pointer).cloned();
    let before = wait_object::<K>(files, name, "is there", |_| Ok(())).await?;
    let changed = write::<K>(files, "kubectl-edit", name, patch.clone()).await?;
    // Unless the operator was faster.
    ensure!(
        part(&changed) != part(&before),
        "{name}: {patch} changes nothing at {pointer}"
    );
    let what = format!("{pointer} is put back after {patch}");
    let after = wait_object::<K>(files, name, &what, |now| {
        if part(now) == part(&before) {
            Ok(())
        } else {
            Err(format!("{:?}", part(now)))
        }
    })
    .await?;
    ensure!(before.uid() == after.uid(), "{name} is another one");
    Ok(())
}

pub async fn a_service_changed_by_hand_is_put_back(scene: Scene) -> Outcome {
    let files = exposed(&scene).await?;
    let smb = |number: i32| json!({"name": "smb", "port": number, "targetPort": number, "protocol": "TCP"});
    let more = json!({"name": "ssh", "port": 22, "targetPort": 22, "protocol": "TCP"});
    let same = json!({"name": "smb", "port": 1445, "targetPort": 1445, "protocol": "TCP"});
    for (pointer, spec) in [
        ("/spec/selector", json!({"selector": {"instance": "other"}})),
        ("/spec/selector", json!({"selector": {"one": "more"}})),
        ("/spec/ports", json!({"ports": [smb(999)]})),
        ("/spec/ports", json!({"ports": [smb(999), more]})),
        ("/spec/ports", json!({"ports": [same, more]})),
        (
            "/spec/ports/0/targetPort",
            json!({"ports": [{"name": "smb", "port": 1445, "targetPort": 22, "protocol": "TCP"}]}),
        ),
        (
            "/spec/publishNotReadyAddresses",
            json!({"publishNotReadyAddresses": false}),
        ),
        ("/spec/type", json!({"type": "NodePort"})),
    ] {
        is_put_back::<Service>(&files, "files-smb", pointer, json!({"spec": spec})).await?;
    }
    wait_event(&files, "ServiceUpdated", "files-smb").await?;
    // After all that, a change of the port inside DittoFS is still followed, by a list with one port in it.
    for port in [1446, 1447] {
        files
            .publish(vec![adapter("nfs", 12049), adapter("smb", i64::from(port))])
            .await?;
        wait_object::<Service>(
            &files,
            "files-smb",
            "has one port, the new one",
            |service| {
                let ports = json!(service.spec.as_ref().and_then(|spec| spec.ports.as_ref()));
                let one = ports.as_array().is_some_and(|ports| ports.len() == 1);
                if one && ports[0]["port"] == port {
                    Ok(())
                } else {
                    Err(ports.to_string())
                }
            },
        )
        .await?;
    }
    Ok(())
}

pub async fn policies_changed_by_hand_are_put_back(scene: Scene) -> Outcome {
    let files = exposed(&scene).await?;
    let selector = json!({"spec": {"podSelector": {"matchLabels": {"one": "more"}}}});
    for name in ["files-baseline", "files-smb"] {
        is_put_back::<NetworkPolicy>(&files, name, "/spec/podSelector", selector.clone()).await?;
    }
    let closed = json!({"spec": {"ingress": [{
        "from": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": [{"port": 1445, "protocol": "TCP"}],
    }]}});
    is_put_back::<NetworkPolicy>(&files, "files-smb", "/spec/ingress", closed).await
}

pub async fn rights_changed_by_hand_are_put_back(scene: Scene) -> Outcome {
    let files = exposed(&scene).await?;
    let name = "files-sidecar";
    let everything =
        json!({"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]});
    is_put_back::<Role>(&files, name, "/rules", everything).await?;
    is_put_back::<RoleBinding>(&files, name, "/subjects", json!({"subjects": null})).await?;
    let mounted = json!({"automountServiceAccountToken": true});
    is_put_back::<ServiceAccount>(&files, name, "/automountServiceAccountToken", mounted).await
}

pub async fn what_the_pod_is_made_of_is_put_back_when_changed_by_hand(scene: Scene) -> Outcome {
    let files = exposed(&scene).await?;
    let settings = json!({"data": {"pollingInterval": "1h"}});
    is_put_back::<ConfigMap>(&files, "files-sidecar", "/data", settings).await?;
    for (pointer, spec) in [
        ("/spec/replicas", json!({"replicas": 1})),
        (
            "/spec/updateStrategy/type",
            json!({"updateStrategy": {"type": "RollingUpdate"}}),
        ),
    ] {
        is_put_back::<StatefulSet>(&files, "files", pointer, json!({"spec": spec})).await?;
    }
    let forged =
        json!({"metadata": {"labels": {"instance": "other", labels::MANAGED_BY: "somebody"}}});
    is_put_back::<Service>(&files, "files-nfs", "/metadata/labels", forged).await
}

pub async fn labels_and_annotations_of_others_stay(scene: Scene) -> Outcome {
    let files = exposed(&scene).await?;
    let theirs = json!({"metadata": {
        "labels": {"example.com/label": "mine"},
        "annotations": {"example.com/note": "mine"},
        "finalizers": ["example.com/finalizer"],
    }});
    write::<Service>(&files, "somebody", "files-smb", theirs).await?;
    write::<Service>(
        &files,
        "somebody",
        "files-smb",
        json!({"spec": {"sessionAffinity": "ClientIP"}}),
    )
    .await?;
    let services = files.moves_smb().await?;
    let smb = json!(services[1]);
    for (pointer, expected) in [
        ("/metadata/labels/example.com~1label", json!("mine")),
        ("/metadata/annotations/example.com~1note", json!("mine")),
        ("/metadata/finalizers", json!(["example.com/finalizer"])),
        ("/spec/sessionAffinity", json!("ClientIP")),
    ] {
        ensure!(
            smb.pointer(pointer) == Some(&expected),
            "{pointer} is {:?}",
            smb.pointer(pointer)
        );
    }
    // Nothing else would let the namespace go.
    write::<Service>(
        &files,
        "somebody",
        "files-smb",
        json!({"metadata": {"finalizers": null}}),
    )
    .await?;
    Ok(())
}

/// Deletes an object and waits until there is another one of its name.
async fn comes_back<K>(files: &Instance, name: &str) -> Outcome
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let api = files.api::<K>();
    let before = wait_object::<K>(files, name, "is there", |_| Ok(()))
        .await?
        .uid();
    api.delete(name, &DeleteParams::background()).await?;
    let what = format!("{} {name} to come back", K::kind(&()));
    wait_for(&what, API_DEADLINE, || async {
        match api.get_opt(name).await {
            Ok(Some(object)) if object.uid() != before => Ok(()),
            Ok(Some(_)) => Err("the old one is still there".to_owned()),
            other => Err(format!("{:?}", other.map(drop))),
        }
    })
    .await?;
    Ok(())
}

pub async fn what_is_deleted_by_hand_comes_back(scene: Scene) -> Outcome {
    let files = exposed(&scene).await?;
    comes_back::<ServiceAccount>(&files, "files-sidecar").await?;
    comes_back::<Role>(&files, "files-sidecar").await?;
    comes_back::<RoleBinding>(&files, "files-sidecar").await?;
    let config = wait_config(&files, |_| true).await?;
    comes_back::<ConfigMap>(&files, &config).await?;
    comes_back::<ConfigMap>(&files, "files-sidecar").await?;
    comes_back::<NetworkPolicy>(&files, "files-baseline").await?;
    comes_back::<NetworkPolicy>(&files, "files-smb").await?;
    comes_back::<Service>(&files, "files-headless").await?;
    comes_back::<Service>(&files, "files-smb").await?;
    comes_back::<StatefulSet>(&files, "files").await
}
