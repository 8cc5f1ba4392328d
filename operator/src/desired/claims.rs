//! What claims should be beyond what the controller of StatefulSets makes of them: as large as asked, known by our labels,
//! and gone with the `DittoServer` or not.

use dittofs_shared::labels;
use dittofs_shared::server::{DittoServer, RetentionPolicy};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource as _, ResourceExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What the metadata of a claim lack or have too much.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimMarks {
    /// The claim that was seen.
    pub seen: Arc<PersistentVolumeClaim>,
    /// Labels that it lacks.
    pub labels: BTreeMap<String, String>,
    /// Annotations that it lacks.
    pub annotations: BTreeMap<String, String>,
    /// Owner that it lacks.
    pub owner: Option<OwnerReference>,
    /// Uids of the owners that must not take it along.
    pub released: Vec<String>,
}

impl ClaimMarks {
    /// Whether the claim gets or loses an owner.
    pub fn change_owners(&self) -> bool {
        self.owner.is_some() || !self.released.is_empty()
    }

    /// Whether the claim gets labels or annotations.
    pub fn label(&self) -> bool {
        !self.labels.is_empty() || !self.annotations.is_empty()
    }
}

/// The metadata that every claim of an instance is made with. The owner is no controller: that would be between the claim
/// and the StatefulSet.
pub fn template_metadata(instance: &Instance, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels::of_instance(&instance.name)),
        annotations: Some(labels::without_owner()),
        owner_references: owner(instance).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// Claims that were made before, or whose retention policy has changed since.
pub fn marked(instance: &Instance) -> Vec<ClaimMarks> {
    let claims = instance.claims.iter().filter(|claim| !claim.is_leaving());
    let found = claims.filter_map(|claim| claim.found.as_ref());
    found
        .map(|seen| marks(instance, seen))
        .filter(|marks| marks.label() || marks.change_owners())
        .collect()
}

fn marks(instance: &Instance, seen: &Arc<PersistentVolumeClaim>) -> ClaimMarks {
    let lacks = |wanted: BTreeMap<String, String>, has: &BTreeMap<String, String>| {
        let mut wanted = wanted;
        wanted.retain(|key, value| has.get(key) != Some(value));
        wanted
    };
    let owner = owner(instance);
    let too_much = |uid: &str| {
        instance.released_by.as_deref() == Some(uid)
            || (owner.is_none() && instance.owner.uid == uid)
    };
    let owners = seen.owner_references();
    // One of a former DittoServer goes with that one, as was asked then.
    let taken = owners.iter().any(|one| one.kind == DittoServer::kind(&()));
    let uids = owners.iter().map(|one| one.uid.clone());
    ClaimMarks {
        labels: lacks(labels::of_instance(&instance.name), seen.labels()),
        annotations: lacks(labels::without_owner(), seen.annotations()),
        released: uids.filter(|uid| too_much(uid)).collect(),
        owner: owner.filter(|_| !taken),
        seen: Arc::clone(seen),
    }
}

/// Who takes the claims along when it is deleted.
fn owner(instance: &Instance) -> Option<OwnerReference> {
    match instance.spec.storage.retention_policy {
        RetentionPolicy::Retain => None,
        RetentionPolicy::Delete => Some(OwnerReference {
            controller: None,
            ..instance.owner.clone()
        }),
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
