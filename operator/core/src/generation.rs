//! Whether a controller has seen the latest change of an object.

use k8s_openapi::api::apps::v1::StatefulSet;

/// Whether the StatefulSet controller has observed the latest generation. Until then it works from an older spec, and what the
/// status says is of that one.
pub fn is_observed(set: &StatefulSet) -> bool {
    let status = set.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    observed == set.metadata.generation
}
