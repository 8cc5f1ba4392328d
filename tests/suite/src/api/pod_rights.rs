//! What an operator may change of a pod, by the policy that comes with its rights.

use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::{Caller, wait_for};
use dittofs_shared::{labels, names};
use dittofs_suite::instance::API_DEADLINE;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::rights::{Question, may};

const FIRST: &str = "registry.example/sidecar:1";
const SECOND: &str = "registry.example/sidecar:2";
/// Account of another operator.
const ANOTHER: &str = "dittofs-operator-a";

/// A pod that nobody schedules.
async fn lonely_pod(scene: &Scene, name: &str, labels: Value) -> Outcome {
    let safe = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = |name: &str| json!({"name": name, "image": FIRST, "securityContext": safe});
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": labels, "annotations": {"example.com/a": "b"}},
        "spec": {
            "schedulerName": "nobody",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "initContainers": [container(names::SIDECAR_CONTAINER), container("other")],
            "containers": [container(names::SERVER_CONTAINER)],
        },
    }))?;
    Api::<Pod>::namespaced(scene.client.clone(), &scene.namespace)
        .create(&PostParams::default(), &pod)
        .await?;
    Ok(())
}

/// Another operator, with rights in this namespace only.
async fn another_operator(scene: &Scene) -> Outcome {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "another-operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": OPERATOR},
        "subjects": [{"kind": "ServiceAccount", "name": ANOTHER, "namespace": scene.namespace}],
    }))?;
    Api::<RoleBinding>::namespaced(scene.client.clone(), &scene.namespace)
        .create(&PostParams::default(), &binding)
        .await?;
    let question = Question("patch pods own ours");
    wait_for("the rights of another operator", API_DEADLINE, || async {
        match may(scene, (&scene.namespace, ANOTHER), &question).await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}

/// A policy that was only just installed takes a moment to be in force.
async fn policy_in_force(pods: &Api<Pod>) -> Outcome {
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"example.com/try": "1"}}}));
    wait_for("the policy on pods", API_DEADLINE, || async {
        match pods.patch("foreign", &parameters, &patch).await {
            Ok(_) => Err("a foreign pod may be changed".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await?;
    Ok(())
}

/// Changes of a pod, and whether an operator may make them.
fn changes() -> Vec<(&'static str, Value, bool)> {
    let annotate = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let sidecar = json!({"spec": {"initContainers": [{"name": "sidecar", "image": SECOND}]}});
    let other = json!({"spec": {"initContainers": [{"name": "other", "image": SECOND}]}});
    let server = json!({"spec": {"containers": [{"name": "dittofs", "image": SECOND}]}});
    let tolerations =
        json!({"spec": {"tolerations": [{"key": "example.com/a", "operator": "Exists"}]}});
    vec![
        ("ours", sidecar.clone(), true),
        ("ours", annotate(labels::SIDECAR_IMAGE, SECOND.into()), true),
        ("ours", annotate(labels::ROLL_HASH, "x".into()), true),
        ("ours", other, false),
        ("ours", server, false),
        ("ours", tolerations, false),
        ("ours", json!({"spec": {"activeDeadlineSeconds": 1}}), false),
        ("ours", annotate("example.com/a", "c".into()), false),
        ("ours", annotate("example.com/a", Value::Null), false),
        ("ours", annotate("example.com/c", "d".into()), false),
        ("ours", json!({"metadata": {"labels": {"a": "b"}}}), false),
        (
            "ours",
            json!({"metadata": {"finalizers": ["example.com/f"]}}),
            false,
        ),
        ("foreign", sidecar, false),
        (
            "foreign",
            annotate(labels::SIDECAR_IMAGE, SECOND.into()),
            false,
        ),
    ]
}

pub async fn the_operator_may_change_the_sidecar_of_its_pods_and_nothing_else(
    scene: Scene,
) -> Outcome {
    let accounts = Api::<ServiceAccount>::namespaced(scene.client.clone(), &scene.namespace);
    wait_for("the account of pods", API_DEADLINE, || async {
        let account = accounts.get("default").await;
        account.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    lonely_pod(&scene, "ours", json!(labels::of_instance("nobody"))).await?;
    lonely_pod(&scene, "foreign", json!({"app": "dittofs-server"})).await?;
    another_operator(&scene).await?;
    for (namespace, account) in [(NAMESPACE, OPERATOR), (&scene.namespace, ANOTHER)] {
        let caller = Caller::service_account(namespace, account);
        let client = scene.world.cluster.client_as(&caller)?;
        let pods: Api<Pod> = Api::namespaced(client, &scene.namespace);
        policy_in_force(&pods).await?;
        let mut wrong = Vec::new();
        for (pod, patch, expected) in changes() {
            let parameters = PatchParams::default();
            let patched = pods
                .patch(pod, &parameters, &Patch::Strategic(&patch))
                .await;
            let refused = match &patched {
                Ok(_) => None,
                Err(error) => Some(error.to_string()),
            };
            let by_policy = |said: &String| said.contains("the operator may change");
            if expected != refused.is_none() || !refused.iter().all(by_policy) {
                wrong.push(format!("{account}: {pod} {patch}: {refused:?}"));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    Ok(())
}
