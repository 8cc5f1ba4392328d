//! The StatefulSet, whose claim templates cannot be changed.
//!
//! When they have to, the StatefulSet is deleted without its pod and claims, and the next look makes it again. The pod
//! runs all the while, and the new StatefulSet adopts it. Whatever happens between the two: a StatefulSet that is not
//! there is made. It is done for sizes, and for owners where it must be. Labels and annotations are given to claims later.

use dittofs_shared::quantity;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use kube::runtime::reflector::Store;
use kube::{Resource as _, ResourceExt as _};
use std::collections::{BTreeMap, BTreeSet};

use super::difference::differences;
use super::overruled;
use super::write::{Writer, within_deadline};
use dittofs_operator_core::generation::is_observed;
use dittofs_operator_core::instance::Claim;
use dittofs_operator_core::outcome::{Action, Change, Failure};

const RETAIN: &str = "Retain";

/// What is next for a StatefulSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It can be applied as desired.
    Apply,
    /// Claims would be deleted with it: they must be released first.
    Release,
    /// It is in the way of other claim templates, and nothing hangs on it any more.
    Remake,
    /// It is on its way out: what comes next is made when it is gone.
    Wait,
}

/// What came of writing the StatefulSet.
#[derive(Debug, Default)]
pub struct Put {
    /// What was done to it.
    pub change: Option<Change>,
    /// Whether it makes other pods than before.
    pub template_changed: bool,
}

impl Writer<'_> {
    /// Applies the StatefulSet, or does the next step towards other claim templates.
    pub async fn put_stateful_set(
        &self,
        store: &Store<StatefulSet>,
        desired: &StatefulSet,
    ) -> Result<Put, Failure> {
        let Some(live) = self.live(&(), store, desired).await? else {
            return self.put_template(store, None, desired).await;
        };
        // A StatefulSet that is made again comes back with the claim templates of the policy that has rewritten these.
        if overruled::holds(&*live, desired) {
            return self.put_template(store, Some(&live), desired).await;
        }
        let instance = self.instance;
        match step(&live, desired, &instance.claims, &instance.owner.uid) {
            Step::Apply => {
                let sent = with_live_templates(&live, desired);
                self.put_template(store, Some(&live), &sent).await
            }
            Step::Release => {
                let sent = meanwhile(&live, desired);
                self.put_template(store, Some(&live), &sent).await
            }
            Step::Wait => Ok(Put::default()),
            Step::Remake => match self.orphan(&live).await {
                Err(failure) if failure.error.is_conflict() => Ok(Put::default()),
                Err(failure) => {
                    self.put(store, &meanwhile(&live, desired)).await?;
                    Err(failure)
                }
                Ok(change) => Ok(Put {
                    change,
                    template_changed: true,
                }),
            },
        }
    }

    /// Claim templates go as they are: they cannot be changed, and a policy may have added to them when they were made.
    async fn put_template(
        &self,
        store: &Store<StatefulSet>,
        live: Option<&StatefulSet>,
        desired: &StatefulSet,
    ) -> Result<Put, Failure> {
        let put = self.put_adjusted(&(), store, desired, keep_claim_templates);
        let Some((now, change)) = put.await? else {
            return Ok(Put::default());
        };
        let template = |set: &StatefulSet| set.spec.as_ref().map(|spec| spec.template.clone());
        Ok(Put {
            change,
            template_changed: live.and_then(template) != template(&now),
        })
    }

    /// Deletes a StatefulSet without its pod and claims, if it is still what was seen.
    async fn orphan(&self, seen: &StatefulSet) -> Result<Option<Change>, Failure> {
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Orphan),
            preconditions: Some(Preconditions {
                uid: seen.uid(),
                resource_version: seen.resource_version(),
            }),
            ..DeleteParams::default()
        };
        let api = self.api(&(), seen);
        match within_deadline(api.delete(&seen.name_any(), &parameters)).await {
            Ok(_) => Ok(Some(Change::of(
                seen,
                &(),
                Action::Deleted,
                "its claim templates change, so that it is made again; the pod and the claims stay"
                    .to_owned(),
            ))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Failure::of(seen, &(), error)),
        }
    }
}

fn step(live: &StatefulSet, desired: &StatefulSet, claims: &[Claim], server: &str) -> Step {
    if live.meta().deletion_timestamp.is_some() {
        return Step::Wait;
    }
    if same_sizes(live, desired) && !makes_wrong_owners(live, desired, claims, server) {
        return Step::Apply;
    }
    let uid = live.uid();
    let hangs_on = when_deleted(live) != Some(RETAIN)
        || !is_observed(live)
        || claims.iter().any(|claim| claim.is_owned_by(uid.as_deref()));
    if hangs_on {
        Step::Release
    } else {
        Step::Remake
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

/// Sizes by name: what the templates are always made again for.
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

/// Uids of the owners that claims are made with.
fn owners(stateful_set: &StatefulSet) -> BTreeSet<&str> {
    let owners = templates(stateful_set)
        .iter()
        .flat_map(kube::ResourceExt::owner_references);
    owners.map(|owner| owner.uid.as_str()).collect()
}

/// Whether the next claim would be made with an owner that it must not have. While every claim is there, another
/// retention policy is a matter of the claims alone: a StatefulSet that is made again leaves its pod without an owner for
/// a moment, and a `DittoServer` that is deleted just then would leave the pod behind.
fn makes_wrong_owners(
    live: &StatefulSet,
    desired: &StatefulSet,
    claims: &[Claim],
    server: &str,
) -> bool {
    let is_missing = |claim: &Claim| claim.found.is_none() || claim.is_leaving();
    let names_another = || owners(live).iter().any(|uid| *uid != server);
    owners(live) != owners(desired) && (claims.iter().any(is_missing) || names_another())
}

/// Claim templates that differ in no size stay as they are.
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

/// As much of the desired StatefulSet as the live one can become. A pod that is made meanwhile mounts only volumes that
/// have a claim.
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
