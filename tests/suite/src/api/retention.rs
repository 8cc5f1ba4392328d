//! Claims go or stay with the `DittoServer` as asked, and with nothing else.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::seen::{Failed, names_of, of_instance, settled, wait_object};
use super::storage::{bound, with_pod};

pub fn policy(policy: &str) -> Value {
    json!({"storage": {"retentionPolicy": policy}})
}

/// Uids of the claims, by their order of names.
pub async fn uids(files: &Instance) -> Result<Vec<Option<String>>, Failed> {
    let claims = of_instance::<PersistentVolumeClaim>(files).await?;
    Ok(claims.iter().map(ResourceExt::uid).collect())
}

/// Waits until exactly so many claims have the `DittoServer` for their owner, and no claim has another.
pub async fn wait_owned_claims(files: &Instance, expected: usize) -> Outcome {
    let what = format!("{expected} claims to go with the DittoServer");
    wait_for(&what, API_DEADLINE, || async {
        let server = files.api::<DittoServer>().get(&files.name).await;
        let uid = server.map_err(|error| error.to_string())?.uid();
        let all = of_instance::<PersistentVolumeClaim>(files).await;
        let all = all.map_err(|error| error.to_string())?;
        let owners: Vec<_> = all
            .iter()
            .flat_map(ResourceExt::owner_references)
            .map(|owner| (owner.kind.clone(), Some(owner.uid.clone())))
            .collect();
        if owners.len() == expected && owners.iter().all(|(_, owner)| *owner == uid) {
            Ok(())
        } else {
            Err(format!("{owners:?} of {} claims", all.len()))
        }
    })
    .await?;
    Ok(())
}

/// Waits until the claim templates name the `DittoServer` or nobody.
async fn wait_template_owners(files: &Instance, expected: usize) -> Result<StatefulSet, Failed> {
    let uid = files.api::<DittoServer>().get("files").await?.uid();
    let what = format!("to have {expected} owners in its claim templates");
    wait_object::<StatefulSet>(files, "files", &what, |set| {
        let templates = set.spec.iter();
        let templates = templates.flat_map(|spec| spec.volume_claim_templates.iter().flatten());
        let owners: Vec<_> = templates
            .flat_map(ResourceExt::owner_references)
            .map(|owner| Some(owner.uid.clone()))
            .collect();
        let fits = owners.len() == expected && owners.iter().all(|owner| *owner == uid);
        if fits && set.metadata.deletion_timestamp.is_none() {
            Ok(())
        } else {
            Err(format!("{owners:?}"))
        }
    })
    .await
}

async fn wait_claims(files: &Instance, expected: usize) -> Outcome {
    wait_for(&format!("{expected} claims"), POD_DEADLINE, || async {
        let left = names_of::<PersistentVolumeClaim>(files).await;
        match left.map_err(|error| error.to_string())? {
            left if left.len() == expected => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .await?;
    Ok(())
}

pub async fn claims_go_with_the_server_when_asked(scene: Scene) -> Outcome {
    let files = bound(&scene, policy("Delete")).await?;
    wait_owned_claims(&files, 3).await?;
    files.delete().await?;
    wait_claims(&files, 0).await
}

/// Before the operator, or even the controller of StatefulSets, has seen the claims.
pub async fn claims_go_with_a_server_that_is_deleted_at_once(scene: Scene) -> Outcome {
    let mut spec = with_pod();
    dittofs_suite::instance::merge(&mut spec, policy("Delete"));
    for _ in 0..3 {
        let files = Instance::create(&scene, "files", spec.clone()).await?;
        wait_for("the first claim", API_DEADLINE, || async {
            let made = names_of::<PersistentVolumeClaim>(&files).await;
            match made.map_err(|error| error.to_string())?.len() {
                0 => Err("none".to_owned()),
                _ => Ok(()),
            }
        })
        .await?;
        files.delete().await?;
        wait_claims(&files, 0).await?;
    }
    Ok(())
}

pub async fn claims_that_are_to_be_kept_after_all_stay(scene: Scene) -> Outcome {
    let files = bound(&scene, policy("Delete")).await?;
    wait_owned_claims(&files, 3).await?;
    files.change(policy("Retain")).await?;
    wait_owned_claims(&files, 0).await?;
    let before = uids(&files).await?;
    files.delete().await?;
    wait_claims(&files, 3).await?;
    ensure!(uids(&files).await? == before, "the claims are others");
    Ok(())
}

pub async fn a_stateful_set_that_is_deleted_leaves_its_claims(scene: Scene) -> Outcome {
    for asked in ["Delete", "Retain"] {
        let files = bound(&scene, policy(asked)).await?;
        let before = uids(&files).await?;
        let pod = files.pod().await?.uid();
        let sets = files.api::<StatefulSet>();
        sets.delete("files", &DeleteParams::background()).await?;
        // The pod goes with its StatefulSet, and what is left is taken up again.
        wait_object::<Pod>(&files, "files-0", "to be another one", |now| {
            if now.uid() == pod {
                Err("it is the same".to_owned())
            } else {
                Ok(())
            }
        })
        .await?;
        files
            .wait_condition("StorageReady", "True", None, POD_DEADLINE)
            .await?;
        let after = uids(&files).await?;
        ensure!(before == after, "{asked}: {before:?} are now {after:?}");
        files.delete().await?;
        if asked == "Delete" {
            // The next one would take over what the garbage collector has not got to.
            wait_claims(&files, 0).await?;
        }
    }
    Ok(())
}

/// A StatefulSet that is made again leaves the pod without an owner for a moment, so that it is not while it needs not be.
pub async fn another_policy_changes_the_claims_and_leaves_stateful_set_and_pod(
    scene: Scene,
) -> Outcome {
    let files = bound(&scene, policy("Retain")).await?;
    let (pod, claims) = (files.pod().await?.uid(), uids(&files).await?);
    let before = wait_template_owners(&files, 0).await?.uid();
    for (asked, owned) in [("Delete", 3), ("Retain", 0)] {
        files.change(policy(asked)).await?;
        wait_owned_claims(&files, owned).await?;
        ensure!(files.pod().await?.uid() == pod, "{asked}: another pod");
        ensure!(uids(&files).await? == claims, "{asked}: other claims");
        settled(&scene).await?;
        let set = files.api::<StatefulSet>().get("files").await?;
        ensure!(set.uid() == before, "{asked}: another StatefulSet");
        let when = set
            .spec
            .and_then(|spec| spec.persistent_volume_claim_retention_policy);
        let when = when.map(|when| (when.when_deleted, when.when_scaled));
        let retain = || Some("Retain".to_owned());
        ensure!(when == Some((retain(), retain())), "{asked}: {when:?}");
    }
    // A claim that is made from the old template goes with the DittoServer all the same.
    files.change(policy("Delete")).await?;
    wait_owned_claims(&files, 3).await?;
    let claims = files.api::<PersistentVolumeClaim>();
    let old = claims.get("content-files-0").await?.uid();
    let gone = DeleteParams::background();
    claims.delete("content-files-0", &gone).await?;
    wait_object::<PersistentVolumeClaim>(&files, "content-files-0", "is another", |claim| {
        if claim.uid() == old {
            Err("it is the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    wait_owned_claims(&files, 3).await?;
    Ok(())
}
