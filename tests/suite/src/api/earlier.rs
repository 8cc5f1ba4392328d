//! Claims and StatefulSets as earlier versions of the operator have left them, and a cluster that guards owners.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::retention::{policy, uids, wait_owned_claims};
use super::secrets::nudge;
use super::seen::{Failed, of_instance, wait_grace_period, wait_object, write};
use super::storage::bound;

/// Puts a StatefulSet in the place of the one there is, around the same pod. In its claim templates there is this and nothing
/// else beside their names.
async fn replace_stateful_set(files: &Instance, when: &str, more: &Value) -> Outcome {
    let sets = files.api::<StatefulSet>();
    let now = sets.get("files").await?;
    let mut old = json!(now);
    for key in [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
    ] {
        old["metadata"][key] = Value::Null;
    }
    old["status"] = Value::Null;
    old["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] = json!(when);
    for template in old["spec"]["volumeClaimTemplates"]
        .as_array_mut()
        .ok_or("none")?
    {
        let mut metadata = more.clone();
        metadata["name"] = template["metadata"]["name"].clone();
        template["metadata"] = metadata;
    }
    sets.delete("files", &DeleteParams::orphan()).await?;
    wait_for("the StatefulSet to go", POD_DEADLINE, || async {
        match sets.get_opt("files").await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(drop))),
        }
    })
    .await?;
    sets.create(&PostParams::default(), &serde_json::from_value(old)?)
        .await?;
    Ok(())
}

/// Takes off the claims what earlier versions did not put on them.
async fn strip_claims(files: &Instance) -> Outcome {
    let selector = labels::selector("files");
    for claim in of_instance::<PersistentVolumeClaim>(files).await? {
        let mut lost = json!({"ownerReferences": null, "labels": {}, "annotations": {}});
        for key in claim
            .labels()
            .keys()
            .filter(|key| !selector.contains_key(*key))
        {
            lost["labels"][key] = Value::Null;
        }
        for key in claim
            .annotations()
            .keys()
            .filter(|key| key.contains("argocd"))
        {
            lost["annotations"][key] = Value::Null;
        }
        let name = claim.name_any();
        write::<PersistentVolumeClaim>(files, "somebody", &name, json!({"metadata": lost})).await?;
    }
    Ok(())
}

/// The controller of StatefulSets has put its StatefulSet on the claims.
async fn wait_claims_of_the_stateful_set(files: &Instance) -> Outcome {
    for claim in of_instance::<PersistentVolumeClaim>(files).await? {
        let what = "to go with the StatefulSet";
        wait_object::<PersistentVolumeClaim>(files, &claim.name_any(), what, |claim| {
            let owners = claim.owner_references();
            if owners.iter().any(|owner| owner.kind == "StatefulSet") {
                Ok(())
            } else {
                Err(format!("{owners:?}"))
            }
        })
        .await?;
    }
    Ok(())
}

/// An instance whose objects are those of an earlier version, and whose operator waits.
async fn earlier(scene: &Scene) -> Result<Instance, Failed> {
    let files = bound(scene, policy("Delete")).await?;
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    // The controller puts its owner on them when it sees the StatefulSet, and not again when it is taken off.
    strip_claims(&files).await?;
    replace_stateful_set(&files, "Delete", &json!({})).await?;
    wait_claims_of_the_stateful_set(&files).await?;
    Ok(files)
}

async fn are_ours(files: &Instance) -> Outcome {
    wait_owned_claims(files, 3).await?;
    for claim in of_instance::<PersistentVolumeClaim>(files).await? {
        let lacks = labels::of_instance("files")
            .into_iter()
            .find(|(key, value)| claim.labels().get(key) != Some(value));
        ensure!(lacks.is_none(), "{} lacks {lacks:?}", claim.name_any());
    }
    Ok(())
}

pub async fn claims_of_an_earlier_version_change_owners_under_a_running_pod(
    scene: Scene,
) -> Outcome {
    let files = earlier(&scene).await?;
    let (pod, claims) = (files.pod().await?.uid(), uids(&files).await?);
    let old = files.api::<StatefulSet>().get("files").await?.uid();
    files.change(json!({"paused": false})).await?;
    are_ours(&files).await?;
    let set = files.api::<StatefulSet>().get("files").await?;
    ensure!(set.uid() == old, "the StatefulSet is another one");
    ensure!(uids(&files).await? == claims, "the claims are others");
    ensure!(files.pod().await?.uid() == pod, "the pod is another one");
    files
        .wait_condition("StorageReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}

/// The controller of StatefulSets changes the owners of claims only while there is a pod.
pub async fn claims_of_an_earlier_version_change_owners_without_a_pod(scene: Scene) -> Outcome {
    let files = earlier(&scene).await?;
    let claims = uids(&files).await?;
    let stopped = json!({"spec": {"replicas": 0}});
    write::<StatefulSet>(&files, "somebody", "files", stopped).await?;
    let pods = files.api::<Pod>();
    wait_for("the pod to go", POD_DEADLINE, || async {
        match pods.get_opt("files-0").await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(drop))),
        }
    })
    .await?;
    files
        .change(json!({"paused": false, "replicas": 0}))
        .await?;
    are_ours(&files).await?;
    let sets = files.api::<StatefulSet>();
    sets.delete("files", &DeleteParams::background()).await?;
    files
        .wait_condition("Ready", "True", Some("ScaledToZero"), API_DEADLINE)
        .await?;
    ensure!(uids(&files).await? == claims, "the claims are others");
    Ok(())
}

/// As an adopted one has it: a claim that is made from it would be collected at once.
pub async fn claim_templates_that_name_a_former_server_are_made_again(scene: Scene) -> Outcome {
    let files = bound(&scene, policy("Delete")).await?;
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    let former = json!({"ownerReferences": [{
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "name": "files",
        "uid": "00000000-0000-0000-0000-00000000000f",
    }]});
    replace_stateful_set(&files, "Retain", &former).await?;
    let uid = files.api::<DittoServer>().get("files").await?.uid();
    files.change(json!({"paused": false})).await?;
    wait_object::<StatefulSet>(&files, "files", "to name this DittoServer", |set| {
        let templates = set.spec.iter();
        let templates = templates.flat_map(|spec| spec.volume_claim_templates.iter().flatten());
        let mut owners = templates.flat_map(ResourceExt::owner_references);
        if owners.all(|owner| Some(&owner.uid) == uid.as_ref()) {
            Ok(())
        } else {
            Err("it names the former one".to_owned())
        }
    })
    .await?;
    wait_owned_claims(&files, 3).await
}

/// Refuses what admission plugin `OwnerReferencesPermissionEnforcement` refuses the operator.
async fn guard_owners(files: &Instance) -> Result<Api<ValidatingAdmissionPolicyBinding>, Failed> {
    let name = &files.scene.namespace;
    let guard: ValidatingAdmissionPolicy = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                    "resources": ["persistentvolumeclaims"],
                }],
            },
            "validations": [{
                "expression": "object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences",
                "message": "owners are guarded", "reason": "Forbidden",
            }],
        },
    }))?;
    let binding: ValidatingAdmissionPolicyBinding = serde_json::from_value(json!({
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]},
    }))?;
    let client = &files.scene.client;
    let guards: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    guards.create(&PostParams::default(), &guard).await?;
    bindings.create(&PostParams::default(), &binding).await?;
    Ok(bindings)
}

/// Tries to change an owner without doing it.
async fn wait_guarded(files: &Instance, expected: bool) -> Outcome {
    let claims = files.api::<PersistentVolumeClaim>();
    let owner = json!([{"apiVersion": "v1", "kind": "Secret", "name": "any", "uid": "any"}]);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": owner}}));
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    wait_for(
        &format!("owners to be guarded: {expected}"),
        API_DEADLINE,
        || async {
            let tried = claims.patch("metadata-files-0", &parameters, &patch).await;
            if tried.is_err() == expected {
                Ok(())
            } else {
                Err(format!("{:?}", tried.map(drop)))
            }
        },
    )
    .await?;
    Ok(())
}

pub async fn a_refused_owner_is_told_and_keeps_nothing_else_from_being_done(
    scene: Scene,
) -> Outcome {
    let files = bound(&scene, policy("Retain")).await?;
    let bindings = guard_owners(&files).await?;
    wait_guarded(&files, true).await?;
    let mut change = policy("Delete");
    change["terminationGracePeriodSeconds"] = json!(77);
    files.change(change).await?;
    let told = files
        .wait_condition("StorageReady", "False", Some("OwnerRefused"), API_DEADLINE)
        .await?;
    let conditions = told.status.unwrap_or_default().conditions;
    let Some(told) = conditions.iter().find(|one| one.type_ == "StorageReady") else {
        fail!("there is no StorageReady");
    };
    for word in [
        "metadata-files-0",
        "retentionPolicy is Delete",
        "kubectl delete pvc",
        "guarded",
    ] {
        ensure!(told.message.contains(word), "{word}: {}", told.message);
    }
    wait_grace_period(&files, 77).await?;
    bindings
        .delete(&scene.namespace, &DeleteParams::default())
        .await?;
    wait_guarded(&files, false).await?;
    nudge(&files, 1).await?;
    wait_owned_claims(&files, 3).await?;
    files
        .wait_condition("StorageReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}
