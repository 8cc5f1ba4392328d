//! An instance that another operator looks after: it is left alone whole, and told so.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::go_operator::{Extra, GoOperator, kinds};
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::seen::{
    Failed, ensure_no_writes, pod_never_runs, settled, wait_object, without_pod, write,
};

/// How long nothing may change.
const WATCHED: Duration = Duration::from_mins(1);

fn spec(extra: Extra) -> Value {
    let mut spec = pod_never_runs();
    // While it is paused, our operator makes nothing: the other one was there first.
    let more = match extra {
        Extra::Plain => json!({"paused": true}),
        Extra::Metrics => {
            json!({"paused": true, "metrics": {"enabled": true, "serviceMonitor": {"enabled": true}}})
        }
        Extra::Percona => json!({"paused": true, "percona": {"enabled": true}}),
    };
    merge(&mut spec, more);
    spec
}

/// An instance with all that the Go operator makes of it, and a pod.
async fn theirs(
    scene: &Scene,
    name: &str,
    extra: Extra,
    field_manager: &'static str,
) -> Result<Instance, Failed> {
    let instance = Instance::create(scene, name, spec(extra)).await?;
    let server = instance.api::<DittoServer>().get(name).await?;
    let operator = GoOperator { field_manager };
    operator.reconcile(&scene.client, &server, extra).await?;
    wait_object::<StatefulSet>(&instance, name, "has a pod", |set| {
        match set.status.as_ref().map(|status| status.replicas) {
            Some(1) => Ok(()),
            other => Err(format!("{other:?} pods")),
        }
    })
    .await?;
    Ok(instance)
}

/// Every object in the namespace that an operator could write, as JSON.
async fn everything(scene: &Scene) -> Result<BTreeMap<String, Value>, Failed> {
    let mut all = BTreeMap::new();
    let ours = [
        ("", "v1", "ServiceAccount"),
        ("", "v1", "Pod"),
        ("", "v1", "PersistentVolumeClaim"),
        ("rbac.authorization.k8s.io", "v1", "Role"),
        ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
        ("policy", "v1", "PodDisruptionBudget"),
        ("dittofs.dittofs.com", "v1alpha1", "DittoServer"),
    ];
    let ours = ours.map(|(group, version, kind)| {
        ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, version, kind))
    });
    for kind in kinds().into_iter().chain(ours) {
        let api: Api<DynamicObject> =
            Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
        for mut object in api.list(&ListParams::default()).await?.items {
            if ["DittoServer", "Pod", "PersistentVolumeClaim"].contains(&kind.kind.as_str()) {
                // All but the status, which is Kubernetes' own to write, and what the API server notes down about that.
                object.metadata.resource_version = None;
                object.metadata.managed_fields = None;
                object.data["status"].take();
            }
            all.insert(
                format!("{} {}", kind.kind, object.name_any()),
                serde_json::to_value(&object)?,
            );
        }
    }
    Ok(all)
}

fn difference(before: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Option<String> {
    let differs = |key: &&String| before.get(*key) != now.get(*key);
    let key = before.keys().chain(now.keys()).find(differs)?;
    let words = |all: &BTreeMap<String, Value>| all.get(key).map(ToString::to_string);
    Some(format!(
        "{key} was {:?} and is {:?}",
        words(before),
        words(now)
    ))
}

async fn wait_told(instance: &Instance) -> Result<DittoServer, Failed> {
    instance
        .wait_condition("TakenOver", "False", Some("OtherOperator"), API_DEADLINE)
        .await?;
    instance
        .wait_condition("Ready", "False", Some("OtherOperator"), API_DEADLINE)
        .await
}

/// What the other operator writes into the status at its next pass.
async fn writes_its_status(instance: &Instance, field_manager: &str) -> Outcome {
    let server = instance.api::<DittoServer>().get(&instance.name).await?;
    let mut status = serde_json::to_value(&server.status)?;
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        if condition["type"] == "Ready" {
            merge(
                condition,
                json!({"status": "True", "reason": "AllConditionsMet", "message": "fine"}),
            );
        }
    }
    merge(&mut status, json!({"phase": "Running", "replicas": 1}));
    let parameters = PatchParams {
        field_manager: Some(field_manager.to_owned()),
        ..PatchParams::default()
    };
    instance
        .api::<DittoServer>()
        .patch_status(
            &instance.name,
            &parameters,
            &Patch::Merge(json!({"status": status})),
        )
        .await?;
    Ok(())
}

pub async fn every_object_of_another_operator_stays_as_it_is(scene: Scene) -> Outcome {
    let rows = [
        ("plain", Extra::Plain, "manager"),
        ("metrics", Extra::Metrics, "go-operator"),
        ("percona", Extra::Percona, "manager"),
    ];
    let mut instances = Vec::new();
    for (name, extra, field_manager) in rows {
        instances.push(theirs(&scene, name, extra, field_manager).await?);
    }
    for instance in &instances {
        instance.change(json!({"paused": null})).await?;
    }
    for instance in &instances {
        let server = wait_told(instance).await?;
        let status = server.status.unwrap_or_default();
        let told = &status
            .conditions
            .iter()
            .find(|one| one.type_ == "TakenOver");
        let message = told.map(|told| told.message.clone()).unwrap_or_default();
        for kind in ["StatefulSet", "ConfigMap", "Service", "NetworkPolicy"] {
            ensure!(
                message.contains(&format!("{kind} {}", instance.name)),
                "{kind} is not named: {message}"
            );
        }
    }
    settled(&scene).await?;
    let before = everything(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    // They go on writing the status. Ours has said what it has to say.
    writes_its_status(&instances[0], "manager").await?;
    let began = Instant::now();
    let changed = wait_for("the time to pass", WATCHED * 2, || async {
        let now = everything(&scene)
            .await
            .map_err(|error| error.to_string())?;
        let changed = difference(&before, &now);
        match began.elapsed() {
            elapsed if changed.is_none() && elapsed < WATCHED => Err(format!("{elapsed:?}")),
            _ => Ok(changed),
        }
    })
    .await?;
    ensure!(changed.is_none(), "{}", changed.unwrap_or_default());
    ensure_no_writes(&scene, mark)
}

pub async fn work_begins_when_the_objects_of_another_operator_are_gone(scene: Scene) -> Outcome {
    let files = theirs(&scene, "files", Extra::Plain, "manager").await?;
    let mut spec = without_pod();
    merge(&mut spec, json!({"paused": null}));
    files.change(spec).await?;
    wait_told(&files).await?;
    for kind in kinds() {
        let api: Api<DynamicObject> =
            Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
        let all = api.list(&ListParams::default()).await?;
        for object in all
            .items
            .iter()
            .filter(|one| !one.owner_references().is_empty())
        {
            api.delete(&object.name_any(), &DeleteParams::background())
                .await?;
        }
    }
    let server = files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let conditions = server.status.unwrap_or_default().conditions;
    ensure!(
        conditions.iter().all(|one| one.type_ != "TakenOver"),
        "{conditions:?}"
    );
    Ok(())
}

/// Somebody takes our label off: that makes the object nobody else's.
pub async fn an_object_without_our_label_that_we_applied_stays_ours(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let patch = json!({"metadata": {"labels": {labels::MANAGED_BY: null}}});
    write::<StatefulSet>(&files, "somebody", "files", patch).await?;
    wait_object::<StatefulSet>(&files, "files", "has our label again", |set| {
        match set.labels().get(labels::MANAGED_BY) {
            Some(_) => Ok(()),
            None => Err(format!("{:?}", set.labels())),
        }
    })
    .await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}
