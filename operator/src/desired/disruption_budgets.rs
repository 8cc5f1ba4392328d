//! Keeps the only server of an instance from being evicted by the way.

use dittofs_shared::labels;
use dittofs_shared::server::DisruptionBudget;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::metadata;
use crate::instance::Instance;

/// The budget, unless the user wants none. A pod that is not ready may always be evicted: it serves nobody, and must not hold up a
/// node for ever.
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
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            min_available: None,
        }),
        status: None,
    })
}
