//! The CustomResourceDefinition can be installed in every way that `kubectl` has, and limits what users write.

use dittofs_operator_core::reference::definition::definition;
use dittofs_rig::installation::manifests;
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::path::Path;

use super::seen::{Failed, settled, version, without_pod};
use super::validation::{named, try_create};

const NAME: &str = "dittoservers.dittofs.dittofs.com";
/// Default of the image in the first releases.
const FIRST_IMAGE: &str = "marmos91c/dittofs:latest";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn apply(scene: &Scene, words: &[&str], path: &Path) -> Outcome {
    let mut kubectl = scene.world.cluster.kubectl(words);
    let output = kubectl.arg(path).output()?;
    ensure!(
        output.status.success(),
        "kubectl {} {}: {}",
        words.join(" "),
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Client-side `kubectl apply` stores the whole definition in an annotation, whose length is limited.
pub async fn kubectl_applies_it_client_side_and_server_side(scene: Scene) -> Outcome {
    let crds = manifests().join("../crds");
    let file = crds.join("dittoservers.yaml");
    let api: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    apply(&scene, &["apply", "-f"], &crds)?;
    apply(&scene, &["apply", "-k"], &crds)?;
    let applied = api.get(NAME).await?;
    let annotation = applied.annotations().get(LAST_APPLIED).map(String::len);
    ensure!(
        annotation.is_some_and(|length| length > 50_000),
        "the annotation has {annotation:?} bytes"
    );
    let server_side = ["apply", "--server-side", "--force-conflicts", "-f"];
    apply(&scene, &server_side, &file)?;
    let conditions = api.get(NAME).await?.status.unwrap_or_default().conditions;
    let broken = conditions.into_iter().flatten().find(|found| {
        (found.type_ == "NonStructuralSchema" && found.status == "True")
            || (found.type_ == "Established" && found.status != "True")
    });
    ensure!(broken.is_none(), "{broken:?}");
    Ok(())
}

pub async fn what_has_no_end_is_refused(scene: Scene) -> Outcome {
    let many = |count: usize| -> Value {
        let keys = (0..count).map(|number| (format!("k{number}"), json!("v")));
        Value::Object(keys.collect())
    };
    let list = |count: usize, element: Value| Value::from(vec![element; count]);
    let long = "x".repeat(70_000);
    let rows = [
        (
            "spec.configOverrides",
            json!({"configOverrides": many(257)}),
        ),
        ("spec.pod.labels", json!({"pod": {"labels": many(257)}})),
        (
            "spec.pod.annotations",
            json!({"pod": {"annotations": {"a": long}}}),
        ),
        (
            "spec.pod.env[0].value",
            json!({"pod": {"env": [{"name": "A", "value": long}]}}),
        ),
        (
            "spec.pod.tolerations",
            json!({"pod": {"tolerations": list(257, json!({"operator": "Exists"}))}}),
        ),
        (
            "spec.networkPolicy.api.from",
            json!({"networkPolicy": {"api": {"from": list(1025, json!({"podSelector": {}}))}}}),
        ),
        (
            "spec.resources.limits",
            json!({"resources": {"limits": {"cpu": long}}}),
        ),
        (
            "spec.pod.volumes[0].hostPath.path",
            json!({"pod": {"volumes": [{"name": "a", "hostPath": {"path": long}}]}}),
        ),
    ];
    for (field, spec) in rows {
        match try_create(&scene, &named("files", spec)).await {
            Ok(_) => fail!("{field} is accepted without an end"),
            Err(error) => ensure!(error.to_string().contains(field), "{field}: {error}"),
        }
    }
    // What people really write is far from any limit.
    let generous = json!({
        "configOverrides": many(200),
        "pod": {"env": [{"name": "A", "value": "x".repeat(60_000)}], "annotations": {"a": "x".repeat(60_000)}},
        "networkPolicy": {"api": {"from": list(1000, json!({"ipBlock": {"cidr": "192.0.2.0/24"}}))}},
    });
    try_create(&scene, &named("files", generous)).await?;
    Ok(())
}

/// Under another group, so that the definition of all other tests stays.
fn in_group(mut definition: Value, group: &str) -> Value {
    definition["metadata"]["name"] = json!(format!("dittoservers.{group}"));
    definition["spec"]["group"] = json!(group);
    definition["spec"]["names"]["shortNames"] = json!([]);
    definition["spec"]["names"]["categories"] = json!([]);
    definition
}

fn without_limits(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A field may have the name of a limit, but no field of ours has.
            fields.retain(|key, _| {
                !["maxProperties", "maxItems", "maxLength"].contains(&key.as_str())
            });
            fields.values_mut().for_each(without_limits);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_limits),
        _ => {}
    }
}

/// An object that is older than a limit can still be changed elsewhere, and keeps the defaults of its time.
pub async fn an_object_above_a_new_limit_can_still_be_changed(scene: Scene) -> Outcome {
    let group = "limits.example.com";
    let now = in_group(definition(), group);
    let mut before = now.clone();
    without_limits(&mut before);
    // Rules over texts and lists without an end cost too much.
    drop_rules(&mut before);
    before["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        ["image"]["default"] = json!(FIRST_IMAGE);
    let definitions: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    definitions
        .create(&PostParams::default(), &serde_json::from_value(before)?)
        .await?;
    let outcome = changes_above(&scene, group, &definitions, &now).await;
    let name = format!("dittoservers.{group}");
    definitions
        .delete(&name, &DeleteParams::background())
        .await?;
    outcome
}

fn drop_rules(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("x-kubernetes-validations");
            fields.values_mut().for_each(drop_rules);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_rules),
        _ => {}
    }
}

async fn changes_above(
    scene: &Scene,
    group: &str,
    definitions: &Api<CustomResourceDefinition>,
    now: &Value,
) -> Outcome {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1alpha1", "DittoServer"));
    let api: Api<DynamicObject> =
        Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
    let mut large = named(
        "files",
        json!({"pod": {"annotations": {"a": "x".repeat(70_000)}}}),
    );
    large["apiVersion"] = json!(format!("{group}/v1alpha1"));
    let large: DynamicObject = serde_json::from_value(large)?;
    wait_for("the kind to be served", API_DEADLINE, || async {
        let created = api.create(&PostParams::default(), &large).await;
        created.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    let parameters = PatchParams::default();
    definitions
        .patch(
            &format!("dittoservers.{group}"),
            &parameters,
            &Patch::Merge(json!({"spec": now["spec"]})),
        )
        .await?;
    let mut other = large.clone();
    other.metadata.name = Some("other".to_owned());
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    wait_for("the limits to hold", API_DEADLINE, || async {
        match api.create(&dry, &other).await {
            Err(kube::Error::Api(status)) if status.code == 422 => Ok(()),
            other => Err(format!("{:?}", other.map(drop))),
        }
    })
    .await?;
    for spec in [
        json!({"spec": {"replicas": 0}}),
        json!({"spec": {"pod": {"labels": {"a": "b"}}}}),
    ] {
        api.patch("files", &parameters, &Patch::Merge(spec)).await?;
    }
    let status = json!({"status": {"phase": "Running"}});
    api.patch_status("files", &parameters, &Patch::Merge(status))
        .await?;
    let image = api.get("files").await?.data["spec"]["image"].take();
    ensure!(image == FIRST_IMAGE, "its image is {image} now");
    Ok(())
}

/// A spec that is too large for the operator is told, changes nothing and is taken up when it is smaller again.
pub async fn a_spec_that_is_too_large_is_told_and_changes_nothing(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let headless = || async {
        let services: Api<k8s_openapi::api::core::v1::Service> = files.api();
        Ok::<_, Failed>(version(&services.get("files-headless").await?))
    };
    let before = headless().await?;
    let large = json!({"configOverrides": {"telemetry": {"text": "x".repeat(400_000)}}, "metrics": {"enabled": true}});
    files.change(large).await?;
    for condition in ["ConfigReady", "Ready"] {
        let reason = Some("SpecTooLarge");
        files
            .wait_condition(condition, "False", reason, API_DEADLINE)
            .await?;
    }
    settled(&scene).await?;
    ensure!(
        before == headless().await?,
        "the headless Service was written"
    );
    files
        .change(json!({"configOverrides": null, "metrics": {"enabled": false}}))
        .await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let server = files.api::<DittoServer>().get("files").await?;
    ensure!(server.status.is_some(), "it has no status");
    Ok(())
}
