//! A pod whose server has never started serves nobody: it is replaced as soon as its template is mended. And LDAP, whose settings a
//! server that has started does not read again.

use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE, merge};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};
use std::time::Duration;

use super::secrets::fill;
use super::seen::{Failed, good, pod_never_runs, settled, wait_object};
use super::seen_pods::pod_deletions;
use super::storage::bound;

/// Waits until the pod is another one, in whose spec a value stands.
async fn replaced(
    files: &Instance,
    before: &Pod,
    pointer: &str,
    value: &str,
) -> Result<Pod, Failed> {
    let what = format!("to be another one with {value} at {pointer}");
    wait_object::<Pod>(files, "files-0", &what, |pod| {
        let spec = json!(pod.spec);
        let found = spec.pointer(pointer).and_then(Value::as_str);
        if pod.uid() != before.uid() && found == Some(value) {
            Ok(())
        } else {
            Err(format!(
                "{found:?}, another one: {}",
                pod.uid() != before.uid()
            ))
        }
    })
    .await
}

/// Nothing of this is in the roll hash: a server that runs does not stop for it.
pub async fn a_pod_that_never_started_is_replaced_as_soon_as_it_is_mended(scene: Scene) -> Outcome {
    let mut spec = pod_never_runs();
    merge(&mut spec, json!({"rollPolicy": "Manual"}));
    let files = Instance::create(&scene, "files", spec).await?;
    let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": "own"}}))?;
    let accounts = files.api::<ServiceAccount>();
    accounts.create(&PostParams::default(), &account).await?;
    let mut pod = wait_object::<Pod>(&files, "files-0", "is there", |_| Ok(())).await?;
    let changes = [
        (
            json!({"sidecar": {"image": "registry.example/sidecar:2"}}),
            "/initContainers/0/image",
            "registry.example/sidecar:2",
        ),
        (
            json!({"sidecar": {"resources": {"limits": {"memory": "99Mi"}}}}),
            "/initContainers/0/resources/limits/memory",
            "99Mi",
        ),
        (
            json!({"pod": {"imagePullSecrets": [{"name": "pull"}]}}),
            "/imagePullSecrets/0/name",
            "pull",
        ),
        (
            json!({"pod": {"imagePullPolicy": "Always"}}),
            "/containers/0/imagePullPolicy",
            "Always",
        ),
        (
            json!({"pod": {"serviceAccountName": "own"}}),
            "/serviceAccountName",
            "own",
        ),
    ];
    for (change, pointer, value) in changes.clone() {
        files.change(change).await?;
        pod = replaced(&files, &pod, pointer, value).await?;
    }
    settled(&scene).await?;
    let deleted = pod_deletions(&scene, scene.began)?;
    ensure!(
        deleted == changes.len(),
        "for {} changes the pod was deleted {deleted} times",
        changes.len()
    );
    // A server that runs is left alone.
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let ready = |pod: &Pod| {
        is_ready(pod)
            .then_some(())
            .ok_or_else(|| "it is not".to_owned())
    };
    wait_object::<Pod>(&files, "files-0", "to be ready", ready).await?;
    files
        .change(json!({"sidecar": {"image": "registry.example/sidecar:3"}}))
        .await?;
    files
        .wait_condition("RollPending", "False", Some("UpToDate"), API_DEADLINE)
        .await?;
    settled(&scene).await?;
    ensure!(
        files.pod().await?.uid() == pod.uid(),
        "a server that runs was restarted"
    );
    Ok(())
}

fn ldap(url: &str) -> Value {
    json!({"identity": {"ldap": {
        "enabled": true, "url": url, "baseDN": "DC=a", "bindDN": "CN=b",
        "bindPasswordSecretRef": {"name": "bind", "key": "password"},
    }}})
}

/// What condition `DirectoryReady` says, if it says anything.
fn directory(server: &DittoServer) -> Option<String> {
    let conditions = server.status.iter().flat_map(|status| &status.conditions);
    let mut found = conditions.filter(|condition| condition.type_ == "DirectoryReady");
    let found = found.next()?;
    Some(format!("{}: {}", found.reason, found.message))
}

/// Waits until the operator has looked, and nothing is said of the directory.
async fn wait_silent(files: &Instance) -> Outcome {
    files
        .wait_status("to say nothing of LDAP", API_DEADLINE, |server| {
            let status = server.status.as_ref();
            let observed = status.and_then(|status| status.observed_generation);
            match directory(server) {
                None if observed == server.metadata.generation => Ok(()),
                said => Err(format!("{said:?} of generation {observed:?}")),
            }
        })
        .await?;
    Ok(())
}

/// It is told what to do, the server goes on, and an edit that is taken back is no edit.
pub async fn an_edit_of_ldap_restarts_nobody_and_is_told_until_it_is_taken_back(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let files = bound(&scene, json!({})).await?;
    fill(&files, "bind", "password", "some password").await?;
    files.publish(good()).await?;
    files.change(ldap("ldaps://dc.example.com")).await?;
    let enabled = |pod: &Pod| {
        let has = |word: &str| {
            let inputs = pod.annotations().get(dittofs_shared::labels::ROLL_INPUTS);
            inputs.is_some_and(|inputs| inputs.contains(word))
        };
        if has(" ldap:") && is_ready(pod) {
            Ok(())
        } else {
            Err(format!("{:?}", pod.annotations()))
        }
    };
    // Switched on for the first time, it has to be read.
    let pod = wait_object::<Pod>(&files, "files-0", "to have LDAP", enabled).await?;
    wait_silent(&files).await?;
    files.change(ldap("ldaps://other.example.com")).await?;
    let told = files
        .wait_condition(
            "DirectoryReady",
            "False",
            Some("EditNotInUse"),
            POD_DEADLINE,
        )
        .await?;
    let said = directory(&told).unwrap_or_default();
    for word in [
        "spec.identity.ldap",
        "dfsctl identity-provider set ldap",
        "/api/v1/identity-providers/ldap/config",
    ] {
        ensure!(said.contains(word), "{word:?} is not in {said}");
    }
    files.change(ldap("ldaps://dc.example.com")).await?;
    wait_silent(&files).await?;
    settled(&scene).await?;
    ensure!(
        files.pod().await?.uid() == pod.uid(),
        "the server was restarted"
    );
    Ok(())
}
