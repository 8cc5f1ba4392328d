//! Whether pods were made anew, how often, and from the template as it is.

use dittofs_rig::audit::Mark;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::Instance;
use dittofs_suite::kubelet::is_ready;
use dittofs_suite::world::Scene;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::seen::{Failed, operator_writes};

/// How many pods the operator has deleted in the namespace of the test.
pub fn pod_deletions(scene: &Scene, since: Mark) -> Result<usize, Failed> {
    let writes = operator_writes(scene, since)?;
    let of_pods = writes
        .iter()
        .filter(|entry| entry.verb == "delete" && entry.resource == "pods" && entry.code < 300);
    Ok(of_pods.count())
}

/// Uid of the pod, if it is the one that the StatefulSet would make now, and ready. Otherwise why it is not.
pub async fn latest_pod(files: &Instance) -> Result<String, String> {
    let text = |error: kube::Error| error.to_string();
    let set = files.api::<StatefulSet>().get(&files.name).await;
    let set = set.map_err(text)?;
    let pod = files.api::<Pod>().get(&names::pod(&files.name)).await;
    let pod = pod.map_err(text)?;
    let status = set.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    let template = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let wanted = template.and_then(|meta| meta.annotations.as_ref()?.get(labels::ROLL_INPUTS));
    let has = pod.annotations().get(labels::ROLL_INPUTS);
    if set.metadata.deletion_timestamp.is_some() {
        return Err("the StatefulSet is being replaced".to_owned());
    }
    if observed != set.metadata.generation {
        return Err("the controller has not seen the StatefulSet".to_owned());
    }
    if wanted != has || pod.metadata.deletion_timestamp.is_some() {
        return Err(format!("{wanted:?} is wanted, and the pod has {has:?}"));
    }
    // One that has never started would be replaced for every change of the template.
    if !is_ready(&pod) {
        return Err("the pod is not ready".to_owned());
    }
    pod.uid().ok_or_else(|| "no uid".to_owned())
}
