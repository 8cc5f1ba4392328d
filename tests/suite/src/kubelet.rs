//! Plays the kubelet where there is no node: pods of a namespace start and become ready, and get another sidecar when its image
//! changes, as far as their status says.

use dittofs_operator_core::pod_status;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

use crate::world::Scene;
pub use dittofs_operator_core::pod_status::is_ready;

/// An image with this in its name cannot be pulled.
pub const NOWHERE: &str = "nowhere.example/";

/// What runs is said to run since then: nobody waits for it to be proved.
const LONG_AGO: &str = "2026-01-01T00:00:00Z";

/// Runs until dropped.
#[derive(Debug)]
pub struct Kubelet(JoinHandle<()>);

impl Kubelet {
    /// Every pod becomes ready this long after it was made, as far as `starts` lets it.
    pub fn play(
        scene: &Scene,
        after: Duration,
        starts: impl Fn(&Pod) -> bool + Send + 'static,
    ) -> Self {
        let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
        Self(tokio::spawn(async move {
            let mut events = watcher(pods.clone(), watcher::Config::default()).boxed();
            // They end with this task.
            let mut starting = JoinSet::new();
            while let Some(event) = events.next().await {
                // After an error the watch begins again.
                let Ok(Event::Apply(pod) | Event::InitApply(pod)) = event else {
                    continue;
                };
                let is_going = pod.metadata.deletion_timestamp.is_some();
                if !is_going && !is_as_told(&pod) && starts(&pod) {
                    let pods = pods.clone();
                    starting.spawn(async move {
                        tokio::time::sleep(after).await;
                        start(&pods, &pod).await;
                    });
                }
            }
        }))
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether the status says of every container what there is to say.
fn is_as_told(pod: &Pod) -> bool {
    let told = |container| told_of(pod, container).is_some();
    sidecars(pod).all(told) && is_ready(pod) == sidecars(pod).all(can_be_pulled)
}

fn sidecars(pod: &Pod) -> impl Iterator<Item = &Container> {
    let containers = pod.spec.iter();
    let containers = containers.flat_map(|spec| spec.init_containers.iter().flatten());
    containers.filter(|container| container.restart_policy.as_deref() == Some("Always"))
}

fn can_be_pulled(container: &Container) -> bool {
    let image = container.image.as_ref();
    image.is_none_or(|image| !image.starts_with(NOWHERE))
}

/// What was told last of a container.
fn last_told<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let mut told = status.init_container_statuses.iter().flatten();
    told.find(|told| told.name == container.name)
}

/// What was told of a container since it has its image.
fn told_of<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStatus> {
    let told = last_told(pod, container)?;
    (Some(&told.image) == container.image.as_ref()).then_some(told)
}

/// What there is to say of a sidecar. Each image has a container of its own.
fn sidecar(pod: &Pod, container: &Container) -> Value {
    if let Some(told) = told_of(pod, container) {
        return json!(told);
    }
    let before = last_told(pod, container);
    let restarts = before.map_or(0, |told| told.restart_count + 1);
    let ran = before.is_some_and(|told| told.ready || told.last_state.is_some());
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    let runs = can_be_pulled(container);
    let state = if runs {
        json!({"running": {"startedAt": LONG_AGO}})
    } else {
        json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}})
    };
    let id = format!("containerd://{}-{restarts}", pod.uid().unwrap_or_default());
    json!({
        "name": container.name, "image": container.image, "imageID": "", "restartCount": restarts,
        "ready": runs, "started": runs, "state": state, "containerID": if runs { id } else { String::new() },
        "lastState": if ran { ended } else { json!({}) },
    })
}

/// The server begins after its sidecars, and goes on while they are replaced.
fn server(pod: &Pod, container: &Container) -> Value {
    let runs = sidecars(pod).all(can_be_pulled) || pod_status::is_serving(pod);
    let state = if runs {
        json!({"running": {"startedAt": LONG_AGO}})
    } else {
        json!({"waiting": {"reason": "PodInitializing"}})
    };
    json!({
        "name": container.name, "image": container.image, "imageID": "", "restartCount": 0,
        "ready": runs, "started": runs, "state": state,
    })
}

/// A pod that is gone by then, or another one, is none of ours.
async fn start(pods: &Api<Pod>, pod: &Pod) {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let servers: Vec<_> = containers.map(|container| server(pod, container)).collect();
    let is_ready = sidecars(pod).all(can_be_pulled);
    let sidecars: Vec<_> = sidecars(pod)
        .map(|container| sidecar(pod, container))
        .collect();
    let status = json!({
        // A newer version has an event of its own.
        "metadata": {"uid": pod.uid(), "resourceVersion": pod.resource_version()},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "False" }}],
            "initContainerStatuses": sidecars,
            "containerStatuses": servers,
        },
    });
    let patch = Patch::Strategic(status);
    let _ = pods
        .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
        .await;
}
