//! Pure: the claims of an instance, desired and observed.

use dittofs_shared::crd::Storage;
use dittofs_shared::{names, quantity};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::adapters::Adapters;
use crate::generation::is_observed;

/// A claim that an instance should have.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Name of the claim template, and of the volume in the pod.
    pub template: &'static str,
    /// Field of the spec with the size.
    pub field: &'static str,
    /// Name of the claim itself.
    pub name: String,
    /// The desired size.
    pub desired: String,
    /// The claim as observed. The StatefulSet controller creates it.
    pub found: Option<Arc<PersistentVolumeClaim>>,
}

/// The claims of an instance, in the order of the claim templates.
pub(super) fn evaluate(
    instance: &str,
    storage: &Storage,
    found: &[Arc<PersistentVolumeClaim>],
) -> Vec<Claim> {
    let sizes = [
        (
            names::METADATA_CLAIM,
            "metadataSize",
            Some(&storage.metadata_size),
        ),
        (
            names::CONTENT_CLAIM,
            "contentSize",
            storage.content_size.as_ref(),
        ),
        (
            names::CONTROL_PLANE_CLAIM,
            "controlPlaneSize",
            Some(&storage.control_plane_size),
        ),
    ];
    let claim = |(template, field, size): (&'static str, &'static str, Option<&String>)| {
        let name = names::claim(template, instance);
        Some(Claim {
            template,
            field,
            desired: size?.clone(),
            found: found
                .iter()
                .find(|claim| claim.name_any() == name)
                .map(Arc::clone),
            name,
        })
    };
    sizes.into_iter().filter_map(claim).collect()
}

/// Uid of a StatefulSet that retains its claims, once its controller knows that. Earlier versions of the
/// operator created StatefulSets that did not. The controller removes its owner references only while there is a pod.
pub(super) fn released_by(stateful_set: Option<&StatefulSet>) -> Option<String> {
    let set = stateful_set?;
    let policy = set
        .spec
        .as_ref()?
        .persistent_volume_claim_retention_policy
        .as_ref()?;
    let seen = is_observed(set);
    let retains = policy.when_deleted.as_deref() == Some("Retain");
    set.uid().filter(|_| seen && retains)
}

impl Claim {
    /// Size that it requests.
    pub fn requested(&self) -> Option<&str> {
        let spec = self.found.as_ref()?.spec.as_ref()?;
        storage_of(spec.resources.as_ref()?.requests.as_ref())
    }

    /// Size of its volume.
    pub fn capacity(&self) -> Option<&str> {
        storage_of(self.status()?.capacity.as_ref())
    }

    /// Its status.
    pub fn status(&self) -> Option<&PersistentVolumeClaimStatus> {
        self.found.as_ref()?.status.as_ref()
    }

    /// Whether it is bound to a volume.
    pub fn is_bound(&self) -> bool {
        self.found.as_deref().is_some_and(is_bound)
    }

    /// Whether it is being deleted.
    pub fn is_terminating(&self) -> bool {
        self.found
            .as_ref()
            .is_some_and(|claim| claim.metadata.deletion_timestamp.is_some())
    }

    /// Whether its request has to grow. Only a bound claim can: the API server refuses any change of others.
    pub fn must_grow(&self) -> bool {
        self.is_bound()
            && !self.is_terminating()
            && self
                .requested()
                .is_some_and(|requested| quantity::is_less(requested, &self.desired))
    }

    /// Whether its volume is smaller than desired.
    pub fn is_too_small(&self) -> bool {
        self.capacity()
            .is_none_or(|capacity| quantity::is_less(capacity, &self.desired))
    }

    /// Whether it is deleted with the owner with this uid.
    pub fn is_owned_by(&self, uid: Option<&str>) -> bool {
        self.found.as_ref().is_some_and(|claim| {
            let mut owners = claim.owner_references().iter();
            owners.any(|owner| Some(owner.uid.as_str()) == uid)
        })
    }
}

fn storage_of(quantities: Option<&BTreeMap<String, Quantity>>) -> Option<&str> {
    Some(quantities?.get("storage")?.0.as_str())
}

/// Whether the server has run with this data before, and has an administrator: a claim is bound, or the server has
/// reported its adapters.
pub(super) fn has_data(claims: &[Arc<PersistentVolumeClaim>], adapters: &Adapters) -> bool {
    matches!(adapters, Adapters::Known(_)) || claims.iter().any(|claim| is_bound(claim))
}

/// Whether a claim is bound to a volume.
pub fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let status = claim.status.as_ref();
    status.and_then(|status| status.phase.as_deref()) == Some("Bound")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn claim(desired: &str, found: Value) -> Claim {
        let storage = serde_json::from_value(json!({"metadataSize": desired})).unwrap();
        let found = serde_json::from_value(found).unwrap();
        evaluate("files", &storage, &[Arc::new(found)]).swap_remove(0)
    }

    fn bound(requested: &str, capacity: &str) -> Value {
        json!({
            "metadata": {"name": "metadata-files-0"},
            "spec": {"resources": {"requests": {"storage": requested}}},
            "status": {"phase": "Bound", "capacity": {"storage": capacity}},
        })
    }

    #[test]
    fn a_claim_grows_when_it_asks_for_less_and_never_shrinks() {
        for (desired, requested, capacity, must_grow, too_small) in [
            ("1Gi", "1Gi", "1Gi", false, false),
            ("1024Mi", "1Gi", "1Gi", false, false),
            ("2Gi", "1Gi", "1Gi", true, true),
            ("2Gi", "2Gi", "1Gi", false, true),
            ("1Gi", "2Gi", "2Gi", false, false),
            ("1Gi", "2Gi", "1Gi", false, false),
            ("2Gi", "1Gi", "3Gi", true, false),
        ] {
            let claim = claim(desired, bound(requested, capacity));
            assert_eq!(
                claim.must_grow(),
                must_grow,
                "{desired} {requested} {capacity}"
            );
            assert_eq!(
                claim.is_too_small(),
                too_small,
                "{desired} {requested} {capacity}"
            );
        }
    }

    #[test]
    fn a_claim_that_is_not_bound_or_is_terminating_is_not_touched() {
        let mut pending = bound("1Gi", "1Gi");
        pending["status"]["phase"] = "Pending".into();
        assert!(!claim("2Gi", pending).must_grow());
        let mut terminating = bound("1Gi", "1Gi");
        terminating["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z".into();
        assert!(!claim("2Gi", terminating).must_grow());
    }

    #[test]
    fn only_a_claim_of_the_right_name_counts() {
        let mut other = bound("1Gi", "1Gi");
        other["metadata"]["name"] = "metadata-others-0".into();
        assert!(claim("1Gi", other).found.is_none());
    }
}
