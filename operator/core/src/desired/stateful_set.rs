//! The StatefulSet and its claims.

use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::claims::{of_size, template_metadata};
use super::meta::metadata;
use super::pod;
use crate::instance::{Claim, Instance};
use crate::renewal;
use crate::roll::Hashes;
use std::collections::BTreeMap;

/// The StatefulSet. `OnDelete`: a changed template alone restarts no server.
pub fn stateful_set(
    instance: &Instance,
    hashes: &Hashes,
    config: &str,
    contract: &str,
) -> StatefulSet {
    let sidecar = renewal::choose(&instance.sidecar, contract);
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
                    // Claims are deleted with the DittoServer or not at all, because a StatefulSet may be deleted for
                    // other reasons.
                    when_deleted: Some("Retain".to_owned()),
                    when_scaled: Some("Retain".to_owned()),
                },
            ),
            volume_claim_templates: Some(claims(instance)),
            template: PodTemplateSpec {
                metadata: Some(pod_metadata(
                    instance,
                    hashes,
                    sidecar.annotations(contract),
                )),
                spec: Some(pod::pod(instance, &sidecar.image, config)),
            },
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// The user's labels and annotations. Ours win, because selectors and restarts depend on them.
fn pod_metadata(
    instance: &Instance,
    hashes: &Hashes,
    of_sidecar: BTreeMap<String, String>,
) -> ObjectMeta {
    let settings = &instance.spec.pod;
    let mut labels = settings.labels.clone();
    labels.extend(labels::of_instance(&instance.name));
    let mut annotations = settings.annotations.clone();
    for (key, hash) in [
        (labels::ROLL_HASH, &hashes.first_form),
        (labels::ROLL_INPUTS, &hashes.inputs),
    ] {
        annotations.insert(key.to_owned(), hash.clone());
    }
    annotations.extend(of_sidecar);
    ObjectMeta {
        labels: Some(labels),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    }
}

fn claims(instance: &Instance) -> Vec<PersistentVolumeClaim> {
    let claims = instance.claims.iter();
    claims.map(|claim| template(instance, claim)).collect()
}

fn template(instance: &Instance, claim: &Claim) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: template_metadata(instance, claim.template),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: instance.spec.storage.storage_class_name.clone(),
            resources: Some(of_size(&claim.desired)),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
