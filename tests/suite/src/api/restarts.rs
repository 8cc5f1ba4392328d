//! One operator takes only so many servers out of service at a time, and an upgrade of the operator none.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use futures::future::try_join_all;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

use super::seen::{
    Failed, lines, operator_writes, pod_never_runs, settled, wait_object, wait_observed, write,
};

/// How long a server takes to start here: long enough to be seen.
const START: Duration = Duration::from_millis(300);
const BROKEN: &str = "registry.example/broken:1";
const OTHER: &str = "registry.example/other:2";

/// The operator as its users run it, with the limit that it has by itself, for the namespace of the test: the instances of
/// other tests neither count nor wait.
fn operator(scene: &Scene) -> Result<Substitute<'_>, Failed> {
    let namespace = format!("DITTOFS_OPERATOR_NAMESPACES={}", scene.namespace);
    Substitute::start(scene, &[namespace])
}

/// What a watch of the pods has seen.
#[derive(Debug, Default)]
struct Watched {
    /// By name: whether the pod is there and ready, and its image.
    pods: BTreeMap<String, (bool, String)>,
    /// The most servers that were out of service at once, of those that had been ready.
    most_out: usize,
    /// Names of pods that have been ready.
    served: BTreeSet<String>,
}

impl Watched {
    fn see(&mut self, pod: &Pod, is_there: bool) {
        let name = pod.name_any();
        let ready = is_there && is_ready(pod);
        if ready {
            self.served.insert(name.clone());
        }
        self.pods.insert(name, (ready, image(pod)));
        let out = self.served.iter().filter(|name| !self.pods[*name].0);
        self.most_out = self.most_out.max(out.count());
    }

    fn ready_with(&self, wanted: &str) -> usize {
        let ready = self.pods.values();
        ready
            .filter(|(ready, image)| *ready && image == wanted)
            .count()
    }
}

fn image(pod: &Pod) -> String {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut servers = containers.filter(|container| container.name == names::SERVER_CONTAINER);
    let image = servers.next().and_then(|server| server.image.clone());
    image.unwrap_or_default()
}

/// Watches the pods until dropped.
struct PodWatch {
    seen: Arc<Mutex<Watched>>,
    task: JoinHandle<()>,
}

impl PodWatch {
    fn start(scene: &Scene) -> Self {
        let seen = Arc::<Mutex<Watched>>::default();
        let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut events = watcher(pods, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                // It begins again by itself.
                let Ok(event) = event else { continue };
                let mut seen = into.lock().unwrap();
                match event {
                    Event::Apply(pod) | Event::InitApply(pod) => seen.see(&pod, true),
                    Event::Delete(pod) => seen.see(&pod, false),
                    Event::Init | Event::InitDone => {}
                }
            }
        });
        Self { seen, task }
    }

    fn seen(&self) -> MutexGuard<'_, Watched> {
        self.seen.lock().unwrap()
    }

    async fn wait_ready_with(&self, count: usize, image: &str) -> Outcome {
        let what = format!("{count} servers to be ready with {image}");
        wait_for(&what, POD_DEADLINE, || async {
            let ready = self.seen().ready_with(image);
            if ready >= count {
                Ok(())
            } else {
                Err(format!("{ready} are"))
            }
        })
        .await?;
        Ok(())
    }
}

impl Drop for PodWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn create(scene: &Scene, names: &[String]) -> Result<Vec<Instance>, Failed> {
    let all = names
        .iter()
        .map(|name| Instance::create(scene, name, pod_never_runs()));
    try_join_all(all).await
}

/// Changes the image of all at once.
async fn change_images(all: &[Instance], image: &str) -> Outcome {
    let changes = all
        .iter()
        .map(|files| files.change(json!({"image": image})));
    let mut changes = stream::iter(changes).buffer_unordered(8);
    while let Some(changed) = changes.next().await {
        changed?;
    }
    Ok(())
}

async fn wait_served(all: &[Instance]) -> Outcome {
    for files in all {
        let served = |server: &DittoServer| {
            let status = server.status.as_ref();
            let since = status.and_then(|status| status.first_ready_at.as_ref());
            since
                .map(|_| ())
                .ok_or_else(|| "it has never been ready".to_owned())
        };
        files
            .wait_status("to have served", API_DEADLINE, served)
            .await?;
    }
    Ok(())
}

/// The pods that were deleted, each as often as that was asked for. The API server answers 504 when whoever asked ends
/// before the answer, and then the pod may have been deleted all the same.
fn deletions(scene: &Scene, since: dittofs_rig::audit::Mark) -> Result<Vec<String>, Failed> {
    let mut writes = operator_writes(scene, since)?;
    writes.retain(|entry| {
        let is_done = entry.code < 300 || entry.code == 504;
        entry.verb == "delete" && entry.resource == "pods" && is_done
    });
    Ok(writes.into_iter().map(|entry| entry.name).collect())
}

/// Twenty servers are given another image. One that is new, and never becomes ready, holds up nobody.
pub async fn never_more_are_out_than_allowed_though_the_operator_is_killed(
    scene: Scene,
) -> Outcome {
    let operator = operator(&scene)?;
    let _kubelet = Kubelet::play(&scene, START, |pod| pod.name_any() != "new-0");
    let names: Vec<_> = (0..20).map(|number| format!("files-{number:02}")).collect();
    let all = create(&scene, &names).await?;
    create(&scene, &["new".to_owned()]).await?;
    let watch = PodWatch::start(&scene);
    wait_served(&all).await?;
    settled(&scene).await?;
    let began = Instant::now();
    let mark = scene.world.cluster.audit().mark()?;
    change_images(&all, OTHER).await?;
    watch.wait_ready_with(6, OTHER).await?;
    operator.again(false)?;
    watch.wait_ready_with(20, OTHER).await?;
    let (took, most) = (began.elapsed(), watch.seen().most_out);
    println!("20 servers, at most {most} out of service at once, {took:.1?}");
    // A tenth of 21, rounded down.
    ensure!(most == 2, "{most} servers were out of service at once");
    settled(&scene).await?;
    let deleted = deletions(&scene, mark)?;
    let pods: BTreeSet<_> = deleted.iter().collect();
    // Two may be out at a time: so many the killed operator may have asked for, and the next one again.
    ensure!(
        pods.len() == 20 && deleted.len() <= 22,
        "{} pods were deleted:\n{}",
        deleted.len(),
        lines(&operator_writes(&scene, mark)?)
    );
    Ok(())
}

/// The names of those whose pod has an image.
async fn with_image(scene: &Scene, wanted: &str) -> Result<Vec<String>, String> {
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let all = pods.list(&ListParams::default()).await;
    let all = all.map_err(|error| error.to_string())?.items;
    let found = all.iter().filter(|pod| image(pod) == wanted);
    Ok(found
        .map(|pod| pod.name_any().trim_end_matches("-0").to_owned())
        .collect())
}

async fn wait_with_image(scene: &Scene, image: &str, count: usize) -> Result<Vec<String>, Failed> {
    let what = format!("{count} pods with {image}");
    let found = wait_for(&what, API_DEADLINE, || async {
        let found = with_image(scene, image).await?;
        if found.len() == count {
            Ok(found)
        } else {
            Err(format!("{found:?}"))
        }
    });
    Ok(found.await?)
}

/// A change that breaks a server breaks one of three and no more, and the others say which.
pub async fn a_server_that_does_not_come_back_holds_up_the_others_and_is_named(
    scene: Scene,
) -> Outcome {
    let _operator = operator(&scene)?;
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |pod| image(pod) != BROKEN);
    let names = ["one", "two", "three"].map(str::to_owned);
    let all = create(&scene, &names).await?;
    wait_served(&all).await?;
    change_images(&all, BROKEN).await?;
    let first = wait_with_image(&scene, BROKEN, 1).await?.remove(0);
    let others = all.iter().filter(|files| files.name != first);
    let others: Vec<_> = others.collect();
    let told = format!("{}/{first}", scene.namespace);
    for files in &others {
        let waits = |server: &DittoServer| {
            let conditions = server.status.iter().flat_map(|status| &status.conditions);
            let mut pending = conditions.filter(|condition| condition.type_ == "RollPending");
            let pending = pending.next().ok_or("no condition")?;
            if pending.reason == "WaitingForTurn" && pending.message.contains(&told) {
                Ok(())
            } else {
                Err(format!("{}: {}", pending.reason, pending.message))
            }
        };
        let what = "to wait for its turn";
        files.wait_status(what, API_DEADLINE, waits).await?;
    }
    settled(&scene).await?;
    let broken = with_image(&scene, BROKEN).await?;
    ensure!(broken == [first.clone()], "{broken:?} are broken");

    // Stopped on purpose, it holds up nobody. The next one is woken at once.
    let find = |name: &str| all.iter().find(|files| files.name == name);
    let stopped = find(&first).ok_or("it is gone")?;
    let woken = Instant::now();
    stopped.change(json!({"replicas": 0})).await?;
    let next = wait_for("the next one to be broken", API_DEADLINE, || async {
        let found = with_image(&scene, BROKEN).await?;
        match found.as_slice() {
            [name] if *name != first => Ok(name.clone()),
            found => Err(format!("{found:?}")),
        }
    });
    let next = next.await?;
    ensure!(
        woken.elapsed() < Duration::from_secs(30),
        "{next} has waited for {:?}",
        woken.elapsed()
    );

    // Mended, it is replaced at once, since it has never started, and the last one goes on as it is.
    let rest: Vec<_> = all
        .iter()
        .filter(|files| files.name != first)
        .cloned()
        .collect();
    change_images(&rest, &scene.world.server_image).await?;
    wait_with_image(&scene, BROKEN, 0).await?;
    for files in &rest {
        files
            .wait_condition("RollPending", "False", Some("UpToDate"), API_DEADLINE)
            .await?;
    }
    Ok(())
}

/// A pod that a release without the hash over the inputs has made goes on, and is recreated at the next change.
pub async fn pods_of_an_earlier_release_go_on_and_follow_the_next_change(scene: Scene) -> Outcome {
    let operator = operator(&scene)?;
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    wait_served(std::slice::from_ref(&files)).await?;
    operator.stop();
    let without =
        json!({"spec": {"template": {"metadata": {"annotations": {labels::ROLL_INPUTS: null}}}}});
    write::<StatefulSet>(&files, labels::OPERATOR_MANAGER, "files", without).await?;
    wait_observed(&files).await?;
    let before = files.pod().await?.uid();
    files
        .api::<Pod>()
        .delete("files-0", &DeleteParams::default())
        .await?;
    let is_old = |pod: &Pod| {
        let has = pod.annotations().contains_key(labels::ROLL_INPUTS);
        if pod.uid() != before && !has && is_ready(pod) {
            Ok(())
        } else {
            Err(format!("{:?}", pod.annotations()))
        }
    };
    let old = wait_object::<Pod>(&files, "files-0", "to be an earlier release's", is_old).await?;
    operator.again(true)?;
    let is_new = |set: &StatefulSet| {
        let spec = set.spec.as_ref();
        let metadata = spec.and_then(|spec| spec.template.metadata.as_ref());
        let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
        let has = annotations.is_some_and(|all| all.contains_key(labels::ROLL_INPUTS));
        has.then_some(()).ok_or_else(|| format!("{annotations:?}"))
    };
    wait_object::<StatefulSet>(&files, "files", "to be this release's", is_new).await?;
    wait_observed(&files).await?;
    files
        .wait_condition("RollPending", "False", Some("UpToDate"), API_DEADLINE)
        .await?;
    settled(&scene).await?;
    ensure!(
        files.pod().await?.uid() == old.uid(),
        "the upgrade has restarted the server"
    );
    files.change(json!({"logging": {"level": "DEBUG"}})).await?;
    wait_object::<Pod>(&files, "files-0", "to be another one", |pod| {
        if pod.uid() == old.uid() {
            Err("it is the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    Ok(())
}
