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

use super::difference::differences;
use super::outcome::{Action, Change, Failure};
use super::overruled;
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
        let step = if overruled::holds(&*live, desired) {
            Step::Apply
        } else {
            step(&live, desired, &self.instance.claims)
        };
        match step {
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
        && !differences(&of(live), &of(desired)).is_empty()
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
