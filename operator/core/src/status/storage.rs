//! Whether the volumes are there, and as large as asked.

use dittofs_shared::crd::{RetentionPolicy, VolumeStatus};
use k8s_openapi::api::core::v1::PersistentVolumeClaimCondition;

use super::{Finding, View};
use crate::instance::Claim;
use crate::outcome::Failure;

/// How grave a finding is: the gravest is told.
const ORDER: [&str; 8] = [
    "CannotGrow",
    "ClaimLost",
    "ClaimLeaving",
    "OwnerRefused",
    "ClaimMissing",
    "ClaimPending",
    "Growing",
    "NotMadeYet",
];

pub(super) fn ready(view: &View<'_>) -> Finding {
    let claims = &view.instance.claims;
    let found = claims.iter().filter_map(|claim| of(view, claim));
    let gravity = |finding: &Finding| {
        let reasons = ORDER.iter();
        reasons
            .take_while(|reason| **reason != finding.reason)
            .count()
    };
    found.min_by_key(gravity).unwrap_or_else(|| {
        let sizes: Vec<_> = claims
            .iter()
            .map(|claim| format!("{} {}", claim.template, claim.asked))
            .collect();
        Finding::yes(
            "VolumesReady",
            format!(
                "every volume is at least as large as asked: {}",
                sizes.join(", ")
            ),
        )
    })
}

/// The volumes that there are.
pub(super) fn volumes(view: &View<'_>) -> Vec<VolumeStatus> {
    let claims = view.instance.claims.iter();
    let made = claims.filter(|claim| claim.found.is_some());
    made.map(|claim| VolumeStatus {
        name: claim.template.to_owned(),
        claim: claim.name.clone(),
        capacity: claim.capacity().map(ToOwned::to_owned),
    })
    .collect()
}

/// What is wrong with a claim.
fn of(view: &View<'_>, claim: &Claim) -> Option<Finding> {
    let name = &claim.name;
    if let Some(failure) = refusal(view.refused_growth, claim) {
        return Some(Finding::no("CannotGrow", cannot_grow(claim, failure)));
    }
    if claim.found.is_none() {
        return Some(missing(view, claim));
    }
    if claim.is_terminating() {
        return Some(Finding::no(
            "ClaimLeaving",
            format!(
                "claim {name} is being deleted, and goes with all its files as soon as no pod uses it: make a backup, then delete \
                 the pod, and an empty one is made in its place"
            ),
        ));
    }
    if let Some(failure) = refusal(view.refused_owners, claim) {
        return Some(Finding::no(
            "OwnerRefused",
            owner_refused(view, claim, failure),
        ));
    }
    let phase = claim.status().and_then(|status| status.phase.as_deref());
    match phase {
        Some("Bound") => claim
            .is_too_small()
            .then(|| Finding::no("Growing", growing(claim))),
        Some("Lost") => Some(Finding::no(
            "ClaimLost",
            format!(
                "claim {name} has lost its volume: restore the PersistentVolume, or delete the claim and restore a backup"
            ),
        )),
        _ => Some(Finding::no("ClaimPending", pending(claim))),
    }
}

fn refusal<'a>(refused: &'a [Failure], claim: &Claim) -> Option<&'a Failure> {
    refused.iter().find(|failure| failure.name == claim.name)
}

fn missing(view: &View<'_>, claim: &Claim) -> Finding {
    let name = &claim.name;
    let made = view.stateful_set.is_some_and(|set| {
        set.status
            .as_ref()
            .and_then(|status| status.observed_generation)
            == set.metadata.generation
    });
    if !made || view.instance.spec.replicas == 0 {
        return Finding::unknown(
            "NotMadeYet",
            format!("claim {name} is made when the server starts"),
        );
    }
    Finding::no(
        "ClaimMissing",
        format!("claim {name} does not exist: it is made with the next pod"),
    )
}

fn pending(claim: &Claim) -> String {
    let spec = claim.found.as_ref().and_then(|found| found.spec.as_ref());
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
    let waits_for = match class {
        Some(class) => format!("StorageClass {class} has given it no volume yet"),
        None => "it names no StorageClass, and the cluster has no default one".to_owned(),
    };
    let said =
        said(claim).unwrap_or_else(|| format!("`kubectl describe pvc {}` tells why", claim.name));
    format!("claim {} waits: {waits_for}. {said}", claim.name)
}

fn growing(claim: &Claim) -> String {
    let has = claim.capacity().unwrap_or("an unknown size");
    let next = match conditions(claim).find(|condition| condition.status == "True") {
        Some(condition) if condition.type_ == "FileSystemResizePending" => {
            "the volume is larger already, and the node grows the file system while the pod uses it"
                .to_owned()
        }
        _ if claim.must_grow() => "it is asked for more".to_owned(),
        _ => said(claim).unwrap_or_else(|| "its storage driver enlarges the volume".to_owned()),
    };
    format!(
        "volume {} grows from {has} to {}: {next}. The server goes on meanwhile",
        claim.template, claim.asked
    )
}

fn cannot_grow(claim: &Claim, failure: &Failure) -> String {
    let has = claim.requested().unwrap_or("its size");
    format!(
        "claim {} cannot grow from {has} to {}: {}. Let its StorageClass allow it (allowVolumeExpansion), which is tried again at \
         least every 10 minutes, or set spec.storage.{} back to {has}. All else is kept up meanwhile",
        claim.name,
        claim.asked,
        failure.error.message(),
        claim.field
    )
}

/// What the API server says of an owner comes from an admission plugin that not every cluster has.
fn owner_refused(view: &View<'_>, claim: &Claim, failure: &Failure) -> String {
    let name = &claim.name;
    let namespace = &view.instance.namespace;
    let fate = match view.instance.spec.storage.retention_policy {
        RetentionPolicy::Retain => format!(
            "claim {name} would be deleted with the DittoServer, although spec.storage.retentionPolicy is Retain: take the \
             DittoServer off its owners with `kubectl edit pvc {name} -n {namespace}`"
        ),
        RetentionPolicy::Delete => format!(
            "claim {name} would stay when the DittoServer is deleted, although spec.storage.retentionPolicy is Delete: delete it \
             then with `kubectl delete pvc {name} -n {namespace}`"
        ),
    };
    format!(
        "{fate}, or let the operator delete PersistentVolumeClaims, which is tried again at least every 10 minutes. The API server \
         does not let it change the owners: {}",
        failure.error.message()
    )
}

fn conditions(claim: &Claim) -> impl Iterator<Item = &PersistentVolumeClaimCondition> {
    let status = claim.status().into_iter();
    status.flat_map(|status| status.conditions.iter().flatten())
}

/// The last word of whoever provides the volume.
fn said(claim: &Claim) -> Option<String> {
    let said = conditions(claim).filter_map(|condition| condition.message.as_deref());
    let last = said.filter(|message| !message.is_empty()).last()?;
    Some(last.trim_end_matches('.').to_owned())
}
