//! The StatefulSet and its claims.

use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use std::collections::BTreeMap;

use super::meta::metadata;
use super::pod;
use crate::instance::Instance;

/// The StatefulSet. `OnDelete`: a changed template alone restarts nobody.
pub fn stateful_set(instance: &Instance, roll_hash: &str) -> StatefulSet {
    StatefulSet {
        metadata: metadata(instance, instance.name.clone()),
        spec: Some(StatefulSetSpec {
            replicas: Some(instance.spec.replicas),
            selector: LabelSelector {
                match_labels: Some(labels::selector(&instance.name)),
                ..LabelSelector::default()
            },
            service_name: Some(names::headless_service(&instance.name)),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                rolling_update: None,
            }),
            persistent_volume_claim_retention_policy: Some(
                StatefulSetPersistentVolumeClaimRetentionPolicy {
                    when_deleted: Some("Retain".to_owned()),
                    when_scaled: Some("Retain".to_owned()),
                },
            ),
            volume_claim_templates: Some(claims(instance)),
            template: PodTemplateSpec {
                metadata: Some(pod_metadata(instance, roll_hash)),
                spec: Some(pod::pod(instance)),
            },
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// The user's labels and annotations, and ours on top: selectors and the roll hang on them.
fn pod_metadata(instance: &Instance, roll_hash: &str) -> ObjectMeta {
    let settings = &instance.spec.pod;
    let mut labels = settings.labels.clone();
    labels.extend(labels::of_instance(&instance.name));
    let mut annotations = settings.annotations.clone();
    annotations.insert(labels::ROLL_HASH.to_owned(), roll_hash.to_owned());
    ObjectMeta {
        labels: Some(labels),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    }
}

fn claims(instance: &Instance) -> Vec<PersistentVolumeClaim> {
    let storage = &instance.spec.storage;
    let mut claims = vec![claim(
        instance,
        names::METADATA_CLAIM,
        &storage.metadata_size,
    )];
    if let Some(size) = &storage.content_size {
        claims.push(claim(instance, names::CONTENT_CLAIM, size));
    }
    claims.push(claim(
        instance,
        names::CONTROL_PLANE_CLAIM,
        &storage.control_plane_size,
    ));
    claims
}

fn claim(instance: &Instance, name: &str, size: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: instance.spec.storage.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    Quantity(size.to_owned()),
                )])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
