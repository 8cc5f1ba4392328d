use super::*;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};
use std::sync::Arc;

fn stateful_set(sizes: &[(&str, &str)], when_deleted: &str) -> StatefulSet {
    let template = |(name, size): &(&str, &str)| {
        json!({
            "metadata": {"name": name},
            "spec": {"resources": {"requests": {"storage": size}}},
        })
    };
    let templates: Vec<Value> = sizes.iter().map(template).collect();
    serde_json::from_value(json!({
        "metadata": {"name": "files", "uid": "u", "generation": 1},
        "spec": {
            "selector": {},
            "template": {"metadata": {"labels": {"of": when_deleted}}},
            "volumeClaimTemplates": templates,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted},
        },
        "status": {"replicas": 1, "observedGeneration": 1},
    }))
    .unwrap()
}

fn owned_by(stateful_set: &StatefulSet, uid: &str) -> StatefulSet {
    let mut changed = stateful_set.clone();
    let owner = json!({"apiVersion": "v1", "kind": "DittoServer", "name": "files", "uid": uid});
    let owner: OwnerReference = serde_json::from_value(owner).unwrap();
    let templates = changed
        .spec
        .as_mut()
        .unwrap()
        .volume_claim_templates
        .as_mut();
    for template in templates.unwrap() {
        template.metadata.owner_references = Some(vec![owner.clone()]);
    }
    changed
}

#[test]
fn claim_templates_that_differ_in_no_size_are_kept() {
    let live = stateful_set(&[("metadata", "1Gi")], "Retain");
    let mut desired = stateful_set(&[("metadata", "1024Mi")], "Retain");
    let templates = |set: &StatefulSet| set.spec.clone().unwrap().volume_claim_templates;
    assert_eq!(
        templates(&with_live_templates(&live, &desired)),
        templates(&desired)
    );
    let mut spec = desired.spec.take().unwrap();
    for template in spec.volume_claim_templates.as_mut().unwrap() {
        template.labels_mut().insert("a".to_owned(), "b".to_owned());
    }
    spec.replicas = Some(0);
    desired.spec = Some(spec);
    let sent = with_live_templates(&live, &desired);
    assert_eq!(templates(&sent), templates(&live));
    assert_eq!(sent.spec.unwrap().replicas, Some(0));
    let owned = owned_by(&live, "server");
    for (live, desired) in [(&owned, &live), (&live, &owned)] {
        assert_eq!(
            templates(&with_live_templates(live, desired)),
            templates(live)
        );
    }
}

fn claim(owner: &str) -> Claim {
    let found = json!({"metadata": {"ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "files", "uid": owner},
    ]}});
    Claim {
        template: "metadata",
        field: "metadataSize",
        name: "metadata-files-0".to_owned(),
        desired: "1Gi".to_owned(),
        found: Some(Arc::new(serde_json::from_value(found).unwrap())),
    }
}

#[test]
fn a_stateful_set_is_recreated_only_when_no_claim_would_be_deleted_with_it() {
    let small = stateful_set(&[("metadata", "1Gi")], "Retain");
    let large = stateful_set(&[("metadata", "2Gi")], "Retain");
    let more = stateful_set(&[("content", "1Gi"), ("metadata", "1Gi")], "Retain");
    let same = stateful_set(&[("metadata", "1024Mi")], "Delete");
    let owned = owned_by(&small, "server");
    let former = owned_by(&small, "former");
    let mut labelled = small.clone();
    for template in labelled
        .spec
        .as_mut()
        .unwrap()
        .volume_claim_templates
        .as_mut()
        .unwrap()
    {
        template.labels_mut().insert("a".to_owned(), "b".to_owned());
    }
    let mut leaving = small.clone();
    leaving.metadata.deletion_timestamp = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
    );
    let mut unseen = small.clone();
    unseen.metadata.generation = Some(2);
    let [free, held] = [vec![claim("another")], vec![claim("another"), claim("u")]];
    let missing = vec![Claim {
        found: None,
        ..claim("")
    }];
    for (live, desired, claims, expected) in [
        (&small, &small, &held, Step::Apply),
        (&small, &same, &held, Step::Apply),
        (&small, &large, &free, Step::Recreate),
        (&small, &more, &free, Step::Recreate),
        (&large, &small, &free, Step::Recreate),
        (&small, &owned, &free, Step::Apply),
        (&owned, &small, &free, Step::Apply),
        (&small, &owned, &missing, Step::Recreate),
        (&owned, &small, &missing, Step::Recreate),
        (&owned, &owned, &missing, Step::Apply),
        (&former, &owned, &free, Step::Recreate),
        (&former, &small, &free, Step::Recreate),
        (&former, &owned, &held, Step::Release),
        (&owned, &owned, &free, Step::Apply),
        (&small, &labelled, &free, Step::Apply),
        (&same, &owned, &free, Step::Apply),
        (&same, &owned, &missing, Step::Release),
        (&small, &large, &held, Step::Release),
        (&same, &large, &free, Step::Release),
        (&unseen, &large, &free, Step::Release),
        (&leaving, &large, &free, Step::Wait),
        (&leaving, &small, &free, Step::Wait),
    ] {
        assert_eq!(
            step(live, desired, claims, "server"),
            expected,
            "{live:?} {desired:?}"
        );
    }
}

#[test]
fn meanwhile_only_claims_that_exist_are_mounted_and_none_is_deleted_with_the_stateful_set() {
    let live = stateful_set(&[("metadata", "1Gi")], "Delete");
    let mut larger = stateful_set(&[("metadata", "2Gi")], "Retain");
    let mut more = stateful_set(&[("content", "1Gi"), ("metadata", "1Gi")], "Retain");
    for desired in [&mut larger, &mut more] {
        let spec = desired.spec.as_mut().unwrap();
        spec.template.metadata = None;
        spec.replicas = Some(0);
    }
    let of = |desired: &StatefulSet| meanwhile(&live, desired);
    for sent in [of(&larger), of(&more)] {
        assert!(same_sizes(&sent, &live));
        assert_eq!(when_deleted(&sent), Some(RETAIN));
        assert_eq!(sent.spec.unwrap().replicas, Some(0));
    }
    assert_eq!(of(&larger).spec.unwrap().template.metadata, None);
    assert!(of(&more).spec.unwrap().template.metadata.is_some());
}
