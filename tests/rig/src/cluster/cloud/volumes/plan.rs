//! What claims need and what volumes look like: the part of [`crate::cluster::cloud::volumes`] that only judges.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::ResourceExt;
use serde_json::{Value, json};
use std::path::Path;

/// The default StorageClass.
pub const STORAGE_CLASS: &str = "rig";
/// Who serves it.
pub const PROVISIONER: &str = "rig.local/hostpath";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// What a claim needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Volume { size: String },
    Growth { volume: String, size: String },
}

pub(crate) fn need(claim: &PersistentVolumeClaim) -> Need {
    let Some(spec) = claim.spec.as_ref() else {
        return Need::Nothing;
    };
    let ours = spec.storage_class_name.as_deref() == Some(STORAGE_CLASS);
    let requests = spec
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref());
    let size = requests.and_then(|requests| requests.get("storage"));
    let (true, None, Some(size)) = (ours, &claim.metadata.deletion_timestamp, size) else {
        return Need::Nothing;
    };
    let status = claim.status.as_ref();
    let bound = status.and_then(|status| status.phase.as_deref()) == Some("Bound");
    let has = status
        .and_then(|status| status.capacity.as_ref())
        .and_then(|c| c.get("storage"));
    match (&spec.volume_name, has) {
        (None, _) => Need::Volume {
            size: size.0.clone(),
        },
        (Some(volume), Some(has)) if bound && has != size => Need::Growth {
            volume: volume.clone(),
            size: size.0.clone(),
        },
        _ => Need::Nothing,
    }
}

pub(crate) fn persistent_volume(
    name: &str,
    claim: &PersistentVolumeClaim,
    size: &str,
    folder: &Path,
) -> Value {
    let modes = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.access_modes.as_ref());
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": modes,
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": folder, "type": "Directory"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(),
                "name": claim.name_any(),
                "uid": claim.uid(),
            },
        },
    })
}

/// Ours, with its claim gone, to be deleted (a user may have said `Retain`), and not deleted yet.
pub(crate) fn is_released(volume: &PersistentVolume) -> bool {
    let phase = volume
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let policy = volume
        .spec
        .as_ref()
        .and_then(|s| s.persistent_volume_reclaim_policy.as_deref());
    volume
        .annotations()
        .get(PROVISIONED_BY)
        .is_some_and(|by| by == PROVISIONER)
        && volume.name_any().starts_with("rig-")
        && policy == Some("Delete")
        && phase == Some("Released")
        && volume.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(class: &str, volume: Option<&str>, has: Option<&str>) -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "data-0", "namespace": "n", "uid": "u-1"},
            "spec": {
                "storageClassName": class,
                "volumeName": volume,
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "2Gi"}},
            },
            "status": {
                "phase": if volume.is_some() { "Bound" } else { "Pending" },
                "capacity": has.map(|size| json!({"storage": size})),
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_pending_claim_of_our_class_needs_a_volume() {
        let size = "2Gi".to_owned();
        assert_eq!(need(&claim("rig", None, None)), Need::Volume { size });
        assert_eq!(need(&claim("other", None, None)), Need::Nothing);
    }

    #[test]
    fn a_bound_claim_needs_something_only_when_it_asks_for_another_size() {
        assert_eq!(need(&claim("rig", Some("v"), Some("2Gi"))), Need::Nothing);
        let (volume, size) = ("v".to_owned(), "2Gi".to_owned());
        assert_eq!(
            need(&claim("rig", Some("v"), Some("1Gi"))),
            Need::Growth { volume, size }
        );
    }

    #[test]
    fn a_volume_is_bound_to_its_claim_from_the_start() {
        let made = persistent_volume("rig-u-1", &claim("rig", None, None), "2Gi", Path::new("/v"));
        let volume: PersistentVolume = serde_json::from_value(made).unwrap();
        let reference = volume.spec.unwrap().claim_ref.unwrap();
        assert_eq!(reference.uid.as_deref(), Some("u-1"));
    }

    #[test]
    fn only_released_volumes_of_ours_are_removed() {
        let volume = |by: &str, phase: &str, policy: &str| -> PersistentVolume {
            serde_json::from_value(json!({
                "metadata": {"name": "rig-u-1", "annotations": {PROVISIONED_BY: by}},
                "spec": {"persistentVolumeReclaimPolicy": policy},
                "status": {"phase": phase},
            }))
            .unwrap()
        };
        assert!(is_released(&volume(PROVISIONER, "Released", "Delete")));
        assert!(!is_released(&volume(PROVISIONER, "Bound", "Delete")));
        assert!(!is_released(&volume(PROVISIONER, "Released", "Retain")));
        assert!(!is_released(&volume("somebody", "Released", "Delete")));
    }
}
