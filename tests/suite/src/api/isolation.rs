//! One bad `DittoServer` stops no other.

use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::seen::{doors, settled, wait_object, without_pod};

/// A time that the API server takes for one, and that no program here can hold.
const NO_TIME: &str = "9999-12-31T23:59:59Z";

async fn works(scene: &Scene, name: &str) -> Outcome {
    let healthy = Instance::create(scene, name, without_pod()).await?;
    healthy.publish(vec![adapter("nfs", 12049)]).await?;
    healthy
        .wait_services(&[(&format!("{name}-nfs"), 12049)], API_DEADLINE)
        .await?;
    healthy
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}

/// Somebody has written a status that cannot be read, as a program of another version might.
pub async fn a_server_that_cannot_be_read_is_left_as_it_is_and_stops_no_other(
    scene: Scene,
) -> Outcome {
    let broken = Instance::create(&scene, "broken", without_pod()).await?;
    broken.publish(vec![adapter("nfs", 12049)]).await?;
    broken
        .wait_services(&[("broken-nfs", 12049)], API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let before = doors(&broken).await?;
    let raw: Api<DynamicObject> = Api::namespaced_with(
        scene.client.clone(),
        &scene.namespace,
        &ApiResource::erase::<DittoServer>(&()),
    );
    let conditions = |time: &str| {
        json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "Forged", "message": "", "lastTransitionTime": time},
        ]}})
    };
    let parameters = PatchParams::default();
    raw.patch_status("broken", &parameters, &Patch::Merge(conditions(NO_TIME)))
        .await?;
    ensure!(
        broken.api::<DittoServer>().get("broken").await.is_err(),
        "it can be read after all, and this test shows nothing"
    );
    let change = json!({"spec": {"sidecar": {"logLevel": "WARN"}}});
    raw.patch("broken", &parameters, &Patch::Merge(change))
        .await?;
    // Events of one kind come in order: with this one the operator has seen those before it.
    works(&scene, "witness").await?;
    broken.publish(vec![]).await?;
    works(&scene, "healthy").await?;
    let after = doors(&broken).await?;
    ensure!(before == after, "{before:?} became {after:?}");
    // Put right, it is looked after again, with all that has happened meanwhile.
    let cured = conditions("2026-01-01T00:00:00Z");
    raw.patch_status("broken", &parameters, &Patch::Merge(cured))
        .await?;
    broken.wait_services(&[], API_DEADLINE).await?;
    broken
        .wait_condition("Ready", "True", Some("ScaledToZero"), API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn servers_that_cannot_be_made_stop_no_other(scene: Scene) -> Outcome {
    let taken: Service = serde_json::from_value(json!({
        "metadata": {"name": "taken-headless"}, "spec": {"ports": [{"port": 80}]},
    }))?;
    let services: Api<Service> = Api::namespaced(scene.client.clone(), &scene.namespace);
    services.create(&PostParams::default(), &taken).await?;
    let secret = |name: &str| json!({"jwt": {"secretRef": {"name": name, "key": "key"}}});
    let merged = |more: Value| {
        let mut spec = without_pod();
        spec["identity"] = more;
        spec
    };
    // More of them than the operator looks at side by side.
    let mut bad = Vec::new();
    for number in 0..12 {
        let name = format!("bad{number}");
        bad.push(Instance::create(&scene, &name, merged(secret("missing"))).await?);
    }
    let taken = Instance::create(&scene, "taken", without_pod()).await?;
    // Refused by the API server when the operator writes it: no annotation may be called that.
    let mut unwritable = without_pod();
    unwritable["adapterServices"]["annotations"] = json!({"not a name!": "x"});
    let unwritable = Instance::create(&scene, "unwritable", unwritable).await?;
    unwritable.publish(vec![adapter("nfs", 12049)]).await?;
    works(&scene, "healthy").await?;
    for bad in &bad {
        bad.wait_condition("Ready", "False", Some("SecretUnusable"), API_DEADLINE)
            .await?;
    }
    for (instance, word) in [(&taken, "taken-headless"), (&unwritable, "unwritable-nfs")] {
        let server = instance
            .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
            .await?;
        let message = &server.status.unwrap_or_default().conditions[0].message;
        ensure!(message.contains(word), "Ready says {message:?}");
    }
    let foreign = wait_object::<Service>(&taken, "taken-headless", "is there", |_| Ok(())).await?;
    ensure!(
        foreign.owner_references().is_empty(),
        "the foreign Service has an owner now"
    );
    Ok(())
}
