//! What the server is given: Secrets, environment, volumes, and what keeps it from being evicted.

use dittofs_rig::wait_for;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use super::secrets::{fill, nudge, wait_unusable};
use super::seen::{pod_never_runs, settled, version, wait_object, wait_observed, without_pod};

fn roll_hash(set: &StatefulSet) -> String {
    let template = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let annotations = template.and_then(|template| template.annotations.as_ref());
    let hash = annotations.and_then(|annotations| annotations.get(labels::ROLL_HASH));
    hash.cloned().unwrap_or_default()
}

fn with_token() -> serde_json::Value {
    json!({"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "extra", "key": "token"}}}]})
}

pub async fn another_content_of_a_named_secret_is_another_roll_hash(scene: Scene) -> Outcome {
    let mut spec = without_pod();
    spec["pod"] = with_token();
    let files = Instance::create(&scene, "files", spec).await?;
    wait_unusable(
        &files,
        &["\"extra\"", "spec.pod.env[TOKEN]", "does not exist"],
    )
    .await?;
    fill(&files, "extra", "token", "one").await?;
    nudge(&files, 1).await?;
    let before = wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    let before = roll_hash(&before);
    fill(&files, "extra", "token", "two").await?;
    nudge(&files, 2).await?;
    let after = wait_object::<StatefulSet>(&files, "files", "has another roll hash", |set| {
        if roll_hash(set) == before {
            Err(before.clone())
        } else {
            Ok(())
        }
    })
    .await?;
    let after = roll_hash(&after);
    let parts = before.split_whitespace().zip(after.split_whitespace());
    let changed: Vec<_> = parts.filter(|(before, after)| before != after).collect();
    ensure!(
        changed.len() == 1 && changed[0].0.starts_with("secrets:"),
        "{before} is now {after}"
    );
    let server = files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    let seen = server.status.unwrap_or_default().observed_secrets;
    let seen = seen.iter().find(|seen| seen.name == "extra");
    let right = seen.is_some_and(|seen| seen.found && seen.used_by == ["spec.pod.env[TOKEN]"]);
    ensure!(right, "the status says {seen:?}");
    Ok(())
}

pub async fn a_server_can_be_stopped_while_a_secret_is_missing(scene: Scene) -> Outcome {
    let mut spec = pod_never_runs();
    spec["pod"] = with_token();
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    fill(&files, "extra", "token", "one").await?;
    Instance::create(&scene, "files", spec).await?;
    let before = wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    files
        .api::<Secret>()
        .delete("extra", &DeleteParams::default())
        .await?;
    files
        .change(json!({"replicas": 0, "image": "registry.example/other:2"}))
        .await?;
    let stopped = wait_object::<StatefulSet>(&files, "files", "has no pods", |set| {
        match set.spec.as_ref().and_then(|spec| spec.replicas) {
            Some(0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    ensure!(
        roll_hash(&before) == roll_hash(&stopped),
        "the template has changed: {} is now {}",
        roll_hash(&before),
        roll_hash(&stopped)
    );
    wait_unusable(&files, &["\"extra\"", "does not exist"]).await?;
    fill(&files, "extra", "token", "one").await?;
    nudge(&files, 1).await?;
    wait_object::<StatefulSet>(&files, "files", "has the new template", |set| {
        if roll_hash(set) == roll_hash(&before) {
            Err(roll_hash(set))
        } else {
            Ok(())
        }
    })
    .await?;
    files
        .wait_condition("Ready", "True", Some("ScaledToZero"), API_DEADLINE)
        .await?;
    Ok(())
}

/// With everything that the API server writes in another way than we do.
pub async fn what_users_add_to_the_pod_is_written_once(scene: Scene) -> Outcome {
    let mut spec = without_pod();
    spec["pod"] = json!({
        "env": [{"name": "B", "value": ""}, {"name": "HOME", "value": "/data"}],
        "envFrom": [{"prefix": "", "secretRef": {"name": "absent", "optional": true}}],
        "volumes": [
            {"name": "extra", "secret": {"secretName": "absent", "optional": true}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1024Mi"}},
        ],
        "volumeMounts": [{"name": "extra", "mountPath": "/extra", "readOnly": false}],
        "serviceAccountName": "workload",
    });
    spec["metrics"] = json!({"enabled": true});
    spec["service"] = json!({});
    let files = Instance::create(&scene, "files", spec).await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    settled(&scene).await?;
    let env = json!([{"name": "A", "value": "1"}, {"name": "B", "value": ""}, {"name": "HOME", "value": "/data"}]);
    files.change(json!({"pod": {"env": env}})).await?;
    wait_object::<StatefulSet>(&files, "files", "has the variable", |set| {
        let text = serde_json::to_string(set).unwrap_or_default();
        if text.contains("\"name\":\"A\"") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await?;
    settled(&scene).await?;
    let before = wait_observed(&files).await?;
    let settings = files.api::<ConfigMap>().get("files-sidecar").await?;
    files
        .change(json!({"sidecar": {"logLevel": "WARN"}}))
        .await?;
    wait_object::<ConfigMap>(&files, "files-sidecar", "has the new level", |now| {
        if version(now) == version(&settings) {
            Err(String::new())
        } else {
            Ok(())
        }
    })
    .await?;
    settled(&scene).await?;
    let after = files.api::<StatefulSet>().get("files").await?;
    ensure!(
        before.metadata.generation == after.metadata.generation
            && version(&before) == version(&after),
        "the StatefulSet was written again"
    );
    let binding = files.api::<RoleBinding>().get("files-sidecar").await?;
    let subjects: Vec<_> = binding
        .subjects
        .into_iter()
        .flatten()
        .map(|subject| subject.name)
        .collect();
    ensure!(
        subjects == ["workload"],
        "the rights are those of {subjects:?}"
    );
    Ok(())
}

pub async fn the_budget_goes_when_it_is_not_wanted_and_a_foreign_one_stays(
    scene: Scene,
) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let budgets = files.api::<PodDisruptionBudget>();
    wait_object::<PodDisruptionBudget>(&files, "files", "is there", |_| Ok(())).await?;
    let mut foreign = budgets.get("files").await?;
    foreign.metadata = serde_json::from_value(json!({
        "name": "mine", "labels": foreign.labels(),
    }))?;
    budgets.create(&PostParams::default(), &foreign).await?;
    files
        .change(json!({"pod": {"disruptionBudget": "Manual"}}))
        .await?;
    wait_for("the budget to go", API_DEADLINE, || async {
        match budgets.get_opt("files").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    ensure!(
        budgets.get_opt("mine").await?.is_some(),
        "a foreign budget is gone"
    );
    Ok(())
}
