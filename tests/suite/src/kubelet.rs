//! Plays the kubelet where there is no node: pods of a namespace start and become ready, as far as their status says.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

use crate::world::Scene;
pub use dittofs_operator_core::pod_status::is_ready;

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
                if pod.metadata.deletion_timestamp.is_none() && !is_ready(&pod) && starts(&pod) {
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

/// A pod that is gone by then, or another one, is none of ours.
async fn start(pods: &Api<Pod>, pod: &Pod) {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let statuses = containers.map(|container| {
        json!({
            "name": container.name, "image": container.image, "imageID": "", "restartCount": 0,
            "ready": true, "started": true,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        })
    });
    let status = json!({
        // A newer version has an event of its own.
        "metadata": {"uid": pod.uid(), "resourceVersion": pod.resource_version()},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": statuses.collect::<Vec<_>>(),
        },
    });
    let patch = Patch::Strategic(status);
    let _ = pods
        .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
        .await;
}
