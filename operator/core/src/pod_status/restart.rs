//! Why a running server has to be restarted, as the annotations of its pod and of the template say.

use dittofs_shared::labels;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use std::fmt::{self, Display, Formatter};

use crate::digest::differing_parts;

/// Why a running server has to be restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestartReason {
    /// `kubectl rollout restart`.
    Requested,
    /// These parts of the roll hash have changed.
    Changed(Vec<String>),
}

impl Display for RestartReason {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => formatter.write_str("a restart was requested"),
            Self::Changed(parts) => write!(formatter, "{} changed", parts.join(", ")),
        }
    }
}

/// Why the server in the pod has to be restarted. `None`: nothing differs that a running server could not take up.
pub fn restart_reason(stateful_set: &StatefulSet, pod: &Pod) -> Option<RestartReason> {
    let template = stateful_set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let template = template.and_then(|template| template.annotations.as_ref());
    let wanted = |key: &str| template.and_then(|all| all.get(key)).map(String::as_str);
    let has = |key: &str| pod.annotations().get(key).map(String::as_str);
    // A recreated StatefulSet has no record of earlier restarts.
    let requested = wanted(labels::RESTARTED_AT).filter(|requested| !requested.is_empty());
    if requested.is_some() && requested != has(labels::RESTARTED_AT) {
        return Some(RestartReason::Requested);
    }
    // Compare the same form: pods and templates of releases without this annotation have the first form only.
    let (wanted, has) = match (wanted(labels::ROLL_INPUTS), has(labels::ROLL_INPUTS)) {
        (Some(wanted), Some(has)) => (wanted, has),
        _ => (
            wanted(labels::ROLL_HASH).unwrap_or_default(),
            has(labels::ROLL_HASH).unwrap_or_default(),
        ),
    };
    let changed = differing_parts(wanted, has);
    (!changed.is_empty()).then_some(RestartReason::Changed(changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_pod_is_compared_with_the_template_by_the_latest_form_that_both_have() {
        let [first, inputs, at] = [labels::ROLL_HASH, labels::ROLL_INPUTS, labels::RESTARTED_AT];
        let changed = |parts: &[&str]| {
            let parts = parts.iter().map(|part| (*part).to_owned());
            Some(RestartReason::Changed(parts.collect()))
        };
        for (template, pod, expected) in [
            (json!({}), json!({}), None),
            (json!({first: "image:1"}), json!({first: "image:1"}), None),
            (
                json!({first: "image:2 env:1"}),
                json!({first: "image:1"}),
                changed(&["env", "image"]),
            ),
            (
                json!({first: "image:2", inputs: "image:1"}),
                json!({first: "image:1", inputs: "image:1"}),
                None,
            ),
            (
                json!({first: "image:1", inputs: "image:1"}),
                json!({first: "image:1"}),
                None,
            ),
            (json!({at: ""}), json!({}), None),
            (
                json!({at: "2", first: "image:2"}),
                json!({at: "1"}),
                Some(RestartReason::Requested),
            ),
        ] {
            let set: Value = json!({"spec": {
                "selector": {}, "template": {"metadata": {"annotations": template}},
            }});
            let set = serde_json::from_value(set).unwrap();
            let pod = serde_json::from_value(json!({"metadata": {"annotations": pod}})).unwrap();
            assert_eq!(restart_reason(&set, &pod), expected, "{set:?} {pod:?}");
        }
    }
}
