//! One pass: what the operator computes in a reconcile in which nothing is to be changed.

use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::digest::object_digest;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::renewal::{self, Renewal};
use dittofs_operator_core::roll::{self, Roll};
use dittofs_operator_core::status::{self, View};
use dittofs_shared::crd::DittoServerStatus;

use crate::corpus::Corpus;

/// What came of a pass.
pub struct Pass {
    /// The objects that the instance should have.
    pub desired: Desired,
    /// Of every desired object, as it is compared with the one that was applied last.
    pub hashes: Vec<String>,
    /// What is to be done about the pod.
    pub roll: Roll,
    /// What is to be done about its sidecar.
    pub renewal: Renewal,
    /// What would be reported.
    pub status: DittoServerStatus,
    /// Whether the status would not be written.
    pub is_quiet: bool,
}

/// Computes the same as `reconcile` of the operator, in the same order.
pub fn run(corpus: &Corpus) -> Pass {
    let observed = &corpus.observed;
    let instance = Instance::parse(observed, &corpus.defaults);
    let desired = Desired::of(&instance);
    let hashes = hashes(&desired);
    let set = observed.stateful_set.as_deref();
    let roll = roll::decide(instance.spec.roll_policy, set, observed.own_pod());
    let renewal = renewal::decide(&instance.sidecar, &desired.sidecar_contract);
    let view = View {
        instance: &instance,
        generation: observed.server.metadata.generation,
        failures: &[],
        refused_growth: &[],
        refused_owners: &[],
        roll: &roll,
        renewal: &renewal,
        config_hash: desired.config_hash.as_deref(),
        stateful_set: set,
        pod: observed.pod.as_deref(),
        adapter_services: &observed.adapter_services,
        optional: &observed.optional,
        warnings: &[],
        reconcile_request: reconcile_request::of(&observed.server),
        previous: observed.server.status.as_ref(),
    };
    let status = status::of(&view, observed.at);
    let is_quiet = observed.server.status.as_ref() == Some(&status);
    Pass {
        desired,
        hashes,
        roll,
        renewal,
        status,
        is_quiet,
    }
}

fn hashes(desired: &Desired) -> Vec<String> {
    // Taken apart whole, so that a new kind does not compile here either. In the order of `apply`.
    let Desired {
        secrets: _,
        service_account,
        role,
        role_binding,
        config_maps,
        network_policies,
        services,
        optional,
        disruption_budget,
        growing_claims: _,
        marked_claims: _,
        stateful_set,
        stop: _,
        config_hash: _,
        sidecar_contract: _,
        prune: _,
    } = desired;
    let mut hashes = vec![object_digest(role), object_digest(role_binding)];
    hashes.extend(config_maps.iter().map(object_digest));
    hashes.extend(service_account.iter().map(object_digest));
    hashes.extend(network_policies.iter().map(object_digest));
    hashes.extend(services.iter().map(object_digest));
    hashes.extend(optional.values().flatten().map(object_digest));
    hashes.extend(disruption_budget.iter().map(object_digest));
    hashes.extend(stateful_set.iter().map(object_digest));
    hashes
}
