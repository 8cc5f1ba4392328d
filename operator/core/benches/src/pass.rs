//! What the operator computes in a reconcile in which nothing is to be changed: all of it, as after a start, and what is
//! left of that once everything has been found in order.

use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::digest::object_digest;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::renewal::{self, Renewal};
use dittofs_operator_core::rest::{AtRest, Inputs, is_in_order};
use dittofs_operator_core::roll::{self, Roll};
use dittofs_operator_core::status::{self, View};
use dittofs_shared::crd::DittoServerStatus;
use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Duration, Instant};

use crate::Error;
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
        contested: &[],
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

/// Finds that nothing has changed since everything was in order. `stamps`: of the objects of the instance.
pub fn at_rest(corpus: &Corpus, stamps: &[u64], known: AtRest, now: Instant) -> bool {
    inputs(corpus, stamps).is_some_and(|inputs| known.left(inputs, now).is_some())
}

/// What a reconcile that has found everything in order leaves behind.
///
/// # Errors
/// It leaves nothing behind, and every reconcile would compute everything.
pub fn remember(corpus: &Corpus, stamps: &[u64], now: Instant) -> Result<AtRest, Error> {
    let pass = run(corpus);
    let server = &corpus.observed.server;
    if !is_in_order(server, &pass.status, &pass.roll, &pass.renewal) {
        return Err(format!("not everything is in order: {:#?}", pass.status).into());
    }
    let inputs = inputs(corpus, stamps).ok_or("a Secret has no version")?;
    Ok(AtRest::since(inputs, now, Duration::MAX))
}

fn inputs(corpus: &Corpus, stamps: &[u64]) -> Option<Inputs> {
    let mut hasher = DefaultHasher::new();
    for stamp in stamps {
        hasher.write_u64(*stamp);
    }
    let observed = &corpus.observed;
    Inputs::of(&observed.server, hasher.finish(), &observed.secrets)
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
