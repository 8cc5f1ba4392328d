//! A pod keeps the configuration that it was made with: every content has a ConfigMap of its own.

use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::shard::Shard;
use dittofs_rig::{Caller, wait_for};
use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

use super::secrets::nudge;
use super::seen::{
    Failed, config_of, of_instance, pod_never_runs, settled, version, wait_config, wait_object,
    wait_observed, write,
};

fn manual() -> Value {
    let mut spec = pod_never_runs();
    merge(&mut spec, json!({"rollPolicy": "Manual"}));
    spec
}

/// The pod, once it has started: one that never has is replaced for every change of the template.
async fn pod(files: &Instance) -> Result<Pod, Failed> {
    wait_object::<Pod>(files, "files-0", "runs", |pod| {
        match pod.metadata.deletion_timestamp {
            None if is_ready(pod) => Ok(()),
            None => Err("it is not ready".to_owned()),
            Some(_) => Err("it is being deleted".to_owned()),
        }
    })
    .await
}

fn text(config: &ConfigMap) -> &str {
    let data = config.data.as_ref();
    data.and_then(|data| data.get("config.yaml"))
        .map_or("", String::as_str)
}

pub async fn a_pod_keeps_its_configuration_until_it_is_recreated(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let files = Instance::create(&scene, "files", manual()).await?;
    let before = pod(&files).await?;
    let first = config_of(before.spec.as_ref());
    let configs = files.api::<ConfigMap>();
    let old = configs.get(&first).await?;
    ensure!(
        old.immutable == Some(true),
        "ConfigMap {first} can be changed"
    );
    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    files
        .wait_condition("RollPending", "True", Some("Manual"), API_DEADLINE)
        .await?;
    let second = wait_config(&files, |name| name != first).await?;
    let new = configs.get(&second).await?;
    ensure!(text(&new).contains("DEBUG"), "{}", text(&new));
    let server = files.api::<DittoServer>().get("files").await?;
    let hash = server.status.unwrap_or_default().config_hash;
    ensure!(
        Some(second.as_str()) == hash.map(|hash| format!("files-config-{hash}")).as_deref(),
        "status.configHash does not name {second}"
    );
    settled(&scene).await?;
    let after = pod(&files).await?;
    ensure!(
        after.uid() == before.uid() && config_of(after.spec.as_ref()) == first,
        "the pod mounts {}",
        config_of(after.spec.as_ref())
    );
    ensure!(
        version(&configs.get(&first).await?) == version(&old),
        "the configuration of the running pod was written to"
    );
    // Neither can somebody else change what a pod would start with.
    let edit = json!({"data": {"config.yaml": "x: 1"}});
    match write::<ConfigMap>(&files, "kubectl-edit", &second, edit).await {
        Ok(_) => return Err("a configuration can be edited".into()),
        Err(error) => ensure!(error.to_string().contains("immutable"), "{error}"),
    }
    Ok(())
}

/// Somebody has the name that the next configuration would have: a content has the same name in every namespace.
pub async fn a_configuration_that_cannot_be_written_leaves_the_pod_as_it_is(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let mut debug = pod_never_runs();
    merge(&mut debug, json!({"logging": {"level": "DEBUG"}}));
    let other = Instance::create(&scene, "other", debug).await?;
    let taken = wait_config(&other, |_| true)
        .await?
        .replace("other", "files");
    let foreign = serde_json::from_value(json!({"metadata": {"name": taken}}))?;
    let configs = other.api::<ConfigMap>();
    configs.create(&PostParams::default(), &foreign).await?;
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let before = pod(&files).await?;
    let first = config_of(before.spec.as_ref());
    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    let failed = files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let message = &failed.status.unwrap_or_default().conditions[0].message;
    ensure!(message.contains(&taken), "Ready says {message:?}");
    wait_config(&files, |name| name == first).await?;
    ensure!(
        pod(&files).await?.uid() == before.uid(),
        "the pod was recreated"
    );
    configs.delete(&taken, &DeleteParams::default()).await?;
    wait_config(&files, |name| name == taken).await?;
    wait_object::<Pod>(&files, "files-0", "to be recreated", |pod| {
        if pod.uid() == before.uid() {
            Err("it is the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// An operator that keeps what is not used for one second only.
fn impatient(scene: &Scene) -> Result<Shard, Failed> {
    let world = &scene.world;
    let soon = ["DITTOFS_OPERATOR_KEEP_UNUSED_CONFIG=1s".to_owned()];
    Ok(Shard::start_with(
        &world.cluster,
        &world.programs,
        OPERATOR,
        &soon,
    )?)
}

async fn wait_configs(files: &Instance, what: &str, expected: &[&str]) -> Outcome {
    let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
    wait_for(what, API_DEADLINE, || async {
        let found = of_instance::<ConfigMap>(files).await;
        let found = found.map_err(|error| error.to_string())?;
        let names = found.iter().map(ResourceExt::name_any);
        let seen: BTreeSet<_> = names.filter(|name| name.contains("-config")).collect();
        if seen == expected {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await?;
    Ok(())
}

/// ConfigMap `files-config` and a pod that mounts it, as a version of the operator made them that had one ConfigMap for all
/// configurations.
async fn go_back(files: &Instance, config: &str) -> Result<ConfigMap, Failed> {
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    settled(&files.scene).await?;
    let configs = files.api::<ConfigMap>();
    let mut old = configs.get(config).await?;
    old.immutable = None;
    old.metadata = serde_json::from_value(json!({
        "name": "files-config", "labels": old.labels(), "ownerReferences": old.owner_references(),
    }))?;
    let old = configs.create(&PostParams::default(), &old).await?;
    let sets = files.api::<StatefulSet>();
    let mut set = json!(sets.get("files").await?);
    let volumes = set.pointer_mut("/spec/template/spec/volumes");
    for volume in volumes.and_then(Value::as_array_mut).into_iter().flatten() {
        if volume["name"] == "config" {
            volume["configMap"]["name"] = "files-config".into();
        }
    }
    // Whatever its controller has written to its status meanwhile.
    set["metadata"]["resourceVersion"] = Value::Null;
    let set = serde_json::from_value(set)?;
    sets.replace("files", &PostParams::default(), &set).await?;
    wait_observed(files).await?;
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default())
        .await?;
    wait_object::<Pod>(
        files,
        "files-0",
        "mounts the old ConfigMap",
        |pod| match config_of(pod.spec.as_ref()).as_str() {
            "files-config" => Ok(()),
            other => Err(other.to_owned()),
        },
    )
    .await?;
    Ok(old)
}

pub async fn what_no_pod_mounts_any_more_is_deleted_in_the_end(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let _rest = Substitute::none(&scene);
    let _operator = impatient(&scene)?;
    let files = Instance::create(&scene, "files", manual()).await?;
    let uid = pod(&files).await?.uid();
    let first = wait_config(&files, |_| true).await?;
    // Nobody's, although it is called like one of ours.
    let foreign =
        json!({"metadata": {"name": "files-config-000000000000", "labels": {"instance": "files"}}});
    let foreign = serde_json::from_value(foreign)?;
    let configs = files.api::<ConfigMap>();
    configs.create(&PostParams::default(), &foreign).await?;

    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    let second = wait_config(&files, |name| name != first).await?;
    settled(&scene).await?;
    nudge(&files, 1).await?;
    settled(&scene).await?;
    let foreign = "files-config-000000000000";
    wait_configs(
        &files,
        "both to stay while the pod mounts the first",
        &[&first, &second, foreign],
    )
    .await?;
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default())
        .await?;
    wait_configs(&files, "the first to go", &[&second, foreign]).await?;
    ensure!(pod(&files).await?.uid() != uid, "the pod is the same");

    let old = go_back(&files, &second).await?;
    let uid = pod(&files).await?.uid();
    files.change(json!({"paused": false})).await?;
    wait_config(&files, |name| name == second).await?;
    settled(&scene).await?;
    nudge(&files, 2).await?;
    settled(&scene).await?;
    ensure!(
        pod(&files).await?.uid() == uid,
        "an upgrade has restarted the pod"
    );
    let frozen = configs.get("files-config").await?;
    ensure!(
        version(&frozen) == version(&old),
        "the ConfigMap that the pod mounts was written to"
    );
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default())
        .await?;
    wait_configs(
        &files,
        "the old ConfigMap to go with its pod",
        &[&second, foreign],
    )
    .await
}

/// Asks, and deletes nothing.
async fn delete_as(scene: &Scene, account: &str, name: &str) -> Result<(), kube::Error> {
    let caller = Caller::service_account(NAMESPACE, account);
    let client = scene.world.cluster.client_as(&caller);
    let client = client.map_err(|error| kube::Error::Service(error.to_string().into()))?;
    let api: Api<ConfigMap> = Api::namespaced(client, &scene.namespace);
    let ask = DeleteParams::default().dry_run();
    api.delete(name, &ask).await.map(drop)
}

/// Not for want of the right.
pub async fn is_refused(scene: &Scene, account: &str, name: &str) -> Outcome {
    match delete_as(scene, account, name).await {
        Err(kube::Error::Api(status)) if status.message.contains("ValidatingAdmissionPolicy") => {
            Ok(())
        }
        other => Err(format!("{account} deletes ConfigMap {name}: {other:?}").into()),
    }
}

/// The right to delete ConfigMaps is for configurations that this operator has made.
pub async fn the_operator_can_delete_no_config_map_but_its_configurations(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let own = wait_config(&files, |_| true).await?;
    let server = files.api::<DittoServer>().get("files").await?;
    let owner = json!([{
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "name": "files",
        "uid": server.uid(), "controller": true,
    }]);
    let label = json!({labels::MANAGED_BY: labels::MANAGED_BY_VALUE});
    let strange = [
        "theirs",
        "their-config",
        "no-owner-config",
        "files-config-0123456789xy",
    ];
    for (name, labels, owners) in [
        (strange[0], label.clone(), owner.clone()),
        (strange[1], json!({}), owner.clone()),
        (strange[2], label.clone(), json!([])),
        (strange[3], label.clone(), owner.clone()),
        ("files-config", label.clone(), owner.clone()),
    ] {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels, "ownerReferences": owners},
        });
        let parameters = PatchParams::apply("somebody").force();
        let configs = files.api::<ConfigMap>();
        configs
            .patch(name, &parameters, &Patch::Apply(body))
            .await?;
    }
    for name in strange.into_iter().chain(["files-sidecar"]) {
        is_refused(&scene, OPERATOR, name).await?;
    }
    for name in [own.as_str(), "files-config"] {
        delete_as(&scene, OPERATOR, name).await?;
    }
    Ok(())
}
