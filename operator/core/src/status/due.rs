//! When the status changes although nothing else does.

use std::time::Duration;

use super::{View, adapters};
use crate::pod_status;

/// How long until then. `None`: only an event changes it.
pub fn changes_in(view: &View<'_>) -> Option<Duration> {
    let node = view
        .pod
        .and_then(|pod| pod_status::lost_in(pod, view.instance.sidecar.at));
    let address = adapters::due_in(view);
    node.into_iter().chain(address).min()
}
