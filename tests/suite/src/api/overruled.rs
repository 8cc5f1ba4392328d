//! What others write into the StatefulSet: additions stay, policies have the last word, and neither keeps the operator busy or a
//! restart from happening.

use dittofs_rig::{Admission, Requests, wait_for};
use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

use super::secrets::nudge;
use super::seen::{
    Failed, config_of, ensure_no_writes, operator_writes, pod_never_runs, settled, wait_config,
    wait_object, without_pod, write,
};

/// How long nothing may be written, and how often the operator is made to look meanwhile.
const REST: Duration = Duration::from_mins(1);
const LOOKS: u8 = 10;

/// The server's container in the template.
fn server(set: &StatefulSet) -> Value {
    json!(set)["spec"]["template"]["spec"]["containers"][0].take()
}

async fn pod_with_config(files: &Instance, config: &str) -> Result<Pod, Failed> {
    wait_object::<Pod>(files, "files-0", "is made from the new template", |pod| {
        let mounts = config_of(pod.spec.as_ref());
        // One that has never started is replaced for every change of the template.
        if mounts == config && pod.metadata.deletion_timestamp.is_none() && is_ready(pod) {
            Ok(())
        } else {
            Err(format!("it mounts {mounts}, or is not ready"))
        }
    })
    .await
}

/// A change that needs a restart gets it.
async fn is_rolled(files: &Instance) -> Result<Pod, Failed> {
    let before = wait_config(files, |_| true).await?;
    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    let after = wait_config(files, |name| name != before).await?;
    let pod = pod_with_config(files, &after).await?;
    files
        .wait_condition("RollPending", "False", None, API_DEADLINE)
        .await?;
    settled(&files.scene).await?;
    Ok(pod)
}

/// However often the operator looks, it writes nothing.
async fn is_quiet(files: &Instance, rest: Duration) -> Outcome {
    settled(&files.scene).await?;
    let mark = files.scene.world.cluster.audit().mark()?;
    let mut looks = tokio::time::interval(rest / u32::from(LOOKS));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 0..LOOKS {
        looks.tick().await;
        nudge(files, count).await?;
    }
    looks.tick().await;
    ensure_no_writes(&files.scene, mark)
}

pub async fn what_somebody_adds_to_the_template_keeps_no_restart_from_happening(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let config = wait_config(&files, |_| true).await?;
    pod_with_config(&files, &config).await?;
    settled(&scene).await?;
    let words = ["set", "env", "statefulset/files", "-c", "dittofs", "FOO=1"];
    let output = scene.kubectl(&words).output()?;
    ensure!(output.status.success(), "kubectl set env: {output:?}");
    is_quiet(&files, Duration::from_secs(3)).await?;
    let pod = is_rolled(&files).await?;
    ensure!(
        json!(pod)["spec"]["containers"][0]["env"]
            .to_string()
            .contains("FOO"),
        "the variable is gone from the new pod"
    );
    is_quiet(&files, Duration::from_secs(3)).await
}

const SETS: Requests<'static> = Requests::writing("apps", "v1", "statefulsets");

/// A StatefulSet that policies are tried on.
fn probe() -> Value {
    let claim = |name: &str| {
        json!({
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        })
    };
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "probe"},
        "spec": {
            "selector": {"matchLabels": {"a": "probe"}},
            "serviceName": "probe",
            "template": {
                "metadata": {"labels": {"a": "probe"}},
                "spec": {"containers": [{"name": "probe", "image": "probe:1"}]},
            },
            "volumeClaimTemplates": [claim("a"), claim("b"), claim("c")],
        },
    })
}

fn with_resources() -> Value {
    let mut spec = pod_never_runs();
    spec["resources"] = json!({"requests": {"cpu": "50m"}});
    spec
}

const CPU: &str = "/spec/template/spec/containers/0/resources/requests/cpu";

pub async fn what_policies_rewrite_is_sent_once_and_keeps_no_restart_from_happening(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let mut policies = Admission::of(&scene.client, &scene.namespace);
    let resources = r#"[JSONPatch{op: "add", path: "/spec/template/spec/containers/0/resources",
        value: {"requests": {"cpu": "123m"}}}]"#;
    policies.mutate("resources", SETS, resources).await?;
    let image = r#"object.spec.template.spec.containers[0].image.contains("@") ? [] :
        [JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image", value:
        object.spec.template.spec.containers[0].image + "@sha256:" + "0123456789abcdef0123456789abcdef" +
        "0123456789abcdef0123456789abcdef"}]"#;
    policies.mutate("image", SETS, image).await?;
    let rewritten = |set: &Value| {
        let image = set.pointer("/spec/template/spec/containers/0/image");
        let image = image.and_then(Value::as_str).unwrap_or_default();
        set.pointer(CPU) == Some(&json!("123m")) && image.contains('@')
    };
    policies
        .wait("the policies to hold", &probe(), rewritten)
        .await?;

    let files = Instance::create(&scene, "files", with_resources()).await?;
    let config = wait_config(&files, |_| true).await?;
    pod_with_config(&files, &config).await?;
    is_rolled(&files).await?;
    is_quiet(&files, REST).await?;
    let set = files.api::<StatefulSet>().get("files").await?;
    ensure!(rewritten(&json!(set)), "{}", server(&set));

    // When the policies are gone, a wish brings back what was asked for, and it stays.
    policies.remove().await?;
    let plain = |set: &Value| {
        set.pointer(CPU).is_none() && !set["spec"]["template"].to_string().contains("@sha256")
    };
    policies
        .wait("the policies to be gone", &probe(), plain)
        .await?;
    let wish = json!({"metadata": {"annotations": {labels::RECONCILE_NOW: "1"}}});
    write::<DittoServer>(&files, "somebody", "files", wish).await?;
    wait_object::<StatefulSet>(&files, "files", "is as asked for", |set| {
        let server = server(set);
        if server["image"] == json!(scene.world.server_image)
            && server["resources"]["requests"]["cpu"] == "50m"
            && set.annotations().get(labels::OVERRULED_HASH).is_none()
        {
            Ok(())
        } else {
            Err(server.to_string())
        }
    })
    .await?;
    is_quiet(&files, Duration::from_secs(3)).await
}

/// The version of an object is another one with every write.
pub async fn a_policy_that_writes_another_value_every_time_keeps_nobody_busy(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let mut policies = Admission::of(&scene.client, &scene.namespace);
    let restless = r#"[JSONPatch{op: "add", path: "/spec/template/spec/containers/0/resources", value: {"requests":
        {"cpu": (has(object.metadata.resourceVersion) ? object.metadata.resourceVersion : "1") + "m"}}}]"#;
    policies.mutate("restless", SETS, restless).await?;
    let holds = |set: &Value| set.pointer(CPU) == Some(&json!("1m"));
    policies.wait("the policy to hold", &probe(), holds).await?;
    let files = Instance::create(&scene, "files", with_resources()).await?;
    let config = wait_config(&files, |_| true).await?;
    pod_with_config(&files, &config).await?;
    is_quiet(&files, Duration::from_secs(3)).await?;
    is_rolled(&files).await?;
    is_quiet(&files, Duration::from_secs(3)).await?;
    policies.remove().await?;
    Ok(())
}

/// What is never remembered is sent with every look, and changes nothing.
pub async fn a_label_that_a_policy_rewrites_is_no_fight(scene: Scene) -> Outcome {
    const LABEL: &str = "app.kubernetes.io/name";
    let mut policies = Admission::of(&scene.client, &scene.namespace);
    let rewrites = format!(
        r#"has(object.metadata.labels) && "{LABEL}" in object.metadata.labels ? [JSONPatch{{op: "replace",
        path: "/metadata/labels/app.kubernetes.io~1name", value: "renamed"}}] : []"#
    );
    policies.mutate("label", SETS, &rewrites).await?;
    let mut probe = probe();
    probe["metadata"]["labels"] = json!({LABEL: "dittofs"});
    let renamed = |set: &Value| set["metadata"]["labels"][LABEL] == "renamed";
    policies.wait("the policy to hold", &probe, renamed).await?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let sent = |since| {
        let writes = operator_writes(&scene, since)?;
        let sets = writes
            .iter()
            .filter(|entry| entry.resource == "statefulsets");
        Ok::<_, Failed>(sets.count())
    };
    let mark = scene.world.cluster.audit().mark()?;
    for count in 0..LOOKS {
        nudge(&files, count).await?;
        wait_for("the operator to look", API_DEADLINE, || async {
            let sent = sent(mark).map_err(|error| error.to_string())?;
            let is_sent = sent > usize::from(count);
            is_sent.then_some(()).ok_or(format!("sent {sent} times"))
        })
        .await?;
    }
    settled(&scene).await?;
    let server = files.api::<DittoServer>().get("files").await?;
    let conditions = server.status.unwrap_or_default().conditions;
    let is_told = conditions.iter().any(|one| one.reason == "ChangedByOthers");
    let is_ready = conditions
        .iter()
        .any(|one| one.type_ == "Ready" && one.status == "True");
    ensure!(is_ready && !is_told, "{conditions:?}");
    policies.remove().await?;
    Ok(())
}

pub async fn claim_templates_that_a_policy_completes_keep_no_change_from_being_made(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let mut policies = Admission::of(&scene.client, &scene.namespace);
    let at = "/spec/volumeClaimTemplates";
    let templates = format!(
        r#"[JSONPatch{{op: "add", path: "{at}/0/metadata/labels", value: {{"example.com/team": "storage"}}}},
        JSONPatch{{op: "add", path: "{at}/1/spec/storageClassName", value: "elsewhere"}},
        JSONPatch{{op: "replace", path: "{at}/2/spec/resources/requests/storage", value: "2Gi"}}]"#
    );
    let made = Requests::creating("apps", "v1", "statefulsets");
    policies.mutate("claims", made, &templates).await?;
    let completed = |set: &Value| {
        let at = |path: &str| set.pointer(&format!("/spec/volumeClaimTemplates{path}"));
        at("/0/metadata/labels").is_some()
            && at("/1/spec/storageClassName") == Some(&json!("elsewhere"))
            && at("/2/spec/resources/requests/storage") == Some(&json!("2Gi"))
    };
    policies
        .wait("the policy to hold", &probe(), completed)
        .await?;
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let config = wait_config(&files, |_| true).await?;
    pod_with_config(&files, &config).await?;
    is_quiet(&files, Duration::from_secs(3)).await?;
    is_rolled(&files).await?;
    is_quiet(&files, Duration::from_secs(3)).await?;
    let set = files.api::<StatefulSet>().get("files").await?;
    ensure!(completed(&json!(set)), "{}", json!(set.spec));
    let conditions = files.api::<DittoServer>().get("files").await?.status;
    let conditions = conditions.unwrap_or_default().conditions;
    ensure!(
        conditions.iter().all(|found| found.reason != "ApplyFailed"),
        "{conditions:?}"
    );
    policies.remove().await?;
    Ok(())
}
