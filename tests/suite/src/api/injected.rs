//! What meshes and admission policies put into pods and the other objects: it stays, causes no restart, keeps none from
//! happening, and keeps the operator not busy.

use dittofs_rig::{Admission, Requests};
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::time::Duration;

use super::rewritten::{are_quiet, is_no_fault};
use super::seen::{Failed, pod_never_runs, wait_object};

/// What a mesh adds to pods, and a policy that pulls all images from a mirror.
const INJECTED: &str = r#"[
    JSONPatch{op: "add", path: "/spec/containers/0", value: {"name": "mesh", "image": "mesh:1"}},
    JSONPatch{op: "add", path: "/spec/initContainers/0", value: {"name": "mesh-init", "image": "mesh:1"}},
    JSONPatch{op: "add", path: "/spec/volumes/0", value: {"name": "mesh"}},
    JSONPatch{op: "add", path: "/spec/tolerations", value: [{"key": "mesh", "operator": "Exists"}]},
    JSONPatch{op: "add", path: "/metadata/labels/example.com~1mesh", value: "yes"}]"#;
const MIRRORED: &str = r#"object.spec.containers[0].image.startsWith("mirror.example/") ? [] : [
    JSONPatch{op: "replace", path: "/spec/containers/0/image",
        value: "mirror.example/" + object.spec.containers[0].image},
    JSONPatch{op: "replace", path: "/spec/initContainers/0/image",
        value: "mirror.example/" + object.spec.initContainers[0].image}]"#;

fn pod_probe(instance: &str) -> Value {
    let container = json!({
        "name": "a", "image": "a:1",
        "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    let mut init = container.clone();
    merge(&mut init, json!({"name": "b"}));
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "probe", "labels": {labels::INSTANCE: instance}},
        "spec": {
            "containers": [container], "initContainers": [init],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
    })
}

async fn pod_is(files: &Instance, former: Option<&str>, sign: &str) -> Result<Pod, Failed> {
    let name = format!("{}-0", files.name);
    wait_object::<Pod>(files, &name, "is made, rewritten and ready", |pod| {
        let text = json!(pod.spec).to_string();
        let is_new = pod.metadata.uid.as_deref() != former;
        if is_new && is_ready(pod) && text.contains(sign) {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await
}

pub async fn what_is_put_into_pods_keeps_no_restart_from_happening_and_causes_none(
    scene: Scene,
) -> Outcome {
    // Admission of pods by Pod Security comes last, and knows nothing of this mesh.
    let label = ["label", "--overwrite", "namespace", &scene.namespace];
    let privileged = ["pod-security.kubernetes.io/enforce=privileged"];
    let mut kubectl = scene.world.cluster.kubectl(label.iter().chain(&privileged));
    ensure!(kubectl.output()?.status.success(), "kubectl label");
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let mut admission = Admission::of(&scene.client, &scene.namespace);
    let cases = [
        ("mesh", INJECTED, "mesh:1"),
        ("mirror", MIRRORED, "mirror.example/"),
    ];
    let pods = Requests::creating("", "v1", "pods");
    for (name, patch, _) in cases {
        let pods = pods.labelled(labels::INSTANCE, name);
        admission.mutate(name, pods, patch).await?;
    }
    for (name, _, sign) in cases {
        let holds = |made: &Value| made["spec"].to_string().contains(sign);
        admission
            .wait(&format!("policy {name} to hold"), &pod_probe(name), holds)
            .await?;
    }
    let mut all = Vec::new();
    for (name, _, sign) in cases {
        let files = Instance::create(&scene, name, pod_never_runs()).await?;
        pod_is(&files, None, sign).await?;
        all.push(files);
    }
    are_quiet(&all, &scene).await?;
    for (files, (name, _, sign)) in all.iter().zip(cases) {
        let before = files.pod().await?;
        let changed = files.change(json!({"logging": {"level": "DEBUG"}})).await?;
        ensure!(changed.metadata.generation > Some(1), "{name} is unchanged");
        pod_is(files, before.metadata.uid.as_deref(), sign).await?;
        files
            .wait_condition("RollPending", "False", None, API_DEADLINE)
            .await?;
    }
    are_quiet(&all, &scene).await?;
    admission.remove().await?;
    Ok(())
}

/// Policies on what is left: rules are rewritten, budgets and accounts completed.
pub async fn what_policies_do_to_the_other_objects_keeps_nobody_busy(scene: Scene) -> Outcome {
    let mut admission = Admission::of(&scene.client, &scene.namespace);
    let mark =
        r#"[JSONPatch{op: "add", path: "/metadata/labels/example.com~1team", value: "storage"}]"#;
    let more = r#"!has(object.spec.egress) ? [] : [JSONPatch{op: "add", path: "/spec/egress/0", value:
        {"to": [{"ipBlock": {"cidr": "192.0.2.53/32"}}]}}]"#;
    let budget =
        r#"[JSONPatch{op: "add", path: "/spec/unhealthyPodEvictionPolicy", value: "AlwaysAllow"}]"#;
    let secrets =
        r#"[JSONPatch{op: "add", path: "/imagePullSecrets", value: [{"name": "registry"}]}]"#;
    let rules = r#"[JSONPatch{op: "add", path: "/rules", value: []}]"#;
    for (name, group, resource, patch) in [
        ("egress", "networking.k8s.io", "networkpolicies", more),
        ("budget", "policy", "poddisruptionbudgets", budget),
        ("account", "", "serviceaccounts", secrets),
        ("config", "", "configmaps", mark),
        ("rules", "rbac.authorization.k8s.io", "roles", rules),
    ] {
        let written = Requests::writing(group, "v1", resource);
        let ours = written.labelled(labels::INSTANCE, "files");
        admission.mutate(name, ours, patch).await?;
        let probe = json!({
            "apiVersion": if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") },
            "kind": match resource {
                "networkpolicies" => "NetworkPolicy",
                "poddisruptionbudgets" => "PodDisruptionBudget",
                "serviceaccounts" => "ServiceAccount",
                "configmaps" => "ConfigMap",
                _ => "Role",
            },
            "metadata": {"name": "probe", "labels": {labels::INSTANCE: "files"}},
            "spec": {"podSelector": {}, "selector": {}, "egress": [{}], "policyTypes": ["Egress"]},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        });
        let what = format!("policy {name} to hold");
        let sign = ["192.0.2.53", "AlwaysAllow", "registry", "example.com/team"];
        let holds = |made: &Value| {
            let text = made.to_string();
            sign.iter().any(|sign| text.contains(sign))
                || (made["kind"] == "Role" && !text.contains("pods"))
        };
        admission.wait(&what, &probe, holds).await?;
    }
    let mut spec = pod_never_runs();
    merge(
        &mut spec,
        json!({"replicas": 0, "networkPolicy": {"egress": {
            "rules": [{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}],
        }}}),
    );
    let files = Instance::create(&scene, "files", spec).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    let egress = "has the rule of the policy";
    wait_object::<NetworkPolicy>(&files, "files-baseline", egress, |policy| {
        let text = json!(policy.spec).to_string();
        if text.contains("192.0.2.53") && text.contains("198.51.100.0") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await?;
    is_no_fault(&files).await?;
    let all = [files];
    are_quiet(&all, &scene).await?;
    admission.remove().await?;
    let [files] = all;
    let gone = DeleteParams::default();
    files
        .api::<PodDisruptionBudget>()
        .delete("files", &gone)
        .await?;
    wait_object::<PodDisruptionBudget>(&files, "files", "is made again", |_| Ok(())).await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    Ok(())
}
