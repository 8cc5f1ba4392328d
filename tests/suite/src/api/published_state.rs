//! The ConfigMap of the published state: two writers, and others who write where they should not.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::seen::{
    Failed, both_exposed, doors, good, pod_never_runs, wait_object, without_pod, write,
};

/// By manager: the field sets of an object.
fn field_sets(object: &ConfigMap) -> BTreeMap<String, Value> {
    let entries = object.metadata.managed_fields.clone().unwrap_or_default();
    let pair = |entry: k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
        let fields = entry.fields_v1.map(|fields| fields.0);
        (
            entry.manager.unwrap_or_default(),
            fields.unwrap_or_default(),
        )
    };
    entries.into_iter().map(pair).collect()
}

pub async fn operator_and_sidecar_own_disjoint_fields_of_one_config_map(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let state = files.api::<ConfigMap>().get("files-adapters").await?;
    let sets = field_sets(&state);
    let managers: Vec<_> = sets.keys().map(String::as_str).collect();
    ensure!(
        managers == [labels::OPERATOR_MANAGER, labels::SIDECAR_MANAGER],
        "the managers are {managers:?}"
    );
    let keys = |manager: &str| {
        sets[manager]
            .as_object()
            .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
    };
    let (operator, sidecar) = (
        keys(labels::OPERATOR_MANAGER),
        keys(labels::SIDECAR_MANAGER),
    );
    ensure!(
        operator == Some(vec!["f:metadata".to_owned()]),
        "the operator owns {operator:?}"
    );
    ensure!(
        sidecar == Some(vec!["f:data".to_owned()]),
        "the sidecar owns {sidecar:?}"
    );
    Ok(())
}

pub async fn neither_writer_takes_away_what_the_other_wrote(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let data = files.api::<ConfigMap>().get("files-adapters").await?.data;
    // The operator applies its part anew, and the data stay.
    write::<ConfigMap>(
        &files,
        "somebody",
        "files-adapters",
        json!({"metadata": {"labels": {"app": "other"}}}),
    )
    .await?;
    let state =
        wait_object::<ConfigMap>(&files, "files-adapters", "has its label again", |state| {
            match state.labels().get("app") {
                Some(app) if app == labels::APP_VALUE => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    ensure!(state.data == data, "the data are {:?}", state.data);
    // The sidecar applies its part anew, and the metadata stay.
    files.publish(vec![adapter("nfs", 12050)]).await?;
    files
        .wait_services(&[("files-nfs", 12050)], API_DEADLINE)
        .await?;
    let after = files.api::<ConfigMap>().get("files-adapters").await?;
    ensure!(
        after.metadata.owner_references == state.metadata.owner_references
            && after.metadata.labels == state.metadata.labels,
        "the metadata are {:?}",
        after.metadata
    );
    Ok(())
}

fn publish_to(settings: &ConfigMap) -> String {
    let data = settings.data.clone().unwrap_or_default();
    data.get("publishTo").cloned().unwrap_or_default()
}

/// Waits until the sidecar is told to look at the published state again.
async fn wait_publish_to(
    files: &Instance,
    what: &str,
    check: impl Fn(&str) -> bool,
) -> Result<String, Failed> {
    let settings =
        wait_object::<ConfigMap>(files, &names::sidecar(&files.name), what, |settings| {
            let seen = publish_to(settings);
            if check(&seen) {
                Ok(())
            } else {
                Err(format!("publishTo is {seen:?}"))
            }
        })
        .await?;
    Ok(publish_to(&settings))
}

pub async fn a_deleted_state_comes_back_empty_and_the_sidecar_is_told(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let api = files.api::<ConfigMap>();
    let old = api.get("files-adapters").await?.uid().unwrap_or_default();
    wait_publish_to(&files, "names the ConfigMap alone", |seen| seen == old).await?;
    let before = doors(&files).await?;
    api.delete("files-adapters", &DeleteParams::default())
        .await?;
    let new = wait_object::<ConfigMap>(&files, "files-adapters", "is there again", |state| {
        if state.uid().as_ref() == Some(&old) {
            Err("it is the old one".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    ensure!(new.data.is_none(), "it has data: {:?}", new.data);
    let new = new.uid().unwrap_or_default();
    wait_publish_to(&files, "names the new ConfigMap", |seen| {
        seen.contains(&new)
    })
    .await?;
    let after = doors(&files).await?;
    ensure!(before == after, "{before:?} became {after:?}");
    files.moves_smb().await?;
    Ok(())
}

pub async fn data_edited_or_removed_by_hand_change_nothing_and_the_sidecar_is_told(
    scene: Scene,
) -> Outcome {
    let files = both_exposed(&scene, "files", pod_never_runs()).await?;
    let uid = files
        .api::<ConfigMap>()
        .get("files-adapters")
        .await?
        .uid()
        .unwrap_or_default();
    wait_publish_to(&files, "names the ConfigMap alone", |seen| seen == uid).await?;
    files
        .wait_condition("AdaptersReady", "True", None, API_DEADLINE)
        .await?;
    let before = doors(&files).await?;
    for edit in [
        json!({"adapters": "[]"}),
        json!({"adapters": null}),
        Value::Null,
    ] {
        write::<ConfigMap>(
            &files,
            "kubectl-edit",
            "files-adapters",
            json!({"data": edit}),
        )
        .await?;
        wait_publish_to(&files, &format!("tells of {edit}"), |seen| seen != uid).await?;
        let after = doors(&files).await?;
        ensure!(before == after, "{edit}: {before:?} became {after:?}");
        // What the sidecar does then.
        files.publish(good()).await?;
        wait_publish_to(&files, "names the ConfigMap alone", |seen| seen == uid).await?;
        files
            .wait_condition("AdaptersReady", "True", None, API_DEADLINE)
            .await?;
    }
    Ok(())
}

async fn forge(files: &Instance, metadata: Value) -> Outcome {
    let patch = json!({"metadata": metadata});
    write::<ConfigMap>(files, labels::SIDECAR_MANAGER, "files-adapters", patch).await?;
    Ok(())
}

/// The sidecar may patch its ConfigMap as a whole, metadata included.
pub async fn labels_that_a_sidecar_forges_misdirect_nobody(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let other = both_exposed(&scene, "other", without_pod()).await?;
    let before = doors(&other).await?;
    let forged = json!({"instance": "other", labels::MANAGED_BY: null, labels::ADAPTER: "smb"});
    forge(
        &files,
        json!({"labels": forged, "finalizers": ["example.com/forged"]}),
    )
    .await?;
    wait_object::<ConfigMap>(&files, "files-adapters", "has its labels again", |state| {
        let seen = state.labels();
        let right = seen.get("instance").is_some_and(|name| name == "files")
            && seen.contains_key(labels::MANAGED_BY);
        if right {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await?;
    files.moves_smb().await?;
    let after = doors(&other).await?;
    ensure!(before == after, "the other's {before:?} became {after:?}");
    Ok(())
}

pub async fn an_owner_that_a_sidecar_forges_is_no_owner(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let other = both_exposed(&scene, "other", without_pod()).await?;
    let before = (doors(&files).await?, doors(&other).await?);
    let server = other.api::<DittoServer>().get("other").await?;
    let owner = json!([{
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "name": "other",
        "uid": server.uid(), "controller": true, "blockOwnerDeletion": true,
    }]);
    forge(&files, json!({"ownerReferences": owner})).await?;
    wait_object::<ConfigMap>(
        &files,
        "files-adapters",
        "has its owner again",
        |state| match state.owner_references() {
            [owner] if owner.name == "files" => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await?;
    let after = (doors(&files).await?, doors(&other).await?);
    ensure!(before == after, "{before:?} became {after:?}");
    Ok(())
}
