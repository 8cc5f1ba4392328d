//! What a sidecar can do to the metadata of the one ConfigMap that it may write to, with its own token: nothing that
//! lasts.

use dittofs_rig::{Caller, wait_for};
use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::seen::{Failed, both_exposed, doors, wait_object, without_pod};

/// The ConfigMap, as the sidecar reaches it.
async fn as_sidecar(files: &Instance) -> Result<Api<ConfigMap>, Failed> {
    let scene = &files.scene;
    let request = TokenRequest {
        spec: TokenRequestSpec::default(),
        ..TokenRequest::default()
    };
    let accounts = files.api::<ServiceAccount>();
    let name = names::sidecar(&files.name);
    let answer = wait_for("the account of the sidecar", API_DEADLINE, || async {
        accounts
            .create_token_request(&name, &PostParams::default(), &request)
            .await
            .map_err(|error| error.to_string())
    })
    .await?;
    let token = answer.status.ok_or("there is no token")?.token;
    let client = scene.world.cluster.client_as(&Caller::token(token))?;
    Ok(Api::namespaced(client, &scene.namespace))
}

async fn forge(api: &Api<ConfigMap>, name: &str, metadata: &Value) -> Outcome {
    let patch = Patch::Merge(json!({ "metadata": metadata }));
    wait_for("the sidecar's rights", API_DEADLINE, || async {
        let patched = api.patch(name, &PatchParams::default(), &patch).await;
        patched.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

fn without_labels() -> Value {
    let keys = labels::of_instance("files").into_keys();
    keys.map(|key| (key, Value::Null)).collect()
}

pub async fn what_a_sidecar_does_to_the_metadata_is_put_right(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    let other = both_exposed(&scene, "other", without_pod()).await?;
    let api = as_sidecar(&files).await?;
    let before = (doors(&files).await?, doors(&other).await?);
    let uid = files.api::<ConfigMap>().get("files-adapters").await?.uid();
    let server = files.api::<DittoServer>().get("files").await?.uid();
    let another = other.api::<DittoServer>().get("other").await?.uid();
    let owner = |name: &str, uid: &Option<String>, controller: bool| {
        json!([{"apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "name": name,
            "uid": uid, "controller": controller, "blockOwnerDeletion": true}])
    };
    for metadata in [
        json!({"ownerReferences": null}),
        json!({"labels": {labels::MANAGED_BY: null}}),
        json!({"labels": {labels::INSTANCE: null}, "ownerReferences": null}),
        json!({"labels": {labels::INSTANCE: "other"}, "ownerReferences": null}),
        json!({"labels": without_labels(), "annotations": null, "ownerReferences": null}),
        json!({"labels": without_labels(), "annotations": null}),
        json!({"finalizers": ["example.com/forged"]}),
        json!({"finalizers": ["example.com/forged"], "labels": without_labels(),
            "annotations": null, "ownerReferences": null, "managedFields": [{}]}),
        json!({"ownerReferences": owner("other", &another, true)}),
        json!({"ownerReferences": owner("other", &another, true), "labels": without_labels()}),
        json!({"ownerReferences": owner("files", &server, false)}),
    ] {
        forge(&api, "files-adapters", &metadata).await?;
        wait_object::<ConfigMap>(&files, "files-adapters", "is as it was", |now| {
            let owners = now.owner_references();
            let right = now.uid() == uid
                && now.finalizers().is_empty()
                && matches!(owners, [one] if Some(&one.uid) == server.as_ref() && one.controller == Some(true))
                && labels::of_instance("files").iter().all(|(key, value)| now.labels().get(key) == Some(value));
            if right {
                Ok(())
            } else {
                Err(format!("after {metadata}: {:?}", now.metadata))
            }
        })
        .await?;
    }
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let after = (doors(&files).await?, doors(&other).await?);
    ensure!(before == after, "{before:?} became {after:?}");
    Ok(())
}

/// While it is paused, nothing is put right: what the sidecar has done is still there when the instance goes.
async fn forged_and_paused(scene: &Scene, metadata: &Value) -> Result<Instance, Failed> {
    let files = both_exposed(scene, "files", without_pod()).await?;
    let api = as_sidecar(&files).await?;
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    forge(&api, "files-adapters", metadata).await?;
    Ok(files)
}

async fn wait_gone(files: &Instance) -> Outcome {
    let (maps, servers) = (files.api::<ConfigMap>(), files.api::<DittoServer>());
    wait_for("instance and ConfigMap to go", API_DEADLINE, || async {
        let map = maps.get_opt("files-adapters").await;
        let server = servers.get_opt("files").await;
        match (map, server) {
            (Ok(None), Ok(None)) => Ok(()),
            (map, server) => Err(format!(
                "{:?} {:?}",
                map.map(|one| one.map(|one| one.metadata)),
                server.map(|one| one.map(|one| one.metadata))
            )),
        }
    })
    .await?;
    Ok(())
}

pub async fn a_forged_finalizer_holds_up_no_instance(scene: Scene) -> Outcome {
    let finalizer = json!({"finalizers": ["example.com/forged"]});
    for parameters in [DeleteParams::foreground(), DeleteParams::background()] {
        let files = forged_and_paused(&scene, &finalizer).await?;
        files
            .api::<DittoServer>()
            .delete("files", &parameters)
            .await?;
        wait_gone(&files).await?;
    }
    Ok(())
}

pub async fn a_forged_finalizer_holds_up_no_namespace(scene: Scene) -> Outcome {
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    // Without our label it has left the operator's copies.
    for (suffix, metadata) in [
        ("a", json!({"finalizers": ["example.com/forged"]})),
        (
            "b",
            json!({"finalizers": ["example.com/forged"], "labels": without_labels()}),
        ),
    ] {
        let name = format!("{}-{suffix}", scene.namespace);
        let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
        let there = Scene {
            namespace: name.clone(),
            ..scene.clone()
        };
        forged_and_paused(&there, &metadata).await?;
        namespaces
            .delete(&name, &DeleteParams::background())
            .await?;
        wait_for("the namespace to go", POD_DEADLINE, || async {
            match namespaces.get_opt(&name).await {
                Ok(None) => Ok(()),
                other => Err(format!("{:?}", other.map(|one| one.map(|one| one.status)))),
            }
        })
        .await?;
    }
    Ok(())
}
