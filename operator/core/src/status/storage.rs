//! Whether the volumes exist and are as large as requested.

use dittofs_shared::crd::{RetentionPolicy, VolumeStatus};
use k8s_openapi::api::core::v1::PersistentVolumeClaimCondition;

use super::{Finding, Reason, View, node, pod, server};
use crate::generation::is_observed;
use crate::instance::Claim;
use crate::outcome::Failure;
use crate::warnings;

/// What is wrong with a claim, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Problem {
    CannotGrow,
    Lost,
    Terminating,
    OwnerRefused,
    Missing,
    Unbound,
    Growing,
    Pending,
}

impl Problem {
    fn finding(self, message: String) -> Finding {
        match self {
            Self::CannotGrow => Finding::no(Reason::CannotGrow, message),
            Self::Lost => Finding::no(Reason::ClaimLost, message),
            Self::Terminating => Finding::no(Reason::ClaimTerminating, message),
            Self::OwnerRefused => Finding::no(Reason::OwnerRefused, message),
            Self::Missing => Finding::no(Reason::ClaimMissing, message),
            Self::Unbound => Finding::no(Reason::ClaimPending, message),
            Self::Growing => Finding::no(Reason::Growing, message),
            Self::Pending => Finding::unknown(Reason::Pending, message),
        }
    }
}

/// Condition `StorageReady`: the most severe problem, if there is any.
pub(super) fn ready(view: &View<'_>) -> Finding {
    if let Some((problem, message)) = worst(view) {
        return problem.finding(message);
    }
    let claims = view.instance.claims.iter();
    let sizes: Vec<_> = claims
        .map(|claim| format!("{} {}", claim.template, claim.desired))
        .collect();
    let sizes = sizes.join(", ");
    Finding::yes(
        Reason::VolumesReady,
        format!("every volume has at least the requested size: {sizes}"),
    )
}

/// Whether a claim is why the pod does not run. Otherwise it is a consequence of that, such as a claim that is bound once
/// the pod has a node, or has nothing to do with it.
pub(super) fn keeps_pod_from_running(view: &View<'_>) -> bool {
    match worst(view) {
        Some((Problem::Lost | Problem::Terminating, _)) => true,
        Some((Problem::Missing, _)) => view.pod.is_none(),
        Some((Problem::Unbound, _)) => !node::is_missing(view),
        _ => false,
    }
}

/// The finding while a volume is being expanded and nothing is worse than that.
pub(super) fn growing(view: &View<'_>) -> Option<Finding> {
    let (problem, message) = worst(view)?;
    (problem == Problem::Growing).then(|| problem.finding(message))
}

fn worst(view: &View<'_>) -> Option<(Problem, String)> {
    let claims = view.instance.claims.iter();
    let found = claims.filter_map(|claim| of(view, claim));
    found.min_by_key(|(problem, _)| *problem)
}

/// The volumes that exist.
pub(super) fn volumes(view: &View<'_>) -> Vec<VolumeStatus> {
    let claims = view.instance.claims.iter();
    let existing = claims.filter(|claim| claim.found.is_some());
    existing
        .map(|claim| VolumeStatus {
            name: claim.template.to_owned(),
            claim: claim.name.clone(),
            capacity: claim.capacity().map(ToOwned::to_owned),
        })
        .collect()
}

/// What is wrong with a claim.
fn of(view: &View<'_>, claim: &Claim) -> Option<(Problem, String)> {
    let name = &claim.name;
    if let Some(failure) = refusal(view.refused_growth, claim) {
        return Some((Problem::CannotGrow, cannot_grow(claim, failure)));
    }
    if claim.found.is_none() {
        return Some(missing(view, claim));
    }
    if claim.is_terminating() {
        let message = format!(
            "PersistentVolumeClaim {name} is being deleted, and its data is lost as soon as no pod uses it: back it up, then delete \
             the pod. An empty claim is created in its place"
        );
        return Some((Problem::Terminating, message));
    }
    if let Some(failure) = refusal(view.refused_owners, claim) {
        return Some((Problem::OwnerRefused, owner_refused(view, claim, failure)));
    }
    let phase = claim.status().and_then(|status| status.phase.as_deref());
    match phase {
        Some("Bound") => claim
            .is_too_small()
            .then(|| (Problem::Growing, expansion(view, claim))),
        Some("Lost") => {
            let message = format!(
                "PersistentVolumeClaim {name} has lost its volume: restore the PersistentVolume, or delete the claim and restore a \
                 backup"
            );
            Some((Problem::Lost, message))
        }
        _ => Some((Problem::Unbound, unbound(view, claim))),
    }
}

fn refusal<'a>(refused: &'a [Failure], claim: &Claim) -> Option<&'a Failure> {
    refused.iter().find(|failure| failure.name == claim.name)
}

fn missing(view: &View<'_>, claim: &Claim) -> (Problem, String) {
    let name = &claim.name;
    let is_observed = view.stateful_set.is_some_and(is_observed);
    if !is_observed || server::is_stopped(view) {
        let message = format!("PersistentVolumeClaim {name} is created when the server starts");
        return (Problem::Pending, message);
    }
    let message =
        format!("PersistentVolumeClaim {name} does not exist: it is created with the next pod");
    (Problem::Missing, message)
}

fn unbound(view: &View<'_>, claim: &Claim) -> String {
    let spec = claim.found.as_ref().and_then(|found| found.spec.as_ref());
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
    let waits_for = match class {
        Some(class) => format!("StorageClass {class} has not provisioned a volume yet"),
        None => "it has no StorageClass, and the cluster has no default one".to_owned(),
    };
    let (name, namespace) = (&claim.name, &view.instance.namespace);
    let why = reported(claim)
        .or_else(|| warned(view, claim))
        .or_else(|| waits_for_pod(view))
        .unwrap_or_else(|| format!("Run `kubectl describe pvc {name} -n {namespace}` to see why"));
    format!("PersistentVolumeClaim {name} is not bound: {waits_for}. {why}")
}

fn expansion(view: &View<'_>, claim: &Claim) -> String {
    let has = claim.capacity().unwrap_or("an unknown size");
    let next = match conditions(claim).find(|condition| condition.status == "True") {
        Some(condition) if condition.type_ == "FileSystemResizePending" => {
            "the volume is larger already, and the node expands the file system while the pod uses it"
                .to_owned()
        }
        _ if claim.must_grow() => "the new size is being requested".to_owned(),
        _ => reported(claim)
            .or_else(|| warned(view, claim))
            .unwrap_or_else(|| "the storage driver expands it".to_owned()),
    };
    format!(
        "volume {} is being expanded from {has} to {}: {next}. The server keeps running",
        claim.template, claim.desired
    )
}

fn cannot_grow(claim: &Claim, failure: &Failure) -> String {
    let has = claim.requested().unwrap_or("its size");
    format!(
        "PersistentVolumeClaim {} cannot be expanded from {has} to {}: {}. Set allowVolumeExpansion in its StorageClass (the operator \
         retries at least every 10 minutes), or set spec.storage.{} back to {has}. Everything else is still reconciled",
        claim.name,
        claim.desired,
        failure.error.message(),
        claim.field
    )
}

/// The refusal comes from an admission plugin that not every cluster has.
fn owner_refused(view: &View<'_>, claim: &Claim, failure: &Failure) -> String {
    let name = &claim.name;
    let namespace = &view.instance.namespace;
    let consequence = match view.instance.spec.storage.retention_policy {
        RetentionPolicy::Retain => format!(
            "PersistentVolumeClaim {name} would be deleted with the DittoServer, although spec.storage.retentionPolicy is Retain: \
             remove the DittoServer from its ownerReferences with `kubectl edit pvc {name} -n {namespace}`"
        ),
        RetentionPolicy::Delete => format!(
            "PersistentVolumeClaim {name} would be kept when the DittoServer is deleted, although spec.storage.retentionPolicy is \
             Delete: delete it afterwards with `kubectl delete pvc {name} -n {namespace}`"
        ),
    };
    format!(
        "{consequence}, or grant the operator the right to delete PersistentVolumeClaims (it retries at least every 10 minutes). The \
         API server refused to change the owners: {}",
        failure.error.message()
    )
}

fn conditions(claim: &Claim) -> impl Iterator<Item = &PersistentVolumeClaimCondition> {
    let status = claim.status().into_iter();
    status.flat_map(|status| status.conditions.iter().flatten())
}

/// What an Event says of a claim.
fn warned(view: &View<'_>, claim: &Claim) -> Option<String> {
    let said = warnings::cause(view.warnings, "PersistentVolumeClaim", &claim.name)?.said();
    let advice = if said.contains("storageclass.storage.k8s.io") && said.ends_with("not found") {
        ". Create that StorageClass. To use another one, delete the DittoServer and this claim, and create it again"
    } else {
        ""
    };
    Some(format!("{said}{advice}"))
}

/// Some StorageClasses provision a volume once the pod has a node.
fn waits_for_pod(view: &View<'_>) -> Option<String> {
    let said = pod::scheduler_said(view.pod?.status.as_ref()?)?;
    let is_cause = !said.contains("PersistentVolumeClaim") && !said.contains("volume");
    is_cause.then(|| format!("It may wait for the pod, which cannot be scheduled: {said}"))
}

/// The claims that Events may tell more about: no volume is bound to them, or theirs does not grow.
pub(super) fn unexplained<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Claim> {
    let claims = view.instance.claims.iter();
    claims.filter(|claim| {
        let is_grown = claim.is_bound() && !claim.is_too_small();
        let is_silent = !is_grown && reported(claim).is_none();
        claim.found.is_some() && !claim.is_terminating() && is_silent
    })
}

/// What the storage driver has reported last.
fn reported(claim: &Claim) -> Option<String> {
    let reported = conditions(claim).filter_map(|condition| condition.message.as_deref());
    let last = reported.filter(|message| !message.is_empty()).last()?;
    Some(last.trim_end_matches('.').to_owned())
}
