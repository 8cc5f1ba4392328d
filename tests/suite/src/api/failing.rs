//! What cannot be written keeps nobody busy, and is told once.

use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use std::time::Duration;

use super::seen::{Failed, lines, operator_requests, wait_event, wait_object, without_pod, write};

/// In five minutes there are at most 12 reconciles: after 0, 1, 3, 7, 15, 31, 63, 123, 183 and 243 s, each delay up to a
/// tenth shorter. The first half a minute of that has at most six, and shows whether the delays grow.
const WINDOW: Duration = Duration::from_secs(26);
const RECONCILES: usize = 6;
/// How often something about the instance changes meanwhile that has nothing to do with the failure.
const CHANGES: u32 = 50;

fn kind(name: &str) -> ApiResource {
    let gvk = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", name);
    ApiResource::from_gvk(&gvk)
}

async fn make(scene: &Scene, kind_name: &str, object: Value) -> Outcome {
    let api = Api::<DynamicObject>::all_with(scene.client.clone(), &kind(kind_name));
    let object: DynamicObject = serde_json::from_value(object)?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// Refuses to create Roles and PodDisruptionBudgets in the namespace, with another text every time: an object that is not created has a
/// new uid with every attempt.
async fn refuse(scene: &Scene) -> Outcome {
    let name = &scene.namespace;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                {
                    "apiGroups": ["rbac.authorization.k8s.io"], "apiVersions": ["v1"], "resources": ["roles"],
                    "operations": ["CREATE"],
                },
                {
                    "apiGroups": ["policy"], "apiVersions": ["v1"], "resources": ["poddisruptionbudgets"],
                    "operations": ["CREATE"],
                },
            ]},
            "validations": [{
                "expression": "false",
                "messageExpression": "'denied, and the number of this refusal is ' + string(object.metadata.uid)",
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}},
        },
    });
    make(scene, "ValidatingAdmissionPolicy", policy).await?;
    make(scene, "ValidatingAdmissionPolicyBinding", binding).await
}

async fn allow(scene: &Scene) -> Outcome {
    for one in [
        "ValidatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
    ] {
        let api = Api::<DynamicObject>::all_with(scene.client.clone(), &kind(one));
        api.delete(&scene.namespace, &DeleteParams::default())
            .await?;
    }
    Ok(())
}

async fn warnings(files: &Instance) -> Result<Vec<String>, Failed> {
    let events = files.api::<Event>().list(&ListParams::default()).await?;
    let warnings = events.items.into_iter().filter(|event| {
        let about = event
            .regarding
            .as_ref()
            .and_then(|about| about.name.as_deref());
        about == Some(&files.name) && event.type_.as_deref() == Some("Warning")
    });
    let text = |event: Event| {
        let (reason, note) = (event.reason, event.note);
        format!(
            "{}: {}",
            reason.unwrap_or_default(),
            note.unwrap_or_default()
        )
    };
    Ok(warnings.map(text).collect())
}

/// A policy takes effect a moment after it was made.
async fn refuses(scene: &Scene) -> Outcome {
    refuse(scene).await?;
    wait_refusal(scene, true).await
}

/// The API server follows its policies with a delay.
async fn wait_refusal(scene: &Scene, expected: bool) -> Outcome {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "probe"}});
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "policy",
        "v1",
        "PodDisruptionBudget",
    ));
    let api = Api::<DynamicObject>::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
    let budget: DynamicObject = serde_json::from_value(budget)?;
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let what = format!("the policy to refuse: {expected}");
    dittofs_rig::wait_for(&what, API_DEADLINE, || async {
        match api.create(&parameters, &budget).await {
            Err(kube::Error::Api(status)) if expected && status.message.contains("denied") => {
                Ok(())
            }
            Ok(_) if !expected => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}

pub async fn a_refusal_with_another_text_every_time_keeps_nobody_busy(scene: Scene) -> Outcome {
    refuses(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    wait_event(&files, "ApplyFailed", "Role").await?;
    wait_object::<ServiceAccount>(&files, "files-sidecar", "is there", |_| Ok(())).await?;
    let mut changes = tokio::time::interval(WINDOW / CHANGES);
    for count in 0..CHANGES {
        changes.tick().await;
        let patch = json!({"metadata": {"annotations": {"example.com/count": count.to_string()}}});
        write::<ServiceAccount>(&files, "somebody", "files-sidecar", patch).await?;
    }
    let mut attempts = operator_requests(&scene, mark)?;
    attempts.retain(|entry| entry.resource == "roles" && entry.is_write());
    ensure!(
        (3..=RECONCILES).contains(&attempts.len()),
        "{} reconciles within {WINDOW:?}:\n{}",
        attempts.len(),
        lines(&attempts)
    );
    let told = warnings(&files).await?;
    let failed = told
        .iter()
        .filter_map(|one| one.strip_prefix("ApplyFailed: cannot write "));
    let mut objects: Vec<_> = failed.filter_map(|one| one.split(':').next()).collect();
    objects.sort_unstable();
    // A binding without its Role is refused, too.
    ensure!(
        objects
            == [
                "PodDisruptionBudget files",
                "Role files-sidecar",
                "RoleBinding files-sidecar"
            ]
            && told.len() <= 4,
        "each failure is told once, and the condition that follows from them:\n{}",
        told.join("\n")
    );
    allow(&scene).await?;
    wait_refusal(&scene, false).await?;
    // The DittoServer is looked at without waiting for the retry.
    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}
