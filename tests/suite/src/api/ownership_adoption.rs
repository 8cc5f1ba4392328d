//! Objects that have lost their owner, by `--cascade=orphan` or because a backup has brought them back: they are adopted
//! in place.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::seen::{
    Failed, both_exposed, good, pod_never_runs, settled, version, wait_object, without_pod, write,
};

/// All that the operator makes and Kubernetes collects with the owner, but the Secrets.
const KINDS: [(&str, &str); 9] = [
    ("", "ConfigMap"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apps", "StatefulSet"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("monitoring.coreos.com", "ServiceMonitor"),
];

fn api(scene: &Scene, group: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource)
}

/// What bears the label of the instance, by kind and name.
async fn belongings(files: &Instance) -> Result<BTreeMap<String, DynamicObject>, Failed> {
    let mut all = BTreeMap::new();
    let mine = ListParams::default().labels("instance=files");
    for (group, kind) in KINDS {
        for object in api(&files.scene, group, kind).list(&mine).await?.items {
            all.insert(format!("{kind} {}", object.name_any()), object);
        }
    }
    Ok(all)
}

fn uids(all: &BTreeMap<String, DynamicObject>) -> BTreeMap<String, Option<String>> {
    all.iter()
        .map(|(key, object)| (key.clone(), object.uid()))
        .collect()
}

fn with_metrics(mut spec: Value, monitor: bool) -> Value {
    spec["metrics"] = json!({"enabled": true, "serviceMonitor": {"enabled": monitor}});
    spec
}

async fn delete(files: &Instance, parameters: &DeleteParams) -> Outcome {
    let servers = files.api::<DittoServer>();
    servers.delete("files", parameters).await?;
    wait_for("the DittoServer to go", API_DEADLINE, || async {
        match servers.get_opt("files").await {
            Ok(None) => Ok(()),
            other => Err(format!(
                "{:?}",
                other.map(|server| server.map(|one| one.metadata))
            )),
        }
    })
    .await?;
    Ok(())
}

/// Waits until this `DittoServer` controls all of them.
async fn wait_adopted(files: &Instance) -> Result<BTreeMap<String, DynamicObject>, Failed> {
    let uid = files.api::<DittoServer>().get("files").await?.uid();
    let found = wait_for("every object to be adopted", API_DEADLINE, || async {
        let all = belongings(files).await.map_err(|error| error.to_string())?;
        let is_ours = |object: &DynamicObject| {
            let [owner] = object.owner_references() else {
                return false;
            };
            owner.controller == Some(true) && Some(&owner.uid) == uid.as_ref()
        };
        let mut others = all.iter().filter(|(_, object)| !is_ours(object));
        match others.next() {
            None => Ok(all),
            Some((key, object)) => Err(format!("{key}: {:?}", object.owner_references())),
        }
    });
    Ok(found.await?)
}

/// Without a ServiceMonitor: the garbage collector of a cluster this young does not know the kind yet, and would collect
/// it instead of taking its owner off.
pub async fn what_an_orphaning_deletion_leaves_is_adopted_in_place(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", with_metrics(without_pod(), false)).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let before = belongings(&files).await?;
    ensure!(before.len() >= 13, "only {:?}", before.keys());
    settled(&scene).await?;
    delete(&files, &DeleteParams::orphan()).await?;
    let left = belongings(&files).await?;
    let owned = left.values().find(|one| !one.owner_references().is_empty());
    ensure!(owned.is_none(), "{owned:?} has an owner");
    let again = Instance::create(&scene, "files", with_metrics(without_pod(), false)).await?;
    let after = wait_adopted(&again).await?;
    again
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    ensure!(
        uids(&before) == uids(&after),
        "{:?} became {:?}",
        uids(&before),
        uids(&after)
    );
    let address = |all: &BTreeMap<String, DynamicObject>| {
        all["Service files-nfs"].data["spec"]["clusterIP"].clone()
    };
    ensure!(
        address(&before) == address(&after),
        "the address is another"
    );
    // It goes with the new one as it would have gone with the old one.
    delete(&again, &DeleteParams::background()).await?;
    wait_for("nothing to be left", POD_DEADLINE, || async {
        match belongings(&again).await {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => Err(format!("{:?}", left.keys())),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    Ok(())
}

pub async fn the_pod_and_its_claims_stay_when_the_server_is_made_again(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let pods = files.api::<k8s_openapi::api::core::v1::Pod>();
    let pod = wait_for("the pod", API_DEADLINE, || async {
        pods.get("files-0").await.map_err(|error| error.to_string())
    })
    .await?;
    let sets = api(&scene, "apps", "StatefulSet");
    let before = sets.get("files").await?;
    settled(&scene).await?;
    delete(&files, &DeleteParams::orphan()).await?;
    let again = Instance::create(&scene, "files", pod_never_runs()).await?;
    wait_adopted(&again).await?;
    settled(&scene).await?;
    let after = sets.get("files").await?;
    ensure!(
        before.uid() == after.uid(),
        "the StatefulSet is another one"
    );
    ensure!(
        before.data["spec"]["template"] == after.data["spec"]["template"],
        "{} became {}",
        before.data["spec"]["template"],
        after.data["spec"]["template"]
    );
    let now = pods.get("files-0").await?;
    ensure!(
        now.uid() == pod.uid() && now.metadata.deletion_timestamp.is_none(),
        "the pod is {:?}",
        now.metadata
    );
    Ok(())
}

/// As backups bring objects back: without owner, uid, and the API server's notes about who wrote what.
pub async fn what_a_backup_brings_back_is_adopted_in_place(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", with_metrics(without_pod(), true)).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let saved = belongings(&files).await?;
    delete(&files, &DeleteParams::background()).await?;
    wait_for("everything to go", API_DEADLINE, || async {
        match belongings(&files).await {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => Err(format!("{:?}", left.keys())),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    let parameters = PostParams {
        field_manager: Some("velero".to_owned()),
        ..PostParams::default()
    };
    for (key, object) in &saved {
        let (kind, _) = key.split_once(' ').unwrap_or_default();
        let group = KINDS
            .iter()
            .find(|(_, one)| *one == kind)
            .map(|(group, _)| *group);
        let mut object = object.clone();
        object.metadata = kube::core::ObjectMeta {
            name: object.metadata.name,
            labels: object.metadata.labels,
            annotations: object.metadata.annotations,
            ..kube::core::ObjectMeta::default()
        };
        if let Some(spec) = object.data["spec"].as_object_mut()
            && spec
                .get("clusterIP")
                .is_some_and(|address| address != "None")
        {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        api(&scene, group.unwrap_or_default(), kind)
            .create(&parameters, &object)
            .await?;
    }
    let before = belongings(&files).await?;
    let again = Instance::create(&scene, "files", with_metrics(without_pod(), true)).await?;
    // Nobody knows the adapters until the sidecar has said them again. What leads to them is adopted all the same.
    let after = wait_adopted(&again).await?;
    ensure!(
        uids(&before) == uids(&after),
        "{:?} became {:?}",
        uids(&before),
        uids(&after)
    );
    again.publish(good()).await?;
    again
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let last = belongings(&again).await?;
    ensure!(uids(&before) == uids(&last), "{:?}", uids(&last));
    Ok(())
}

pub async fn our_labels_do_not_make_ours_what_another_controller_has(scene: Scene) -> Outcome {
    let owner = serde_json::from_value(json!({"metadata": {"name": "team"}}))?;
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let owner = maps.create(&PostParams::default(), &owner).await?;
    let foreign = serde_json::from_value(json!({
        "metadata": {
            "name": "files-headless", "labels": dittofs_shared::labels::of_instance("files"),
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "team",
                "uid": owner.uid(), "controller": true}],
        },
        "spec": {"clusterIP": "None", "selector": {"who": "somebody"}, "ports": [{"port": 80}]},
    }))?;
    let services: Api<Service> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let foreign = services.create(&PostParams::default(), &foreign).await?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let server = files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let message = &server.status.unwrap_or_default().conditions[0].message;
    ensure!(
        message.contains("files-headless") && message.contains("ConfigMap team"),
        "Ready says {message:?}"
    );
    settled(&scene).await?;
    let now = services.get("files-headless").await?;
    ensure!(version(&foreign) == version(&now), "it is now {now:?}");
    // Once it has no controller any more, its labels say that it is this instance's.
    write::<Service>(
        &files,
        "somebody",
        "files-headless",
        json!({"metadata": {"ownerReferences": null}}),
    )
    .await?;
    wait_object::<Service>(
        &files,
        "files-headless",
        "is adopted",
        |service| match service.owner_references() {
            [owner] if owner.name == "files" => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await?;
    Ok(())
}
