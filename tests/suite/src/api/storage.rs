//! Volumes grow while the instance stays as it is.

use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::retention::wait_owned_claims;
use super::seen::{
    Failed, lines, names_of, operator_writes, settled, wait_event, wait_grace_period, wait_object,
    wait_observed,
};

/// No cloud, and a pod that no node takes: the claims are made and bound.
pub fn with_pod() -> Value {
    json!({
        "adapterServices": {"type": "ClusterIP"},
        "pod": {"nodeSelector": {"example.com/nowhere": "true"}},
    })
}

/// An instance whose claims are bound.
pub async fn bound(scene: &Scene, more: Value) -> Result<Instance, Failed> {
    let mut spec = with_pod();
    dittofs_suite::instance::merge(&mut spec, more);
    let files = Instance::create(scene, "files", spec).await?;
    files
        .wait_condition("StorageReady", "True", None, POD_DEADLINE)
        .await?;
    wait_object::<Pod>(&files, "files-0", "is there", |_| Ok(())).await?;
    Ok(files)
}

/// Sizes of the claim templates by name.
fn templates(set: &StatefulSet) -> BTreeMap<String, String> {
    let templates = set
        .spec
        .iter()
        .flat_map(|spec| spec.volume_claim_templates.iter().flatten());
    templates
        .map(|claim| (claim.name_any(), requested(claim)))
        .collect()
}

fn requested(claim: &PersistentVolumeClaim) -> String {
    let spec = claim.spec.as_ref();
    let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    requests
        .and_then(|all| Some(all.get("storage")?.0.clone()))
        .unwrap_or_default()
}

async fn wait_templates(
    files: &Instance,
    expected: &[(&str, &str)],
) -> Result<StatefulSet, Failed> {
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(name, size)| ((*name).to_owned(), (*size).to_owned()))
        .collect();
    let what = format!("to have the claim templates {expected:?}");
    wait_object::<StatefulSet>(files, "files", &what, |set| {
        let seen = templates(set);
        if seen == expected && set.metadata.deletion_timestamp.is_none() {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await
}

async fn wait_requested(files: &Instance, claim: &str, size: &str) -> Outcome {
    wait_object::<PersistentVolumeClaim>(files, claim, &format!("to ask for {size}"), |claim| {
        let seen = requested(claim);
        if seen == size { Ok(()) } else { Err(seen) }
    })
    .await?;
    Ok(())
}

/// The pod has the owner that there is now.
async fn wait_adopted(files: &Instance, owner: &StatefulSet) -> Outcome {
    wait_object::<Pod>(files, "files-0", "to be adopted", |pod| {
        let owners = pod.owner_references();
        if owners
            .iter()
            .any(|one| Some(&one.uid) == owner.metadata.uid.as_ref())
        {
            Ok(())
        } else {
            Err(format!("{owners:?}"))
        }
    })
    .await?;
    Ok(())
}

pub async fn a_larger_size_grows_the_claims_and_keeps_the_pod(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({})).await?;
    let pod = files.pod().await?.uid();
    let before = wait_observed(&files).await?.uid();
    settled(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    files
        .change(json!({"storage": {"metadataSize": "2Gi", "controlPlaneSize": "3Gi"}}))
        .await?;
    wait_requested(&files, "metadata-files-0", "2Gi").await?;
    wait_requested(&files, "controlplane-files-0", "3Gi").await?;
    let sizes = [
        ("metadata", "2Gi"),
        ("content", "1Gi"),
        ("controlplane", "3Gi"),
    ];
    let after = wait_templates(&files, &sizes).await?;
    ensure!(after.uid() != before, "the StatefulSet is the same one");
    wait_adopted(&files, &after).await?;
    files
        .wait_condition("StorageReady", "True", Some("VolumesReady"), API_DEADLINE)
        .await?;
    ensure!(files.pod().await?.uid() == pod, "the pod is another one");
    let grown = "PersistentVolumeClaim controlplane-files-0 (storage request changed to 3Gi)";
    wait_event(&files, "Objects", grown).await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, mark)?;
    let of = |resource: &str, verb: &str| {
        let fits = |entry: &&dittofs_rig::audit::Entry| {
            entry.resource == resource && entry.verb == verb && entry.code < 300
        };
        writes.iter().filter(fits).count()
    };
    let counts = [
        of("persistentvolumeclaims", "patch"),
        of("statefulsets", "delete"),
        of("statefulsets", "patch"),
        of("pods", "delete"),
    ];
    ensure!(counts == [2, 1, 1, 0], "{counts:?}:\n{}", lines(&writes));
    Ok(())
}

pub async fn a_volume_for_contents_can_be_added(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({"storage": {"contentSize": null}})).await?;
    let claims = names_of::<PersistentVolumeClaim>(&files).await?;
    ensure!(claims.len() == 2, "the claims are {claims:?}");
    let pod = files.pod().await?.uid();
    files
        .change(json!({"storage": {"contentSize": "1Gi"}}))
        .await?;
    let sizes = [
        ("metadata", "1Gi"),
        ("content", "1Gi"),
        ("controlplane", "1Gi"),
    ];
    wait_templates(&files, &sizes).await?;
    wait_object::<Pod>(
        &files,
        "files-0",
        "to be another one with a volume for contents",
        |now| {
            let volumes = now
                .spec
                .iter()
                .flat_map(|spec| spec.volumes.iter().flatten());
            let mounted = volumes.filter(|volume| volume.name == "content").count();
            if now.uid() != pod && mounted == 1 {
                Ok(())
            } else {
                Err(format!(
                    "uid {:?}, {mounted} volumes for contents",
                    now.uid()
                ))
            }
        },
    )
    .await?;
    files
        .wait_condition("StorageReady", "True", None, POD_DEADLINE)
        .await?;
    Ok(())
}

/// What the hostPath volumes of the rig are in a class that cannot grow.
async fn fixed_class(scene: &Scene, name: &str) -> Outcome {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "example.com/by-hand", "allowVolumeExpansion": false,
    });
    let classes: Api<StorageClass> = Api::all(scene.client.clone());
    classes
        .patch(
            name,
            &PatchParams::apply("suite").force(),
            &Patch::Apply(class),
        )
        .await?;
    Ok(())
}

/// A volume for each claim of an instance, as somebody makes them by hand.
async fn volumes_by_hand(scene: &Scene, class: &str) -> Outcome {
    let volumes: Api<k8s_openapi::api::core::v1::PersistentVolume> = Api::all(scene.client.clone());
    for number in 0..3 {
        let name = format!("{class}-{number}");
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
                "persistentVolumeReclaimPolicy": "Delete", "hostPath": {"path": format!("/nowhere/{name}")},
            },
        });
        volumes
            .patch(
                &name,
                &PatchParams::apply("suite").force(),
                &Patch::Apply(volume),
            )
            .await?;
    }
    Ok(())
}

pub async fn a_class_that_cannot_grow_is_told_and_keeps_nothing_else_from_being_done(
    scene: Scene,
) -> Outcome {
    let class = "suite-fixed";
    fixed_class(&scene, class).await?;
    volumes_by_hand(&scene, class).await?;
    let files = bound(&scene, json!({"storage": {"storageClassName": class}})).await?;
    let pod = files.pod().await?.uid();
    files
        .change(json!({"storage": {"metadataSize": "2Gi"}}))
        .await?;
    let server = files
        .wait_condition("StorageReady", "False", Some("CannotGrow"), API_DEADLINE)
        .await?;
    let conditions = server
        .status
        .map(|status| status.conditions)
        .unwrap_or_default();
    let message = |r#type: &str| {
        let condition = conditions
            .iter()
            .find(|condition| condition.type_ == r#type);
        condition
            .map(|condition| condition.message.clone())
            .unwrap_or_default()
    };
    for word in [
        "metadata-files-0",
        "must support resize",
        "allowVolumeExpansion",
        "metadataSize",
    ] {
        let told = message("StorageReady");
        ensure!(told.contains(word), "{word} is not in {told:?}");
    }
    // All else goes on.
    files
        .change(
            json!({"terminationGracePeriodSeconds": 77, "adapterServices": {"labels": {"a": "b"}}}),
        )
        .await?;
    wait_grace_period(&files, 77).await?;
    wait_object::<Pod>(&files, "files-0", "to be another one", |now| {
        if now.uid() == pod {
            Err("the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    // And back to what the volume has.
    files
        .change(json!({"storage": {"metadataSize": "1Gi"}}))
        .await?;
    files
        .wait_condition("StorageReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn a_stateful_set_that_is_gone_is_made_again_around_its_pod(scene: Scene) -> Outcome {
    let files = bound(&scene, json!({"storage": {"retentionPolicy": "Delete"}})).await?;
    let pod = files.pod().await?.uid();
    let before = files.api::<StatefulSet>().get("files").await?.uid();
    wait_owned_claims(&files, 3).await?;
    files
        .change(json!({"storage": {"contentSize": "2Gi"}}))
        .await?;
    let sizes = [
        ("metadata", "1Gi"),
        ("content", "2Gi"),
        ("controlplane", "1Gi"),
    ];
    let after = wait_templates(&files, &sizes).await?;
    ensure!(after.uid() != before, "the StatefulSet is the same one");
    wait_adopted(&files, &after).await?;
    wait_owned_claims(&files, 3).await?;
    ensure!(files.pod().await?.uid() == pod, "the pod is another one");
    let claims = names_of::<PersistentVolumeClaim>(&files).await?;
    ensure!(claims.len() == 3, "the claims are {claims:?}");
    // And by somebody's hand.
    files
        .api::<StatefulSet>()
        .delete("files", &DeleteParams::orphan())
        .await?;
    let again = wait_templates(&files, &sizes).await?;
    wait_adopted(&files, &again).await?;
    ensure!(files.pod().await?.uid() == pod, "the pod is another one");
    Ok(())
}
