//! Whether a controller has observed the latest spec of an object.

use k8s_openapi::api::apps::v1::StatefulSet;

/// Whether the StatefulSet controller has observed the latest spec, so that the rest of the status is about that.
pub fn is_observed(stateful_set: &StatefulSet) -> bool {
    let status = stateful_set.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    observed == stateful_set.metadata.generation
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_spec_is_observed_when_the_status_names_its_generation() {
        for (status, expected) in [
            (json!(null), false),
            (json!({"replicas": 1}), false),
            (json!({"replicas": 1, "observedGeneration": 1}), false),
            (json!({"replicas": 1, "observedGeneration": 2}), true),
        ] {
            let set: Value = json!({"metadata": {"generation": 2}, "status": status});
            assert_eq!(is_observed(&serde_json::from_value(set).unwrap()), expected);
        }
    }
}
