//! What claims are asked for beyond what they ask for themselves.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use crate::instance::{Claim, Instance};

/// The claims that have to grow, with nothing but their new size. The uid is that of the claim that was seen: none is
/// made, and another one of the same name is left alone.
pub fn growing(instance: &Instance) -> Vec<PersistentVolumeClaim> {
    let growing = instance.claims.iter().filter(|claim| claim.must_grow());
    growing.map(|claim| larger(instance, claim)).collect()
}

fn larger(instance: &Instance, claim: &Claim) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(claim.name.clone()),
            namespace: Some(instance.namespace.clone()),
            uid: claim.found.as_ref().and_then(|found| found.uid()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            resources: Some(of_size(&claim.asked)),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

/// A request for so much storage.
pub fn of_size(size: &str) -> VolumeResourceRequirements {
    VolumeResourceRequirements {
        requests: Some(BTreeMap::from([(
            "storage".to_owned(),
            Quantity(size.to_owned()),
        )])),
        limits: None,
    }
}
