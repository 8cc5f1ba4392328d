//! The StatefulSet, whose volumeClaimTemplates are immutable.
//!
//! When they have to change, the StatefulSet is deleted without its pod and claims, and the next reconcile recreates
//! it. The pod keeps running, and the new StatefulSet adopts it. Whatever happens in between, a missing StatefulSet
//! is created. This is done for sizes, and for owners where necessary. Labels and annotations are added to the claims
//! later.

use dittofs_shared::quantity;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Resource as _, ResourceExt as _};
use std::collections::{BTreeMap, BTreeSet};

use super::difference::differences;
use super::overruled;
use super::request::{Delete, Put, Written};
use super::write::Writer;
use crate::cache::Cache;
use dittofs_operator_core::generation::is_observed;
use dittofs_operator_core::instance::Claim;
use dittofs_operator_core::outcome::{Change, Failure};

const RETAIN: &str = "Retain";

/// What is next for a StatefulSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It can be applied as desired.
    Apply,
    /// Claims would be deleted with it: they must be released first.
    Release,
    /// It must be recreated with other claim templates, and no claim would be deleted with it.
    Recreate,
    /// It is terminating: the next one is created once it has been deleted.
    Wait,
}

/// What came of writing the StatefulSet.
#[derive(Debug, Default)]
pub struct StatefulSetWritten {
    /// How it changed, if it did.
    pub change: Option<Change>,
    /// Whether the next pod would differ from one of the StatefulSet before.
    pub template_changed: bool,
    /// Whether it is no longer what was seen, so that nothing was done.
    pub is_overtaken: bool,
}

impl Writer<'_> {
    /// Applies the StatefulSet, or does the next step towards other claim templates.
    pub async fn put_stateful_set(
        &self,
        cache: &Cache<StatefulSet>,
        desired: &StatefulSet,
    ) -> Result<StatefulSetWritten, Failure> {
        let put = Put::new(cache, desired);
        let Some(live) = self.live(&put)? else {
            return self.put_template(cache, None, desired).await;
        };
        // A policy has rewritten the claim templates, and would rewrite those of a recreated StatefulSet, too.
        if overruled::holds(&put, &*live) {
            return self.put_template(cache, Some(&live), desired).await;
        }
        let instance = self.instance;
        match step(&live, desired, &instance.claims, &instance.owner.uid) {
            Step::Apply => {
                let sent = with_live_templates(&live, desired);
                self.put_template(cache, Some(&live), &sent).await
            }
            Step::Release => {
                let sent = meanwhile(&live, desired);
                self.put_template(cache, Some(&live), &sent).await
            }
            Step::Wait => Ok(StatefulSetWritten::default()),
            Step::Recreate => match self.orphan(cache, &live).await {
                Err(failure) if failure.error.is_conflict() => Ok(StatefulSetWritten {
                    is_overtaken: true,
                    ..StatefulSetWritten::default()
                }),
                Err(failure) => {
                    let meanwhile = meanwhile(&live, desired);
                    self.put(Put::new(cache, &meanwhile)).await?;
                    Err(failure)
                }
                Ok(change) => Ok(StatefulSetWritten {
                    change,
                    template_changed: true,
                    ..StatefulSetWritten::default()
                }),
            },
        }
    }

    /// Sends the live claim templates: they are immutable, and a policy may have added to them at creation.
    async fn put_template(
        &self,
        cache: &Cache<StatefulSet>,
        live: Option<&StatefulSet>,
        desired: &StatefulSet,
    ) -> Result<StatefulSetWritten, Failure> {
        let put = Put::new(cache, desired).adjusted(keep_claim_templates);
        let Some(Written { now, change }) = self.write(&put).await? else {
            return Ok(StatefulSetWritten::default());
        };
        let template = |set: &StatefulSet| set.spec.as_ref().map(|spec| spec.template.clone());
        Ok(StatefulSetWritten {
            change,
            template_changed: live.and_then(template) != template(&now),
            ..StatefulSetWritten::default()
        })
    }

    /// Deletes a StatefulSet without its pod and claims, if it is still what was seen.
    async fn orphan(
        &self,
        cache: &Cache<StatefulSet>,
        seen: &StatefulSet,
    ) -> Result<Option<Change>, Failure> {
        const WHY: &str = "recreated because its volumeClaimTemplates change; its pod and PersistentVolumeClaims are kept";
        self.delete(Delete::new(cache, seen, WHY).orphan()).await
    }
}

fn step(live: &StatefulSet, desired: &StatefulSet, claims: &[Claim], server: &str) -> Step {
    if live.meta().deletion_timestamp.is_some() {
        return Step::Wait;
    }
    if same_sizes(live, desired) && !creates_wrong_owners(live, desired, claims, server) {
        return Step::Apply;
    }
    let uid = live.uid();
    let would_take_claims = when_deleted(live) != Some(RETAIN)
        || !is_observed(live)
        || claims.iter().any(|claim| claim.is_owned_by(uid.as_deref()));
    if would_take_claims {
        Step::Release
    } else {
        Step::Recreate
    }
}

fn when_deleted(stateful_set: &StatefulSet) -> Option<&str> {
    let policy = stateful_set
        .spec
        .as_ref()?
        .persistent_volume_claim_retention_policy
        .as_ref();
    policy?.when_deleted.as_deref()
}

fn templates(stateful_set: &StatefulSet) -> &[PersistentVolumeClaim] {
    let spec = stateful_set.spec.as_ref();
    spec.and_then(|spec| spec.volume_claim_templates.as_deref())
        .unwrap_or_default()
}

/// Sizes by name: a difference always means that the StatefulSet is recreated.
fn sizes(stateful_set: &StatefulSet) -> BTreeMap<String, String> {
    let size = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref()?.resources.as_ref()?;
        Some(resources.requests.as_ref()?.get("storage")?.0.clone())
    };
    templates(stateful_set)
        .iter()
        .map(|claim| (claim.name_any(), size(claim).unwrap_or_default()))
        .collect()
}

fn same_sizes(live: &StatefulSet, desired: &StatefulSet) -> bool {
    let (live, desired) = (sizes(live), sizes(desired));
    live.keys().eq(desired.keys())
        && live
            .values()
            .zip(desired.values())
            .all(|(live, desired)| quantity::same(live, desired))
}

/// Uids of the owners that claims are created with.
fn owners(stateful_set: &StatefulSet) -> BTreeSet<&str> {
    let owners = templates(stateful_set)
        .iter()
        .flat_map(kube::ResourceExt::owner_references);
    owners.map(|owner| owner.uid.as_str()).collect()
}

/// Whether the next claim would be created with a wrong owner. While every claim exists, another retention policy
/// changes the claims alone: recreating a StatefulSet leaves its pod without an owner for a moment, and a
/// `DittoServer` that is deleted just then would leave the pod behind.
fn creates_wrong_owners(
    live: &StatefulSet,
    desired: &StatefulSet,
    claims: &[Claim],
    server: &str,
) -> bool {
    let is_missing = |claim: &Claim| claim.found.is_none() || claim.is_terminating();
    let names_another = || owners(live).iter().any(|uid| *uid != server);
    owners(live) != owners(desired) && (claims.iter().any(is_missing) || names_another())
}

/// The desired StatefulSet, with the live claim templates where no size differs.
fn with_live_templates(live: &StatefulSet, desired: &StatefulSet) -> StatefulSet {
    let mut sent = desired.clone();
    let of = |set| serde_json::to_value(templates(set)).unwrap_or_default();
    if let (Some(spec), Some(live_spec)) = (&mut sent.spec, &live.spec)
        && (!differences(&of(live), &of(desired)).is_empty() || owners(live) != owners(desired))
    {
        spec.volume_claim_templates
            .clone_from(&live_spec.volume_claim_templates);
    }
    sent
}

fn keep_claim_templates(live: &StatefulSet, sent: &mut StatefulSet) {
    if let (Some(live), Some(sent)) = (&live.spec, &mut sent.spec) {
        let templates = &live.volume_claim_templates;
        sent.volume_claim_templates.clone_from(templates);
    }
}

/// As much of the desired StatefulSet as the live one can become. A pod that is created meanwhile mounts only volumes
/// that have a claim.
fn meanwhile(live: &StatefulSet, desired: &StatefulSet) -> StatefulSet {
    let mut sent = desired.clone();
    if let (Some(spec), Some(live_spec)) = (&mut sent.spec, &live.spec) {
        if !sizes(live).keys().eq(sizes(desired).keys()) {
            spec.template = live_spec.template.clone();
        }
        spec.volume_claim_templates
            .clone_from(&live_spec.volume_claim_templates);
    }
    sent
}

#[cfg(test)]
mod tests;
