//! Pure: what the live objects record of earlier templates.

use dittofs_shared::{labels, names};
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::Claim;
use super::startup::uses_postgres;
use crate::adapters::Adapters;
use crate::digest::part_of;
use crate::observed::Observed;
use crate::pod_status::has_started;

/// What the live objects record of earlier templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The template's hash over the inputs. Templates of the first releases have none.
    pub inputs: Option<String>,
    /// The template's hash in the form of the first releases.
    pub first_form: Option<String>,
    /// Whether the server has run, and its data still exist.
    pub has_data: bool,
}

impl History {
    /// A part of the hash over the inputs that the server has stored: nothing while it has no data.
    pub fn stored(&self, part: &str) -> Option<&str> {
        let inputs = self.inputs.as_deref().filter(|_| self.has_data)?;
        part_of(inputs, part)
    }
}

/// While there is no StatefulSet, because its claim templates change, the pod's annotations count.
pub(super) fn evaluate(observed: &Observed, adapters: &Adapters, claims: &[Claim]) -> History {
    let template = observed.stateful_set.as_ref().map(|set| {
        let spec = set.spec.as_ref();
        let metadata = spec.and_then(|spec| spec.template.metadata.as_ref());
        metadata.and_then(|metadata| metadata.annotations.as_ref())
    });
    let nothing = BTreeMap::new();
    let pod = observed.pod.as_ref();
    let annotations = match template {
        Some(annotations) => annotations.unwrap_or(&nothing),
        None => pod.map_or(&nothing, |pod| pod.annotations()),
    };
    let status = observed.server.status.as_ref();
    let has_run = matches!(adapters, Adapters::Known(_))
        || status.is_some_and(|status| status.first_ready_at.is_some())
        || pod.is_some_and(|pod| has_started(pod));
    let mut of_control_plane = claims
        .iter()
        .filter(|claim| claim.template == names::CONTROL_PLANE_CLAIM);
    let is_kept = uses_postgres(&observed.server.spec) || of_control_plane.any(Claim::is_bound);
    History {
        inputs: annotations.get(labels::ROLL_INPUTS).cloned(),
        first_form: annotations.get(labels::ROLL_HASH).cloned(),
        has_data: has_run && is_kept,
    }
}
