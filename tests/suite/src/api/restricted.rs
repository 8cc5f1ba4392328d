//! What administrators forbid in `DittoServers`: by a policy of the API server, and by arguments of the operator.

use dittofs_rig::installation::manifests;
use dittofs_rig::wait_for;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::seen::{settled, version, wait_observed, without_pod};
use super::validation::{named, try_create};

/// The word that the refusal has, and the spec.
fn refused() -> Vec<(&'static str, Value)> {
    let volume = |source: Value| {
        let mut volume = json!({"name": "a"});
        dittofs_suite::instance::merge(&mut volume, source);
        json!({"pod": {"volumes": [volume]}})
    };
    let container = |context: Value| json!({"securityContext": context});
    let pod = |context: Value| json!({"podSecurityContext": context});
    let token = json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
    vec![
        ("spec.image", json!({"image": "registry.example/other:1"})),
        (
            "spec.sidecar.image",
            json!({"sidecar": {"image": "registry.example/other:1"}}),
        ),
        (
            "serviceAccountName",
            json!({"pod": {"serviceAccountName": "a"}}),
        ),
        (
            "serviceAccountAnnotations",
            json!({"pod": {"serviceAccountAnnotations": {"a": "b"}}}),
        ),
        ("hostPath", volume(json!({"hostPath": {"path": "/"}}))),
        ("tokens", volume(token)),
        ("privileges", container(json!({"privileged": true}))),
        (
            "privileges",
            container(json!({"allowPrivilegeEscalation": true})),
        ),
        (
            "privileges",
            container(json!({"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}})),
        ),
        (
            "privileges",
            container(json!({"capabilities": {"drop": []}})),
        ),
        ("privileges", container(json!({"capabilities": {}}))),
        (
            "privileges",
            container(json!({"capabilities": {"add": ["NET_BIND_SERVICE"]}})),
        ),
        (
            "root",
            container(json!({"seLinuxOptions": {"type": "spc_t"}})),
        ),
        (
            "AppArmor",
            json!({"pod": {"annotations": {"container.apparmor.security.beta.kubernetes.io/dittofs": "unconfined"}}}),
        ),
        ("root", container(json!({"runAsUser": 0}))),
        ("root", pod(json!({"runAsNonRoot": false}))),
        (
            "root",
            pod(json!({"seccompProfile": {"type": "Unconfined"}})),
        ),
        (
            "sysctls",
            pod(json!({"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "0"}]})),
        ),
    ]
}

fn accepted() -> Vec<Value> {
    vec![
        json!({}),
        json!({"sidecar": {"image": "ghcr.io/dittofs/dittofs-sidecar:1.0.0"}}),
        json!({"securityContext": {"runAsUser": 1000, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}}),
        json!({"podSecurityContext": {"fsGroup": 1000}}),
        json!({"pod": {"volumes": [
            {"name": "a", "secret": {"secretName": "a"}},
            {"name": "b", "projected": {"sources": [{"secret": {"name": "a"}}]}},
        ]}}),
    ]
}

pub async fn the_policy_refuses_what_leads_out_of_the_pod_and_nothing_else(
    scene: Scene,
) -> Outcome {
    let policy = manifests().join("restricted");
    let mut kubectl = scene.world.cluster.kubectl(["apply", "-k"]);
    let output = kubectl.arg(&policy).output()?;
    ensure!(output.status.success(), "{output:?}");
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    let label = json!({"metadata": {"labels": {"dittofs.dittofs.com/restricted": "true"}}});
    namespaces
        .patch(
            &scene.namespace,
            &PatchParams::default(),
            &Patch::Merge(label),
        )
        .await?;
    let spec = |spec: &Value| {
        let mut whole = json!({"image": "marmos91c/dittofs:v0.29.0"});
        dittofs_suite::instance::merge(&mut whole, spec.clone());
        named("files", whole)
    };
    let first = &refused()[0].1;
    wait_for("the policy to hold", API_DEADLINE, || async {
        match try_create(&scene, &spec(first)).await {
            Ok(_) => Err("another image is accepted".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await?;
    for (word, more) in refused() {
        match try_create(&scene, &spec(&more)).await {
            Ok(_) => fail!("accepted {more}"),
            Err(error) => ensure!(
                error.to_string().contains(word)
                    && error.to_string().contains("dittofs-restricted"),
                "{more} is refused without {word:?}: {error}"
            ),
        }
    }
    for more in accepted() {
        if let Err(error) = try_create(&scene, &spec(&more)).await {
            fail!("{more} is refused: {error}");
        }
    }
    let mut kubectl = scene.world.cluster.kubectl(["delete", "-k"]);
    let output = kubectl.arg(&policy).output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

pub async fn what_the_operator_is_told_to_refuse_is_told_and_rolls_nothing(
    scene: Scene,
) -> Outcome {
    let forbidden = "DITTOFS_OPERATOR_FORBID=service-account,host-path".to_owned();
    let _operator = Substitute::start(&scene, &[forbidden])?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    wait_observed(&files).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let before = version(&files.api::<StatefulSet>().get("files").await?);
    let path = json!([{"name": "a", "hostPath": {"path": "/"}}]);
    for pod in [
        json!({"volumes": path}),
        json!({"volumes": null, "serviceAccountName": "default"}),
        json!({"serviceAccountName": null, "serviceAccountAnnotations": {"example.com/role": "admin"}}),
    ] {
        files.change(json!({"pod": pod})).await?;
        let reason = Some("NotAllowed");
        files
            .wait_condition("ConfigReady", "False", reason, API_DEADLINE)
            .await?;
        settled(&scene).await?;
        let after = version(&files.api::<StatefulSet>().get("files").await?);
        ensure!(before == after, "the StatefulSet was written for {pod}");
        let account = files.api::<ServiceAccount>().get("files-sidecar").await?;
        ensure!(
            account
                .metadata
                .annotations
                .iter()
                .flatten()
                .all(|(key, _)| key != "example.com/role"),
            "the account has the annotation"
        );
    }
    // What is not forbidden goes on.
    files
        .change(json!({"pod": {"serviceAccountAnnotations": null}, "securityContext": {"runAsUser": 1000}}))
        .await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}
