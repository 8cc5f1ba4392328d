//! Whatever the operator reads of Secrets, it tells nobody: not in its log at the level of every step, in Events, conditions or objects.

use dittofs_suite::canaries::are_nowhere;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::json;

use super::secrets::{fill, nudge, wait_unusable};
use super::seen::{settled, wait_object, without_pod};

/// Values with which nothing else begins.
const ADMIN: &str = "canary-of-the-administrator";
const DATABASE: &str = "canary-of-the-database";
const KEY: &str = "canary-of-the-signing-key-0123456789";

pub async fn no_value_of_a_secret_is_told(scene: Scene) -> Outcome {
    let _operator = Substitute::start(&scene, &["DITTOFS_OPERATOR_LOG=trace".to_owned()])?;
    let mut spec = without_pod();
    spec["identity"] = json!({
        "jwt": {"secretRef": {"name": "keys", "key": "jwt"}},
        "admin": {"passwordSecretRef": {"name": "people", "key": "admin"}},
    });
    spec["database"] = json!({"postgresSecretRef": {"name": "db", "key": "url"}});
    let own = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    // Each is wrong first: errors tell most.
    fill(&own, "keys", "jwt", &KEY[..20]).await?;
    fill(&own, "people", "admin", ADMIN).await?;
    let wrong = format!("postgres://ditto:{DATABASE}@db.example.com/files?pool={DATABASE}");
    fill(&own, "db", "url", &wrong).await?;
    let files = Instance::create(&scene, "files", spec).await?;
    wait_unusable(&files, &["\"keys\"", "at least 32"]).await?;
    searched(&files).await?;
    fill(&files, "keys", "jwt", KEY).await?;
    nudge(&files, 1).await?;
    wait_unusable(&files, &["\"db\"", "\"pool\""]).await?;
    searched(&files).await?;
    let right = format!("postgres://ditto:{DATABASE}@db.example.com/files");
    fill(&files, "db", "url", &right).await?;
    nudge(&files, 2).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    // One with Secrets that the operator has generated.
    let other = Instance::create(&scene, "other", without_pod()).await?;
    other
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    searched(&files).await
}

async fn searched(files: &Instance) -> Outcome {
    let path = files.scene.world.cluster.log("dittofs-operator");
    let log = std::fs::read_to_string(path)?;
    ensure!(log.contains("TRACE"), "the log is not that of every step");
    are_nowhere(files, &[("the log", log)], &[ADMIN, DATABASE, KEY]).await
}
