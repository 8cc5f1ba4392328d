//! The StatefulSet, whose claim templates cannot be changed.
//!
//! When they have to, the StatefulSet is deleted without its pod and claims, and the next look makes it again. The pod
//! runs all the while, and the new StatefulSet adopts it. Whatever happens between the two: a StatefulSet that is not
//! there is made. It is done for sizes and for owners, and not for labels and annotations, which claims can be given
//! later.

use dittofs_shared::quantity;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use kube::runtime::reflector::Store;
use kube::{Resource as _, ResourceExt as _};
use std::collections::{BTreeMap, BTreeSet};

use super::difference::difference;
use super::outcome::{Action, Change, Failure};
use super::write::{Writer, within_deadline};
use crate::instance::Claim;

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

impl Writer<'_> {
    /// Applies the StatefulSet, or does the next step towards other claim templates.
    pub async fn put_stateful_set(
        &self,
        store: &Store<StatefulSet>,
        desired: &StatefulSet,
        claims: &[Claim],
    ) -> Result<Option<Change>, Failure> {
        let Some(live) = self.live(&(), store, desired).await? else {
            return self.put(store, desired).await;
        };
        match step(&live, desired, claims) {
            Step::Apply => self.put(store, &with_live_templates(&live, desired)).await,
            Step::Release => self.put(store, &meanwhile(&live, desired)).await,
            Step::Wait => Ok(None),
            Step::Remake => match self.orphan(&live).await {
                Err(failure) if failure.error.is_conflict() => Ok(None),
                Err(failure) => {
                    self.put(store, &meanwhile(&live, desired)).await?;
                    Err(failure)
                }
                deleted => deleted,
            },
        }
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

fn step(live: &StatefulSet, desired: &StatefulSet, claims: &[Claim]) -> Step {
    if live.meta().deletion_timestamp.is_some() {
        return Step::Wait;
    }
    if same_templates(live, desired) {
        return Step::Apply;
    }
    let uid = live.uid();
    let observed = live
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    let hangs_on = when_deleted(live) != Some(RETAIN)
        || observed != live.metadata.generation
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

/// Size and owners by name: what a StatefulSet is made again for.
fn essentials(stateful_set: &StatefulSet) -> BTreeMap<String, (String, BTreeSet<&str>)> {
    let size = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref()?.resources.as_ref()?;
        Some(resources.requests.as_ref()?.get("storage")?.0.clone())
    };
    let templates = templates(stateful_set).iter();
    templates
        .map(|claim| {
            let owners = claim.owner_references().iter();
            let owners = owners.map(|owner| owner.uid.as_str()).collect();
            (claim.name_any(), (size(claim).unwrap_or_default(), owners))
        })
        .collect()
}

fn same_templates(live: &StatefulSet, desired: &StatefulSet) -> bool {
    let (live, desired) = (essentials(live), essentials(desired));
    live.keys().eq(desired.keys())
        && live
            .values()
            .zip(desired.values())
            .all(|(live, desired)| live.1 == desired.1 && quantity::same(&live.0, &desired.0))
}

/// Claim templates that lack no more than labels stay as they are.
fn with_live_templates(live: &StatefulSet, desired: &StatefulSet) -> StatefulSet {
    let mut sent = desired.clone();
    let of = |set| serde_json::to_value(templates(set)).unwrap_or_default();
    if let (Some(spec), Some(live_spec)) = (&mut sent.spec, &live.spec)
        && difference(&of(live), &of(desired)).is_some()
    {
        spec.volume_claim_templates
            .clone_from(&live_spec.volume_claim_templates);
    }
    sent
}

/// As much of the desired StatefulSet as the live one can become. A pod that is made meanwhile mounts only volumes that
/// have a claim.
fn meanwhile(live: &StatefulSet, desired: &StatefulSet) -> StatefulSet {
    let mut sent = desired.clone();
    if let (Some(spec), Some(live_spec)) = (&mut sent.spec, &live.spec) {
        if !essentials(live).keys().eq(essentials(desired).keys()) {
            spec.template = live_spec.template.clone();
        }
        spec.volume_claim_templates
            .clone_from(&live_spec.volume_claim_templates);
    }
    sent
}

#[cfg(test)]
#[path = "stateful_set_tests.rs"]
mod tests;
