//! Protects the only server of an instance from evictions.

use dittofs_shared::crd::DisruptionBudget;
use dittofs_shared::labels;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::metadata;
use crate::instance::Instance;

/// The budget, unless the spec disables it.
///
/// A pod is unready as soon as one of its containers is, and a server that serves must not be evicted because of its
/// sidecar. While it serves, `IfHealthyBudget` refuses every eviction, because the budget needs the only pod. A
/// server that does not serve must not block the drain of a node: then the unready pod may be evicted.
pub fn disruption_budget(instance: &Instance) -> Option<PodDisruptionBudget> {
    if instance.spec.pod.disruption_budget == DisruptionBudget::Manual {
        return None;
    }
    Some(PodDisruptionBudget {
        metadata: metadata(instance, instance.name.clone()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(0)),
            selector: Some(LabelSelector {
                match_labels: Some(labels::selector(&instance.name)),
                ..LabelSelector::default()
            }),
            unhealthy_pod_eviction_policy: Some(unready_pods(instance).to_owned()),
            min_available: None,
        }),
        status: None,
    })
}

fn unready_pods(instance: &Instance) -> &'static str {
    if instance.serves {
        "IfHealthyBudget"
    } else {
        "AlwaysAllow"
    }
}
