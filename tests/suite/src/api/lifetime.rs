//! Generated Secrets live as long as the data, and nobody else's are taken for them.

use dittofs_rig::wait_for;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::percona::Percona;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::secrets::{nudge, wait_unusable};
use super::seen::{
    Failed, Version, names_of, of_instance, pod_never_runs, settled, version, wait_object,
    without_pod, write,
};
use super::storage::bound;

const GENERATED: [&str; 3] = [
    "files-admin-bootstrap-credentials",
    "files-jwt-secret",
    "files-sidecar-credentials",
];

/// Uids and versions of the generated Secrets, which are all there.
async fn generated(files: &Instance) -> Result<Vec<Version>, Failed> {
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    let mut versions = Vec::new();
    for name in GENERATED {
        versions.push(version(&files.api::<Secret>().get(name).await?));
    }
    Ok(versions)
}

async fn owners(files: &Instance) -> Result<Vec<usize>, Failed> {
    let secrets = of_instance::<Secret>(files).await?;
    Ok(secrets
        .iter()
        .map(|secret| secret.owner_references().len())
        .collect())
}

async fn wait_no_secrets(files: &Instance) -> Outcome {
    wait_for("the Secrets to go", POD_DEADLINE, || async {
        let left = names_of::<Secret>(files).await;
        let left = left.map_err(|error| error.to_string())?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await?;
    Ok(())
}

pub async fn generated_secrets_stay_with_the_claims_and_are_used_again(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let before = generated(&files).await?;
    ensure!(owners(&files).await? == [0; 3], "a Secret has an owner");
    files.delete().await?;
    settled(&scene).await?;
    // Later than the Secrets of an instance that has them with it.
    wait_for("the ConfigMaps to go", POD_DEADLINE, || async {
        let left = of_instance::<ConfigMap>(&files).await;
        let left = left.map_err(|error| error.to_string())?.len();
        (left == 0).then_some(()).ok_or(format!("{left} are left"))
    })
    .await?;
    let again = Instance::create(&scene, "files", pod_never_runs()).await?;
    let after = generated(&again).await?;
    ensure!(before == after, "{before:?} are now {after:?}");
    wait_object::<StatefulSet>(&again, "files", "is there", |_| Ok(())).await?;
    Ok(())
}

pub async fn with_retention_delete_generated_secrets_go_with_the_server(scene: Scene) -> Outcome {
    let mut spec = pod_never_runs();
    spec["storage"]["retentionPolicy"] = json!("Delete");
    let files = Instance::create(&scene, "files", spec.clone()).await?;
    let before = generated(&files).await?;
    ensure!(owners(&files).await? == [1; 3], "a Secret has no owner");
    // At once: what is about to be deleted is not used any more.
    files
        .api::<dittofs_shared::crd::DittoServer>()
        .delete("files", &DeleteParams::background())
        .await?;
    let again = Instance::create(&scene, "files", spec).await?;
    let others = |secret: &Secret| {
        if before
            .iter()
            .any(|(uid, _)| Some(uid) == secret.metadata.uid.as_ref())
        {
            Err("it is the old one".to_owned())
        } else {
            Ok(())
        }
    };
    for name in GENERATED {
        wait_object::<Secret>(&again, name, "to be another one", others).await?;
    }
    generated(&again).await?;
    again.delete().await?;
    wait_no_secrets(&again).await
}

pub async fn a_later_retention_policy_leaves_secrets_as_they_are(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let before = generated(&files).await?;
    for policy in ["Delete", "Retain"] {
        files
            .change(json!({"storage": {"retentionPolicy": policy}}))
            .await?;
        let after = generated(&files).await?;
        ensure!(before == after, "{policy}: {before:?} are now {after:?}");
    }
    Ok(())
}

fn foreign(metadata: &Value) -> Result<Secret, serde_json::Error> {
    let mut metadata = metadata.clone();
    metadata["name"] = json!(names::jwt_secret("files"));
    let data = json!({names::JWT_SECRET_KEY: "known to somebody".repeat(3)});
    serde_json::from_value(json!({"metadata": metadata, "stringData": data}))
}

pub async fn a_secret_of_somebody_else_starts_no_server(scene: Scene) -> Outcome {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    let secrets = files.api::<Secret>();
    let config = ConfigMap::default();
    let owner = files
        .api::<ConfigMap>()
        .create(
            &PostParams::default(),
            &ConfigMap {
                metadata: serde_json::from_value(json!({"name": "somebody"}))?,
                ..config
            },
        )
        .await?;
    let owner = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "somebody", "uid": owner.uid(), "controller": true,
    }]);
    let ours = labels::of_instance("files");
    for (number, metadata, words) in [
        (1, json!({}), ["not generated", "kubectl label secret"]),
        (
            2,
            json!({"labels": labels::of_instance("other")}),
            ["not generated", "instance=files"],
        ),
        (
            3,
            json!({"labels": ours, "ownerReferences": owner}),
            ["ConfigMap somebody", "not used"],
        ),
    ] {
        // Changed and not made anew: without one for a moment, the operator would generate its own.
        let theirs = if number == 1 {
            let theirs = foreign(&metadata)?;
            let theirs = secrets.create(&PostParams::default(), &theirs).await?;
            Instance::create(&scene, "files", without_pod()).await?;
            theirs
        } else {
            let metadata = Patch::Merge(json!({"metadata": metadata}));
            let parameters = PatchParams::default();
            secrets
                .patch("files-jwt-secret", &parameters, &metadata)
                .await?
        };
        nudge(&files, number).await?;
        wait_unusable(&files, &["\"files-jwt-secret\"", words[0], words[1]]).await?;
        let sets = files.api::<StatefulSet>();
        ensure!(
            sets.get_opt("files").await?.is_none(),
            "{metadata}: the StatefulSet is made all the same"
        );
        let now = secrets.get("files-jwt-secret").await?;
        ensure!(version(&now) == version(&theirs), "it was written to");
    }
    secrets
        .delete("files-jwt-secret", &DeleteParams::default())
        .await?;
    nudge(&files, 4).await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    Ok(())
}

pub async fn a_secret_of_somebody_else_leaves_a_server_as_it_runs(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({})).await?;
    let pod = files.pod().await?;
    let set = files.api::<StatefulSet>().get("files").await?;
    let name = "files-sidecar-credentials";
    // Changed and not made anew: the operator might be faster.
    let theirs = json!({
        "metadata": {"labels": null}, "data": null, "stringData": {"known": "to somebody"},
    });
    write::<Secret>(&files, "somebody", name, theirs).await?;
    files
        .change(json!({"terminationGracePeriodSeconds": 66}))
        .await?;
    wait_unusable(
        &files,
        &[name, "not generated", "A running server is left unchanged"],
    )
    .await?;
    settled(&scene).await?;
    let now = files.api::<StatefulSet>().get("files").await?;
    ensure!(set.spec == now.spec, "the StatefulSet was changed");
    ensure!(
        files.pod().await?.uid() == pod.uid(),
        "the pod is another one"
    );
    files
        .api::<Secret>()
        .delete(name, &DeleteParams::default())
        .await?;
    nudge(&files, 1).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn the_documented_command_removes_what_a_deleted_instance_left(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({})).await?;
    // What bears another name, and what somebody else has made, is not hit.
    let others = Instance::create(&scene, "others", without_pod()).await?;
    others
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    files.delete().await?;
    files.remove_for_good().await?;
    wait_no_secrets(&files).await?;
    let left = names_of::<Secret>(&others).await?;
    ensure!(left.len() == 3, "of the other instance there is {left:?}");
    Ok(())
}

/// Argo CD would take what bears the label for its own, and delete what its repository does not have.
pub async fn whatever_has_no_owner_is_kept_by_argo_cd(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({})).await?;
    let percona = Percona::of(&scene);
    files.change(json!({"percona": {"enabled": true}})).await?;
    let cluster: DynamicObject = percona.cluster().await?;
    let secrets = of_instance::<Secret>(&files).await?;
    let claims = of_instance::<PersistentVolumeClaim>(&files).await?;
    let all = std::iter::once(cluster.metadata)
        .chain(secrets.into_iter().map(|secret| secret.metadata))
        .chain(claims.into_iter().map(|claim| claim.metadata));
    let mut count = 0;
    for metadata in all {
        let name = metadata.name.unwrap_or_default();
        ensure!(metadata.owner_references.is_none(), "{name} has an owner");
        let annotations = metadata.annotations.unwrap_or_default();
        for (key, value) in [
            (
                "argocd.argoproj.io/sync-options",
                "Prune=false,Delete=false",
            ),
            ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
        ] {
            ensure!(
                annotations.get(key).map(String::as_str) == Some(value),
                "{name} has {annotations:?}"
            );
        }
        count += 1;
    }
    ensure!(count == 7, "there are {count} objects without owner");
    Ok(())
}
