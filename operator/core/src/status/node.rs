//! What the pod shows of its node.

use super::View;
use crate::pod_status::{self, LostNode};

/// Why nobody knows whether the server runs, if its node does not answer.
pub(super) fn unreachable(view: &View<'_>) -> Option<String> {
    let LostNode { name, since } = pod_status::lost_node(view.pod?, view.instance.sidecar.at)?;
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    Some(format!(
        "node {name} has not answered{since}, so nobody knows whether the server on it still runs, and Kubernetes does not start it \
         on another node. Bring the node back. If it is gone for good, make sure that it is switched off, and run \
         `kubectl taint node {name} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`"
    ))
}

/// That the pod is being stopped, and until when.
pub(super) fn stopping(view: &View<'_>) -> Option<String> {
    let deleted = view.pod?.metadata.deletion_timestamp.as_ref()?;
    Some(format!(
        "the pod is being stopped, by {} at the latest, and is then recreated",
        deleted.0
    ))
}

/// Whether the scheduler finds no node, for a reason that is not a volume. A volume may wait for that.
pub(super) fn is_missing(view: &View<'_>) -> bool {
    let status = view.pod.and_then(|pod| pod.status.as_ref());
    let conditions = status.and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| {
        let message = condition.message.as_deref().unwrap_or_default();
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && !message.to_lowercase().contains("volume")
    })
}
