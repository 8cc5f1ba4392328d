//! What was written for the Go operator is accepted, and `kubectl explain` says what every field does.

use dittofs_golden::fields;
use dittofs_operator_core::reference;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use kube::Resource as _;
use serde_json::{Value, json};
use std::path::Path;

use super::validation::{named, try_create};
use dittofs_golden::{FIELDS_OF_THE_GO_OPERATOR, are_described, given};

pub async fn objects_of_the_go_operator_are_accepted(scene: Scene) -> Outcome {
    let file = match given(
        "DITTOFS_PEER_OBJECTS",
        "../shared/dittofs/peer-objects.yaml",
    ) {
        Ok(file) => file,
        Err(reason) => {
            println!("nothing was tried: {reason}");
            return Ok(());
        }
    };
    let list: Value = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
    let mut tried = 0;
    for object in list["items"].as_array().into_iter().flatten() {
        if object["kind"] != DittoServer::kind(&()).as_ref() {
            continue;
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if let Err(error) = try_create(&scene, &named(name, object["spec"].clone())).await {
            fail!("{}: {error}", object["spec"]);
        }
        tried += 1;
    }
    ensure!(tried > 0, "there is no DittoServer in the file");
    Ok(())
}

pub async fn a_server_with_every_field_of_theirs_is_accepted(scene: Scene) -> Outcome {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../operator/core/tests/everything.yaml");
    let spec: Value = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
    let missing: Vec<_> = FIELDS_OF_THE_GO_OPERATOR
        .iter()
        .filter(|path| fields::get(&spec, path).is_none())
        .collect();
    ensure!(
        missing.is_empty(),
        "everything.yaml does not set {missing:?}"
    );
    let accepted = try_create(&scene, &named("files", spec.clone())).await?;
    let read = serde_json::from_value::<DittoServer>(accepted.clone());
    if let Err(error) = read {
        fail!("what is accepted cannot be read: {error}");
    }
    let lost: Vec<_> = FIELDS_OF_THE_GO_OPERATOR
        .iter()
        .filter(|path| fields::get(&accepted["spec"], path) != fields::get(&spec, path))
        .collect();
    ensure!(
        lost.is_empty(),
        "these are stored with other values: {lost:?}"
    );
    Ok(())
}

pub async fn kubectl_explains_every_field(scene: Scene) -> Outcome {
    let url = "/openapi/v3/apis/dittofs.dittofs.com/v1alpha1";
    let request = hyper::Request::get(url).body(Vec::new())?;
    let served: Value = scene.client.request(request).await?;
    let schemas = served["components"]["schemas"].as_object();
    let found = schemas
        .into_iter()
        .flatten()
        .find(|(name, _)| name.ends_with(".DittoServer"));
    let (_, kind) = found.ok_or("the API server describes no DittoServer")?;
    are_described(&kind["properties"])?;
    for part in ["spec", "status"] {
        let words = ["explain", &format!("dittoserver.{part}"), "--recursive"];
        let output = scene.world.cluster.kubectl(words).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "kubectl {words:?}: {output:?}");
        let explained: Vec<_> = text.split_whitespace().collect();
        let missing: Vec<_> = reference::fields::of(part)
            .into_iter()
            .map(|field| field.path)
            .filter(|path| !explained.contains(&path.rsplit('.').next().unwrap_or_default()))
            .collect();
        ensure!(
            missing.is_empty(),
            "kubectl {words:?} does not show {missing:?}"
        );
    }
    let words = ["explain", "dittoserver.spec.storage.metadataSize"];
    let output = scene.world.cluster.kubectl(words).output()?;
    let text = json!(String::from_utf8_lossy(&output.stdout));
    ensure!(
        text.to_string().contains("mounted at"),
        "kubectl {words:?} says {text}"
    );
    Ok(())
}
