//! What the node reports of a pod that does not come up, in its own words.

use dittofs_suite::Outcome;
use dittofs_suite::instance::Instance;
use dittofs_suite::troubleshooting::shows;
use dittofs_suite::world::Scene;
use futures::future::try_join_all;
use serde_json::{Value, json};

async fn is_told(scene: &Scene, name: &str, spec: Value, failure: &str) -> Outcome {
    let instance = Instance::create(scene, name, spec).await?;
    shows(&instance, failure).await?;
    // Its node is for others.
    instance.change(json!({"replicas": 0})).await?;
    Ok(())
}

pub async fn what_the_node_reports_is_told(scene: Scene) -> Outcome {
    let trials = [
        (
            "unpulled",
            json!({"image": "registry.invalid/dittofs:1", "pod": {"imagePullPolicy": "Always"}}),
            "Registry not reached",
        ),
        (
            "unplaced",
            json!({"pod": {"nodeSelector": {"example.com/nowhere": "true"}}}),
            "No node fits",
        ),
        (
            "unmounted",
            json!({"pod": {
                "volumes": [{"name": "extra", "configMap": {"name": "extra"}}],
                "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
            }}),
            "Volume cannot be mounted",
        ),
        (
            "crashing",
            json!({"configOverrides": {"gc": {"grace_period": "1m"}}}),
            "Bad configuration",
        ),
    ];
    let trials = trials.map(|(name, spec, failure)| is_told(&scene, name, spec, failure));
    try_join_all(trials).await?;
    Ok(())
}
