//! What claims need beyond what the StatefulSet controller sets: the requested size, our labels, and an owner if they
//! are deleted with the `DittoServer`.

use dittofs_shared::crd::{DittoServer, RetentionPolicy};
use dittofs_shared::labels;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource as _, ResourceExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::instance::{Claim, Instance};

/// The claims that have to grow, with only their new size. With the uid of the observed claim, so that no claim is
/// created and another one of the same name is left alone.
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
            resources: Some(of_size(&claim.desired)),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

/// What the metadata of a claim lack, and the owners to be removed.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimMarks {
    /// The claim as observed.
    pub seen: Arc<PersistentVolumeClaim>,
    /// Labels that it lacks.
    pub labels: BTreeMap<String, String>,
    /// Annotations that it lacks.
    pub annotations: BTreeMap<String, String>,
    /// Owner that it lacks.
    pub owner: Option<OwnerReference>,
    /// Uids of owners with which it must not be deleted.
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

/// The metadata that every claim of an instance is created with. The owner is not a controller: a claim with another
/// controller would not be the StatefulSet's.
pub fn template_metadata(instance: &Instance, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels::of_instance(&instance.name)),
        annotations: Some(labels::without_owner()),
        owner_references: owner(instance).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// Claims of earlier versions, and claims whose retention policy has changed.
pub fn marked(instance: &Instance) -> Vec<ClaimMarks> {
    let claims = instance
        .claims
        .iter()
        .filter(|claim| !claim.is_terminating());
    let found = claims.filter_map(|claim| claim.found.as_ref());
    let (labels, annotations) = (labels::of_instance(&instance.name), labels::without_owner());
    found
        .map(|seen| ClaimMarks {
            labels: lacked(&labels, seen.labels()),
            annotations: lacked(&annotations, seen.annotations()),
            ..owners(instance, seen)
        })
        .filter(|marks| marks.label() || marks.change_owners())
        .collect()
}

fn lacked(
    wanted: &BTreeMap<String, String>,
    has: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let wanted = wanted
        .iter()
        .filter(|(key, value)| has.get(*key) != Some(value));
    wanted
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What a claim lacks of owners, or has too much.
fn owners(instance: &Instance, seen: &Arc<PersistentVolumeClaim>) -> ClaimMarks {
    let owner = owner(instance);
    let too_much = |uid: &str| {
        instance.released_by.as_deref() == Some(uid)
            || (owner.is_none() && instance.owner.uid == uid)
    };
    let owners = seen.owner_references();
    // A claim of a former DittoServer is deleted with that one, as its policy said.
    let taken = owners.iter().any(|one| one.kind == DittoServer::kind(&()));
    let uids = owners.iter().map(|one| one.uid.clone());
    ClaimMarks {
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        released: uids.filter(|uid| too_much(uid)).collect(),
        owner: owner.filter(|_| !taken),
        seen: Arc::clone(seen),
    }
}

/// The owner with which the claims are deleted.
fn owner(instance: &Instance) -> Option<OwnerReference> {
    match instance.spec.storage.retention_policy {
        RetentionPolicy::Retain => None,
        RetentionPolicy::Delete => Some(OwnerReference {
            controller: None,
            ..instance.owner.clone()
        }),
    }
}

/// A request for storage of this size.
pub fn of_size(size: &str) -> VolumeResourceRequirements {
    VolumeResourceRequirements {
        requests: Some(BTreeMap::from([(
            "storage".to_owned(),
            Quantity(size.to_owned()),
        )])),
        limits: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Defaults;
    use crate::observed::Observed;
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use std::time::Duration;

    /// A claim of an instance whose `DittoServer` is `now`, and whose StatefulSet is `set`.
    fn instance(
        policy: &str,
        when_deleted: &str,
        observed_generation: i64,
        claim: &Value,
    ) -> Instance {
        let server = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"name": "files", "namespace": "storage", "uid": "now"},
            "spec": {"storage": {"metadataSize": "1Gi", "retentionPolicy": policy}},
        });
        let set = json!({
            "metadata": {"name": "files", "uid": "set", "generation": 2},
            "spec": {
                "selector": {}, "template": {},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted},
            },
            "status": {"replicas": 0, "observedGeneration": observed_generation},
        });
        let server = serde_json::from_value(server).unwrap();
        let observed = Observed {
            stateful_set: Some(Arc::new(serde_json::from_value(set).unwrap())),
            claims: vec![Arc::new(serde_json::from_value(claim.clone()).unwrap())],
            ..Observed::nothing_of(server, Timestamp::UNIX_EPOCH)
        };
        let defaults = Defaults {
            sidecar_image: "sidecar".to_owned(),
            keep_unused_config: Duration::ZERO,
            forbidden: std::collections::BTreeSet::new(),
        };
        Instance::parse(&observed, &defaults)
    }

    fn claim(owners: &[(&str, &str)]) -> Value {
        let owner = |(kind, uid): &(&str, &str)| json!({"apiVersion": "v1", "kind": kind, "name": "files", "uid": uid});
        json!({"metadata": {
            "name": "metadata-files-0", "labels": labels::of_instance("files"),
            "annotations": labels::without_owner(),
            "ownerReferences": owners.iter().map(owner).collect::<Vec<_>>(),
        }})
    }

    #[test]
    fn claims_are_deleted_with_their_server_only_and_only_if_asked() {
        let [server, former] = ["now", "before"].map(|uid| ("DittoServer", uid));
        let [set, other] = [("StatefulSet", "set"), ("Backup", "other")];
        for (policy, owners, gets, loses) in [
            ("Retain", &[][..], false, &[][..]),
            ("Retain", &[server], false, &["now"]),
            ("Retain", &[set], false, &["set"]),
            ("Retain", &[former, other], false, &[]),
            ("Delete", &[], true, &[]),
            ("Delete", &[server], false, &[]),
            ("Delete", &[set, other], true, &["set"]),
            ("Delete", &[server, set], false, &["set"]),
            // It is deleted with the former one, in any order of events.
            ("Delete", &[former], false, &[]),
        ] {
            let found = marked(&instance(policy, "Retain", 2, &claim(owners)));
            let found = found.first();
            let shown = format!("{policy} {owners:?}: {found:?}");
            let owner = found.and_then(|marks| marks.owner.as_ref());
            assert_eq!(
                owner.map(|owner| owner.uid.as_str()),
                gets.then_some("now"),
                "{shown}"
            );
            assert!(
                owner.is_none_or(|owner| owner.controller.is_none()),
                "{shown}"
            );
            let released = found.map_or(&[][..], |marks| &marks.released);
            assert_eq!(released, loses, "{shown}");
        }
    }

    #[test]
    fn a_stateful_set_keeps_its_claims_until_its_controller_has_observed_the_policy() {
        for (when_deleted, observed_generation) in [("Delete", 2), ("Retain", 1)] {
            let claim = claim(&[("StatefulSet", "set")]);
            let instance = instance("Retain", when_deleted, observed_generation, &claim);
            assert_eq!(
                marked(&instance),
                [],
                "{when_deleted} {observed_generation}"
            );
        }
    }

    #[test]
    fn a_claim_of_an_earlier_version_gets_what_it_lacks_unless_it_is_being_deleted() {
        let mut old = claim(&[]);
        old["metadata"]["labels"] =
            json!({"app": labels::APP_VALUE, "instance": "files", "mine": "x"});
        old["metadata"]["annotations"] = json!({"mine": "x"});
        let found = marked(&instance("Retain", "Retain", 2, &old)).swap_remove(0);
        assert_eq!(found.annotations, labels::without_owner());
        let lacked: Vec<_> = found.labels.keys().map(String::as_str).collect();
        let expected = ["instance", "managed-by", "name", "part-of"];
        assert_eq!(
            lacked,
            expected.map(|key| format!("app.kubernetes.io/{key}"))
        );
        old["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
        assert_eq!(marked(&instance("Delete", "Retain", 2, &old)), []);
    }
}
