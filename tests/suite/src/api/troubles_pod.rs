//! What the kubelet, the scheduler and the storage drivers report of a pod: first in its status, then by Events.

use dittofs_rig::Mode;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::troubleshooting::{describes, shows};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, ObjectReference, Pod, Service};
use kube::Resource;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::time::Duration;

use super::seen::{lines, operator_requests, pod_never_runs, settled, wait_object};
use super::storage::bound;

/// A container that has ended, as the kubelet reports it.
fn ended(code: i32, reason: &str, message: &str) -> Value {
    json!({"terminated": {
        "exitCode": code, "reason": reason, "message": message, "containerID": "containerd://1",
        "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z",
    }})
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

/// Reports a state of the server's container.
async fn kubelet_says(files: &Instance, state: &Value, last: &Value) -> Outcome {
    let status = json!({"status": {
        "phase": "Pending",
        "containerStatuses": [{
            "name": names::SERVER_CONTAINER, "image": "dittofs", "imageID": "", "ready": false, "started": false,
            "restartCount": 0, "state": state, "lastState": last,
        }],
    }});
    let pods = files.api::<Pod>();
    pods.patch_status("files-0", &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}

/// Where there is no node, there is no scheduler either.
async fn scheduler_says(files: &Instance, condition: &Value) -> Outcome {
    let status = json!({"status": {"conditions": [condition]}});
    let pods = files.api::<Pod>();
    pods.patch_status(
        "files-0",
        &PatchParams::default(),
        &Patch::Strategic(status),
    )
    .await?;
    Ok(())
}

pub async fn what_the_kubelet_reports_is_told(scene: Scene) -> Outcome {
    let limits = json!({"resources": {"limits": {"memory": "64Mi"}}});
    let files = bound(&scene, limits).await?;
    wait_object::<Pod>(&files, "files-0", "is there", |_| Ok(())).await?;
    let nowhere = json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: \
                    0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    });
    scheduler_says(&files, &nowhere).await?;
    shows(&files, "No node fits").await?;
    let none = json!({});
    let quoted = "failed to pull and unpack image \"registry.example/dittofs:1\": failed to resolve reference \
                  \"registry.example/dittofs:1\": registry.example/dittofs:1: not found";
    let login = "failed to pull and unpack image \"registry.example/dittofs:1\": failed to resolve image: pull access denied, repository does \
                 not exist or may require authorization: authorization failed: no basic auth credentials";
    let full = "opened\n2026-01-01T00:00:01Z ERROR cannot open the store: write /data/store/metadata/1.vlog: no space left on device\n";
    let bad = "Error: failed to load configuration: configuration key gc.grace_period cannot be \"less\"; use 5m or more\n";
    let other = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to \
                 start container process: error during container init: exec: \"/app/dfs\": stat /app/dfs: no such file or directory";
    let looping = waits(
        "CrashLoopBackOff",
        "back-off 10s restarting failed container=dittofs pod=files-0",
    );
    for (failure, state, last) in [
        ("Image not found", &waits("ErrImagePull", quoted), &none),
        (
            "Image not found",
            &waits(
                "ImagePullBackOff",
                &format!(
                    "Back-off pulling image \"registry.example/dittofs:1\": ErrImagePull: {quoted}"
                ),
            ),
            &none,
        ),
        (
            "Registry requires a login",
            &waits("ErrImagePull", login),
            &none,
        ),
        (
            "Container cannot be created",
            &waits(
                "CreateContainerConfigError",
                "couldn't find key password in Secret storage/extra",
            ),
            &none,
        ),
        ("Out of memory", &ended(137, "OOMKilled", ""), &none),
        ("Out of memory", &looping, &ended(137, "OOMKilled", "")),
        ("Bad configuration", &ended(1, "Error", bad), &none),
        ("Bad configuration", &looping, &ended(1, "Error", bad)),
        (
            "Bad configuration",
            &json!({"running": {"startedAt": "2026-01-01T00:01:00Z"}}),
            &ended(1, "Error", bad),
        ),
        (
            "Image of another program",
            &looping,
            &ended(128, "StartError", other),
        ),
        ("Volume full", &looping, &ended(1, "Error", full)),
    ] {
        kubelet_says(&files, state, last).await?;
        shows(&files, failure).await?;
    }
    Ok(())
}

/// An Event, as a controller of Kubernetes writes it.
async fn write_event<K>(files: &Instance, object: &K, reason: &str, message: &str) -> Outcome
where
    K: Resource<DynamicType = ()>,
{
    let involved: ObjectReference = object.object_ref(&());
    let now = Timestamp::now().to_string();
    let event: Event = serde_json::from_value(json!({
        "metadata": {"generateName": "trouble."},
        "involvedObject": involved, "type": "Warning", "reason": reason, "message": message,
        "firstTimestamp": now, "lastTimestamp": now, "count": 1, "source": {"component": "test"},
    }))?;
    files
        .api::<Event>()
        .create(&PostParams::default(), &event)
        .await?;
    Ok(())
}

async fn mounts_in_vain(files: &Instance, reason: &str, message: &str) -> Outcome {
    let pod = files.api::<Pod>().get("files-0").await?;
    write_event(files, &pod, reason, message).await
}

pub async fn what_only_events_say_is_told(scene: Scene) -> Outcome {
    let balanced = json!({"adapterServices": {"type": "LoadBalancer", "loadBalancerClass": "example.com/by-hand"}});
    let files = bound(&scene, balanced).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    let nowhere = Instance::create(&scene, "nowhere", pod_never_runs()).await?;
    let service = wait_object::<Service>(&files, "files-nfs", "is there", |_| Ok(())).await?;
    describes(&files, "Load balancer pending").await?;
    write_event(
        &files,
        &service,
        "SyncLoadBalancerFailed",
        "Error syncing load balancer: failed to ensure load balancer: quota of addresses exceeded",
    )
    .await?;
    is_placed(&files).await?;
    mounts_in_vain(
        &files,
        "FailedMount",
        "MountVolume.SetUp failed for volume \"extra\" : configmap \"extra\" not found",
    )
    .await?;
    shows(&files, "Volume cannot be mounted").await?;
    let said = "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another";
    mounts_in_vain(&files, "FailedAttachVolume", said).await?;
    shows(&files, "Volume still attached elsewhere").await?;
    describes(&files, "Load balancer refused").await?;
    shows(&nowhere, "StorageClass missing").await?;
    Ok(())
}

/// The scheduler has found a node, and the kubelet mounts the volumes.
async fn is_placed(files: &Instance) -> Outcome {
    // A scheduler tries again when the claims are bound, and then no more.
    let has_scheduler = files.scene.world.cluster.mode() == Mode::Node;
    wait_object::<Pod>(files, "files-0", "cannot be scheduled", |pod| {
        let conditions = pod.status.iter().flat_map(|status| &status.conditions);
        let mut messages = conditions
            .flatten()
            .filter_map(|one| one.message.as_deref());
        let is_tried = messages.any(|message| message.contains("didn't match"));
        let is_over = is_tried || !has_scheduler;
        is_over
            .then_some(())
            .ok_or_else(|| format!("{:?}", pod.status))
    })
    .await?;
    scheduler_says(files, &json!({"type": "PodScheduled", "status": "True"})).await?;
    kubelet_says(files, &waits("ContainerCreating", ""), &json!({})).await
}

/// How long it is watched: a look follows after 10 s at the earliest.
const WATCHED: Duration = Duration::from_secs(25);

pub async fn trouble_that_lasts_keeps_nobody_busy(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    shows(&files, "StorageClass missing").await?;
    settled(&scene).await?;
    let (mark, began) = (scene.world.cluster.audit().mark()?, Timestamp::now());
    let mut watched = tokio::time::interval_at(tokio::time::Instant::now() + WATCHED, WATCHED);
    watched.tick().await;
    let mut requests = operator_requests(&scene, mark)?;
    requests.retain(|entry| entry.request_received < began + WATCHED);
    let writes: Vec<_> = requests.iter().filter(|entry| entry.is_write()).collect();
    ensure!(writes.is_empty(), "{writes:?}");
    // Each look asks for the Events of four objects at most.
    let looks = requests
        .iter()
        .filter(|entry| entry.resource == "events" && entry.verb == "list");
    let looks = looks.count();
    ensure!(
        (1..=12).contains(&looks),
        "{looks} looks:\n{}",
        lines(&requests)
    );
    stops_when_it_is_over(&files).await
}

/// Without trouble nobody looks.
async fn stops_when_it_is_over(files: &Instance) -> Outcome {
    files.change(json!({"replicas": 0})).await?;
    files
        .wait_condition("Ready", "True", Some("ScaledToZero"), API_DEADLINE)
        .await?;
    settled(&files.scene).await?;
    let mark = files.scene.world.cluster.audit().mark()?;
    let mut watched = tokio::time::interval_at(tokio::time::Instant::now() + WATCHED, WATCHED);
    watched.tick().await;
    let requests = operator_requests(&files.scene, mark)?;
    ensure!(requests.is_empty(), "{}", lines(&requests));
    Ok(())
}
