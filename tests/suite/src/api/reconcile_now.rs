//! The annotation that asks for a look: everything is written anew, and the status says which wish was granted.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::secrets::nudge;
use super::seen::{
    Failed, Version, both_exposed, doors, ensure_quiet, settled, version, without_pod, write,
};

async fn ask(files: &Instance, value: &str) -> Outcome {
    let patch = json!({"metadata": {"annotations": {labels::RECONCILE_NOW: value}}});
    write::<DittoServer>(files, "somebody", &files.name, patch).await?;
    Ok(())
}

async fn wait_handled(files: &Instance, value: &str) -> Result<DittoServer, Failed> {
    let what = format!("lastHandledReconcileAt to be {value}");
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let handled = handled(server);
            if handled == Some(value) {
                Ok(())
            } else {
                Err(format!("it is {handled:?}"))
            }
        })
        .await
}

fn handled(server: &DittoServer) -> Option<&str> {
    let status = server.status.as_ref()?;
    status.last_handled_reconcile_at.as_deref()
}

fn containers(set: &StatefulSet) -> Value {
    json!(set)["spec"]["template"]["spec"]["containers"].take()
}

/// With every Secret that a variable comes from made optional.
fn with_optional_secrets(containers: &Value) -> Value {
    let mut containers = containers.clone();
    for container in containers.as_array_mut().into_iter().flatten() {
        for variable in container["env"].as_array_mut().into_iter().flatten() {
            if let Some(secret) = variable.pointer_mut("/valueFrom/secretKeyRef") {
                secret["optional"] = json!(true);
            }
        }
    }
    containers
}

/// The Services as they are, and the uids of the policies: the API server gives a policy a new version when the empty
/// lists in it are sent again.
async fn doors_are(files: &Instance) -> Result<BTreeMap<String, Version>, Failed> {
    let doors = doors(files).await?.into_iter();
    let known = doors.map(|(name, (uid, version))| {
        let version = if name.starts_with("Service") {
            version
        } else {
            String::new()
        };
        (name, (uid, version))
    });
    Ok(known.collect())
}

/// A field inside one of ours that has no owner of its own is invisible to a comparison with what is wanted.
pub async fn a_new_value_has_everything_written_anew(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    settled(&scene).await?;
    let set = files.api::<StatefulSet>().get("files").await?;
    let asked_for = containers(&set);
    let drifted = with_optional_secrets(&asked_for);
    ensure!(
        asked_for != drifted,
        "no variable comes from a Secret: {asked_for}"
    );
    let restarted = json!({labels::RESTARTED_AT: "2026-01-01T00:00:00Z"});
    let patch = json!({"spec": {"template": {
        "metadata": {"annotations": restarted}, "spec": {"containers": drifted},
    }}});
    write::<StatefulSet>(&files, "somebody", "files", patch).await?;
    settled(&scene).await?;
    let before = doors_are(&files).await?;

    ask(&files, "first").await?;
    wait_handled(&files, "first").await?;
    let set = files.api::<StatefulSet>().get("files").await?;
    ensure!(
        containers(&set) == asked_for,
        "{:#} instead of {asked_for:#}",
        containers(&set)
    );
    let template = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let kept = template.is_some_and(|it| {
        let annotations = it.annotations.as_ref();
        annotations.is_some_and(|all| all.contains_key(labels::RESTARTED_AT))
    });
    ensure!(kept, "the wish for a restart is gone: {template:?}");
    settled(&scene).await?;
    let after = doors_are(&files).await?;
    ensure!(
        before == after,
        "what was right has changed: {before:#?}\n{after:#?}"
    );
    ensure!(
        files.api::<StatefulSet>().get("files").await?.uid() == set.uid(),
        "it was made again"
    );

    // Granted once: the same wish changes nothing.
    let mark = scene.world.cluster.audit().mark()?;
    nudge(&files, 1).await?;
    ensure_quiet(&scene, mark).await?;
    ask(&files, "second").await?;
    wait_handled(&files, "second").await?;
    Ok(())
}

/// Secrets are not watched: a wish makes them be read.
pub async fn a_new_value_has_secrets_read_again(scene: Scene) -> Outcome {
    let mut spec = without_pod();
    let own = json!({"identity": {"jwt": {"secretRef": {"name": "own", "key": "signing"}}}});
    merge(&mut spec, own);
    let files = Instance::create(&scene, "files", spec).await?;
    files
        .wait_condition("ConfigReady", "False", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "own"}, "stringData": {"signing": "k".repeat(64)},
    }))?;
    files
        .api::<Secret>()
        .create(&PostParams::default(), &secret)
        .await?;
    ask(&files, "now").await?;
    wait_handled(&files, "now").await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}

/// While paused nothing is written, so that the wish waits.
pub async fn while_paused_the_wish_waits(scene: Scene) -> Outcome {
    let files = both_exposed(&scene, "files", without_pod()).await?;
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    let settings = names::sidecar(&files.name);
    let by_hand = json!({"data": {"hold": "1s"}});
    let edited =
        write::<k8s_openapi::api::core::v1::ConfigMap>(&files, "somebody", &settings, by_hand)
            .await?;
    ask(&files, "now").await?;
    settled(&scene).await?;
    let server = files.api::<DittoServer>().get("files").await?;
    ensure!(handled(&server).is_none(), "{:?}", handled(&server));
    let api = files.api::<k8s_openapi::api::core::v1::ConfigMap>();
    let now = api.get(&settings).await?;
    ensure!(version(&now) == version(&edited), "{:?}", now.data);
    files.change(json!({"paused": false})).await?;
    wait_handled(&files, "now").await?;
    Ok(())
}
