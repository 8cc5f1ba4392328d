//! The metrics of the server, read by another pod.
//!
//! Who may connect is said by NetworkPolicies, and no engine enforces them here (see `api::policies`, which judges them).

use dittofs_suite::instance::Instance;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use serde_json::json;

use super::client::{Client, cluster_address};

pub async fn another_pod_reads_them_with_the_token_only(scene: Scene) -> Outcome {
    let secrets: kube::Api<Secret> = kube::Api::namespaced(scene.client.clone(), &scene.namespace);
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "scraper"}, "stringData": {"token": "let-me-in\n"},
    }))?;
    secrets.create(&PostParams::default(), &secret).await?;
    let metrics = json!({
        "enabled": true, "port": 9191, "path": "/numbers",
        "bearerTokenSecret": {"name": "scraper", "key": "token"},
    });
    let files = Instance::create(&scene, "files", json!({"metrics": metrics})).await?;
    files.wait_ready().await?;
    let address = cluster_address(&files, "files-metrics").await?;
    let client = Client::start(&files).await?;
    let question = |token: &str| {
        format!(
            "/bin/wget -q -T 4 --header 'Authorization: Bearer {token}' -O - http://{address}:9191/numbers"
        )
    };
    client
        .wait_said(&question("let-me-in"), "dittofs_build_info")
        .await?;
    let bare = format!("/bin/wget -q -T 4 -O - http://{address}:9191/numbers");
    for refused in [bare, question("let-me-out")] {
        let answer = client.wait_said(&refused, "401").await?;
        ensure!(!answer.contains("dittofs_"), "{refused} says {answer}");
    }
    Ok(())
}
