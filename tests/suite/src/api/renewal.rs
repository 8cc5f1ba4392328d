//! A running pod gets another sidecar. The kubelet's part is played here: what it says stands in the status of the pod.

use dittofs_rig::audit::AuditLog;
use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::{Caller, wait_for};
use dittofs_shared::published::{PublishedState, ServerState, ServerStatus};
use dittofs_shared::server::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Pod, PodSpec};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::rights::{Question, may};
use super::seen::{
    Failed, good, operator_writes, pod_never_runs, settled, wait_event, wait_object,
};

const FIRST: &str = "registry.example/sidecar:1";
const SECOND: &str = "registry.example/sidecar:2";
const THIRD: &str = "registry.example/sidecar:3";
/// Account of another operator.
const ANOTHER: &str = "dittofs-operator-a";

fn running(container: &str, seconds: i64) -> Value {
    let since = Timestamp::now() - SignedDuration::from_secs(seconds);
    let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
    json!({
        "ready": true, "started": true, "containerID": format!("containerd://{container}"),
        "state": {"running": {"startedAt": since}},
    })
}

fn waiting(reason: &str) -> Value {
    json!({"ready": false, "state": {"waiting": {"reason": reason, "message": "not found"}}})
}

/// Says of the sidecar what a kubelet would; the server runs.
async fn kubelet_says(files: &Instance, sidecar: Value) -> Outcome {
    let mut sidecar_status =
        json!({"name": names::SIDECAR_CONTAINER, "image": "", "imageID": "", "restartCount": 0});
    merge(&mut sidecar_status, sidecar);
    let status = json!({"status": {
        "phase": "Running",
        "initContainerStatuses": [sidecar_status],
        "containerStatuses": [{
            "name": names::SERVER_CONTAINER, "image": "", "imageID": "", "restartCount": 0, "ready": true, "started": true,
            "containerID": "containerd://server", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }],
    }});
    let name = names::pod(&files.name);
    files
        .api::<Pod>()
        .patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}

/// An instance whose pod runs, with the first image and what more is asked for.
async fn running_instance(scene: &Scene, more: Value) -> Result<Instance, Failed> {
    let mut spec = pod_never_runs();
    merge(&mut spec, json!({"sidecar": {"image": FIRST}}));
    merge(&mut spec, more);
    let files = Instance::create(scene, "files", spec).await?;
    wait_object::<Pod>(&files, "files-0", "is there", |_| Ok(())).await?;
    kubelet_says(&files, running("first", 3600)).await?;
    files
        .wait_condition("SidecarUpToDate", "True", None, API_DEADLINE)
        .await?;
    Ok(files)
}

async fn ask_for(files: &Instance, image: &str) -> Outcome {
    files.change(json!({"sidecar": {"image": image}})).await?;
    Ok(())
}

fn sidecar_of(spec: Option<&PodSpec>) -> Option<&str> {
    let mut containers = spec?.init_containers.iter().flatten();
    let sidecar = containers.find(|container| container.name == names::SIDECAR_CONTAINER);
    sidecar?.image.as_deref()
}

async fn wait_pod(files: &Instance, image: &str) -> Result<Pod, Failed> {
    wait_object::<Pod>(files, "files-0", &format!("has sidecar {image}"), |pod| {
        let found = sidecar_of(pod.spec.as_ref());
        if found == Some(image) {
            Ok(())
        } else {
            Err(format!("{found:?} {:?}", pod.annotations()))
        }
    })
    .await
}

async fn wait_template(files: &Instance, image: &str) -> Result<StatefulSet, Failed> {
    wait_object::<StatefulSet>(files, "files", &format!("has sidecar {image}"), |set| {
        let template = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref());
        let found = sidecar_of(template);
        if found == Some(image) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

async fn wait_told(files: &Instance, reason: &str) -> Result<DittoServer, Failed> {
    files
        .wait_condition("SidecarUpToDate", "False", Some(reason), API_DEADLINE)
        .await
}

/// The last words of a sidecar.
async fn says_that_it_stops(files: &Instance) -> Outcome {
    let server = ServerState {
        status: ServerStatus::Stopping,
        since: Timestamp::now(),
        message: Some("the sidecar has been asked to stop".to_owned()),
    };
    let state = PublishedState {
        server,
        adapters: Some(good()),
    };
    files.publish_data(json!(state.encode())).await
}

/// Since when conditions have been as they are.
async fn times(files: &Instance) -> Result<Vec<(String, String)>, Failed> {
    let server = files.api::<DittoServer>().get(&files.name).await?;
    let conditions = server.status.unwrap_or_default().conditions.into_iter();
    let others = conditions.filter(|found| found.type_ != "SidecarUpToDate");
    Ok(others
        .map(|found| {
            (
                found.type_,
                format!("{} {:?}", found.status, found.last_transition_time),
            )
        })
        .collect())
}

pub async fn a_running_pod_gets_the_new_image_and_the_template_follows_when_it_runs(
    scene: Scene,
) -> Outcome {
    let files = running_instance(&scene, json!({"rollPolicy": "Manual"})).await?;
    files.publish(good()).await?;
    files
        .wait_condition("Authenticated", "True", None, API_DEADLINE)
        .await?;
    settled(&scene).await?;
    let (uid, before) = (files.pod().await?.uid(), times(&files).await?);
    ask_for(&files, SECOND).await?;
    let pod = wait_pod(&files, SECOND).await?;
    let noted = |key: &str| pod.annotations().get(key).map(String::as_str);
    ensure!(
        noted(labels::SIDECAR_PREVIOUS_IMAGE) == Some(FIRST)
            && noted(labels::SIDECAR_REPLACED_CONTAINER) == Some("containerd://first"),
        "{:?}",
        pod.annotations()
    );
    says_that_it_stops(&files).await?;
    kubelet_says(&files, waiting("PodInitializing")).await?;
    settled(&scene).await?;
    wait_template(&files, FIRST).await?;
    kubelet_says(&files, running("second", 60)).await?;
    wait_template(&files, SECOND).await?;
    files
        .wait_condition("SidecarUpToDate", "True", None, API_DEADLINE)
        .await?;
    let pod = files.pod().await?;
    let left = pod.annotations().get(labels::SIDECAR_PREVIOUS_IMAGE);
    ensure!(
        pod.uid() == uid && left.is_none(),
        "{:?}",
        pod.annotations()
    );
    files.publish(good()).await?;
    settled(&scene).await?;
    let after = times(&files).await?;
    ensure!(
        before == after,
        "conditions moved: {before:?}, now {after:?}"
    );
    Ok(())
}

pub async fn while_paused_a_running_pod_keeps_its_sidecar(scene: Scene) -> Outcome {
    let files = running_instance(&scene, json!({})).await?;
    files
        .change(json!({"paused": true, "sidecar": {"image": SECOND}}))
        .await?;
    wait_told(&files, "Paused").await?;
    wait_pod(&files, FIRST).await?;
    files.change(json!({"paused": false})).await?;
    wait_pod(&files, SECOND).await?;
    Ok(())
}

pub async fn an_image_that_does_not_run_is_put_back_and_not_tried_again(scene: Scene) -> Outcome {
    let files = running_instance(&scene, json!({})).await?;
    ask_for(&files, SECOND).await?;
    wait_pod(&files, SECOND).await?;
    kubelet_says(&files, waiting("ErrImagePull")).await?;
    wait_pod(&files, FIRST).await?;
    kubelet_says(&files, running("third", 60)).await?;
    let told = wait_told(&files, "ImageRefused").await?;
    let conditions = told.status.unwrap_or_default().conditions;
    let says = |word: &str| conditions.iter().any(|found| found.message.contains(word));
    ensure!(says("ErrImagePull: not found"), "{conditions:?}");
    wait_event(&files, "ImageRefused", SECOND).await?;
    wait_template(&files, FIRST).await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, AuditLog::beginning())?;
    let patches = writes.iter().filter(|entry| entry.resource == "pods");
    ensure!(patches.count() == 2, "it was tried again");
    // The next pod knows of it, too.
    let uid = files.pod().await?.uid();
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default().grace_period(0))
        .await?;
    let next = wait_object::<Pod>(&files, "files-0", "is another one", |pod| {
        if pod.uid() == uid {
            Err("it is the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    ensure!(
        next.annotations()
            .get(labels::SIDECAR_REFUSED_IMAGE)
            .map(String::as_str)
            == Some(SECOND),
        "{:?}",
        next.annotations()
    );
    kubelet_says(&files, running("fourth", 60)).await?;
    ask_for(&files, THIRD).await?;
    wait_pod(&files, THIRD).await?;
    Ok(())
}

pub async fn with_the_next_pod_a_running_one_keeps_its_sidecar(scene: Scene) -> Outcome {
    let policy = json!({"sidecar": {"updatePolicy": "WithNextPod"}});
    let files = running_instance(&scene, policy).await?;
    ask_for(&files, SECOND).await?;
    wait_told(&files, "WithNextPod").await?;
    wait_template(&files, SECOND).await?;
    wait_pod(&files, FIRST).await?;
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default().grace_period(0))
        .await?;
    wait_pod(&files, SECOND).await?;
    // It cannot be pulled, and the server waits for its sidecar.
    kubelet_says(&files, waiting("ErrImagePull")).await?;
    wait_pod(&files, FIRST).await?;
    wait_told(&files, "ImageRefused").await?;
    wait_template(&files, FIRST).await?;
    Ok(())
}

async fn enforce(scene: &Scene, level: &str) -> Outcome {
    let patch = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
    Api::<Namespace>::all(scene.client.clone())
        .patch(
            &scene.namespace,
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?;
    Ok(())
}

/// Tries what the operator will try, without effect.
async fn is_allowed(files: &Instance) -> bool {
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch =
        json!({"spec": {"initContainers": [{"name": names::SIDECAR_CONTAINER, "image": THIRD}]}});
    let patched = files.api::<Pod>();
    let patched = patched.patch("files-0", &parameters, &Patch::Strategic(patch));
    patched.await.is_ok()
}

pub async fn what_pod_security_refuses_is_told_and_not_asked_for_again(scene: Scene) -> Outcome {
    enforce(&scene, "privileged").await?;
    let unconfined = json!({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}});
    let files = running_instance(&scene, unconfined).await?;
    enforce(&scene, "restricted").await?;
    wait_for("PodSecurity to refuse the pod", API_DEADLINE, || async {
        if is_allowed(&files).await {
            Err("it does not")
        } else {
            Ok(())
        }
    })
    .await?;
    ask_for(&files, SECOND).await?;
    let told = wait_told(&files, "ImageRefused").await?;
    let conditions = told.status.unwrap_or_default().conditions;
    let says = |word: &str| conditions.iter().any(|found| found.message.contains(word));
    ensure!(says("violates PodSecurity"), "{conditions:?}");
    wait_pod(&files, FIRST).await?;
    wait_template(&files, FIRST).await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, AuditLog::beginning())?;
    let refused = writes
        .iter()
        .filter(|entry| entry.resource == "pods" && entry.code == 403);
    ensure!(refused.count() == 1, "it was asked for again");
    Ok(())
}

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
    lonely_pod(&scene, "ours", json!(labels::of_instance("nobody"))).await?;
    lonely_pod(&scene, "foreign", json!({"app": "dittofs-server"})).await?;
    another_operator(&scene).await?;
    for (namespace, account) in [(NAMESPACE, OPERATOR), (&scene.namespace, ANOTHER)] {
        let caller = Caller::service_account(namespace, account);
        let client = scene.world.cluster.client_as(&caller)?;
        let pods: Api<Pod> = Api::namespaced(client, &scene.namespace);
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
