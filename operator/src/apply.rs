//! Writes only, by server-side apply under one field manager, and only what would change something.
//! It reads only what a write depends on, just before it.
//!
//! # Guarantees
//! * An object that exists and is not ours is never touched.
//! * A failure to write one object does not keep the rest from being written: failures are collected and reported.
//! * Deletions carry the uid and resource version of what was seen, so that nothing newer is deleted.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is where the operator writes"
)]

mod adapters;
mod alive;
mod applied;
mod claims;
mod config_maps;
mod content;
mod contested;
mod current;
mod delete;
mod difference;
mod live;
mod merge;
mod occasion;
mod optional;
mod overruled;
mod pod;
mod policy;
mod prune;
mod request;
mod scale;
mod secrets;
mod service;
mod stateful_set;
mod status;
mod write;

use dittofs_shared::names;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::{Client, ResourceExt as _};
use std::sync::Mutex;

use crate::secrets::KnownSecrets;
use crate::watch::Caches;
use adapters::MayPublish;
pub use adapters::release;
pub use applied::Applied;
pub use current::is_current;
use dittofs_operator_core::contest::Contests;
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::observed::Observed;
pub use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};
pub use pod::{edit_pod, recreate_pod};
use request::Put;
pub(crate) use request::within_deadline;
pub use status::write_status;
use write::Writer;

/// What it takes to write.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    /// Client of the API server.
    pub client: &'a Client,
    /// What exists.
    pub caches: &'a Caches,
    /// What others change again and again.
    pub contests: &'a Mutex<Contests>,
}

impl<'a> Writing<'a> {
    fn of(self, instance: &'a Instance, force: bool) -> Writer<'a> {
        Writer::new(self.client, instance, self.contests, force)
    }
}

/// Creates what others have to know of: Secrets, whose contents decide how the server is started, and the ConfigMap of
/// the published state, whose uid the settings of the sidecar name.
pub async fn prepare(
    writing: Writing<'_>,
    observed: &Observed,
    (instance, desired): (&Instance, &Desired),
    known: &mut KnownSecrets,
) -> Applied {
    let (writer, caches) = (writing.of(instance, false), writing.caches);
    let published = names::adapters(&instance.name);
    let publish = async {
        let mut maps = desired.config_maps.iter();
        let desired = maps.find(|config_map| config_map.name_any() == published)?;
        if caches.config_maps.has(&instance.namespace, &published) {
            return None;
        }
        // A failure is reported when it is tried again with all the others.
        writer
            .put_published(&caches.config_maps, desired)
            .await
            .ok()
            .flatten()
    };
    let generated = (instance.claimant(), desired.secrets.as_slice());
    let secrets = secrets::create_secrets(writing.client, observed, generated, known);
    let (mut applied, change) = tokio::join!(secrets, publish);
    applied.changes.extend(change);
    applied
}

/// Writes the desired objects, side by side where no order is needed. What a pod mounts and the policies that protect
/// it come before the StatefulSet, a Role before what binds it, and what is deleted comes last. A Service and the policy
/// of its port need each other, and the network follows both with a delay of its own: none comes first. `force`: sends
/// also what seems to be as desired.
pub async fn apply(
    writing: Writing<'_>,
    (instance, desired): (&Instance, &Desired),
    force: bool,
) -> Applied {
    let (writer, caches) = (writing.of(instance, force), writing.caches);
    // Destructured without `..`, so that a new field does not compile until it is applied: here, or by `prepare` or
    // `put_server`.
    let Desired {
        secrets: _,
        service_account: _,
        role,
        role_binding,
        config_maps,
        network_policies,
        services,
        optional,
        disruption_budget,
        growing_claims: _,
        marked_claims: _,
        stateful_set: _,
        stop: _,
        config_hash: _,
        sidecar_contract: _,
        prune: _,
    } = desired;
    let services = writer.unsettled(&caches.services, services);
    let before_pod = (config_maps.as_slice(), network_policies.as_slice());
    let pod = async {
        let (put_maps, may_publish, policies) = put_before_pod(&writer, caches, before_pod).await;
        let (rights, server) = tokio::join!(
            put_rights(&writer, caches, (role, role_binding), may_publish),
            put_server(&writer, caches, desired, &put_maps),
        );
        [put_maps, rights, policies, server]
    };
    let budget = writer.put_each(&caches.disruption_budgets, disruption_budget.as_slice());
    let doors = async {
        let mut applied = writer.put_services(&services).await;
        applied.extend(writer.put_optional(&caches.optional, optional).await);
        applied
    };
    let ([put_maps, rights, policies, server], budget, doors) = tokio::join!(pod, budget, doors);
    let mut applied = Applied::default();
    for part in [put_maps, rights, policies, doors, budget, server] {
        applied.extend(part);
    }
    prune::prune(&writer, caches, desired, &mut applied).await;
    config_maps::prune(&writer, caches, desired, &mut applied).await;
    applied.extend(writer.contested());
    applied
}

/// Of what [`apply`] writes, only what a new pod cannot start without, and what its sidecar cannot publish without.
pub async fn start(writing: Writing<'_>, (instance, desired): (&Instance, &Desired)) -> Applied {
    let (writer, caches) = (writing.of(instance, false), writing.caches);
    let before = (
        desired.config_maps.as_slice(),
        desired.network_policies.as_slice(),
    );
    let (put_maps, may_publish, policies) = put_before_pod(&writer, caches, before).await;
    let rights = (&desired.role, &desired.role_binding);
    let (mut applied, rights) = tokio::join!(
        put_server(&writer, caches, desired, &put_maps),
        put_rights(&writer, caches, rights, may_publish),
    );
    for part in [put_maps, policies, rights] {
        applied.extend(part);
    }
    applied
}

/// What others change again and again, for a status that is written although nothing else is.
pub fn contested(writing: Writing<'_>, instance: &Instance) -> Applied {
    writing.of(instance, false).contested()
}

/// What a pod mounts, and the policies that protect it.
async fn put_before_pod(
    writer: &Writer<'_>,
    caches: &Caches,
    (config_maps, policies): (&[ConfigMap], &[NetworkPolicy]),
) -> (Applied, MayPublish, Applied) {
    let ((put_maps, may_publish), policies) = tokio::join!(
        writer.put_config_maps(&caches.config_maps, config_maps),
        writer.put_policies(&caches.network_policies, policies),
    );
    (put_maps, may_publish, policies)
}

/// The Role of the sidecar, and then its binding: the API server refuses to bind a Role that does not exist.
async fn put_rights(
    writer: &Writer<'_>,
    caches: &Caches,
    (role, binding): (&Role, &RoleBinding),
    may_publish: MayPublish,
) -> Applied {
    let mut applied = Applied::default();
    applied.record(writer.put_role(&caches.roles, role, may_publish).await);
    let binding = Put::new(&caches.role_bindings, binding);
    applied.record(writer.put(binding).await);
    applied
}

/// A refusal of the one does not keep the other from being written.
async fn put_claims(
    writer: &Writer<'_>,
    caches: &Caches,
    desired: &Desired,
    applied: &mut Applied,
) {
    for marks in &desired.marked_claims {
        writer.mark(marks, applied).await;
    }
    for claim in &desired.growing_claims {
        applied.record_growth(writer.grow(&caches.claims, claim).await);
    }
}

/// Whether a pod of the new template would wait for its ConfigMap, or start with a foreign one.
fn lacks_config(config_maps: &[ConfigMap], applied: &Applied) -> bool {
    let mut configs = config_maps.iter().filter(|map| map.immutable == Some(true));
    configs.any(|config| {
        applied
            .failures
            .iter()
            .any(|failure| failure.concerns(config))
    })
}

/// The account and the claims of the pod, and then the StatefulSet, as far as it can be written.
async fn put_server(
    writer: &Writer<'_>,
    caches: &Caches,
    desired: &Desired,
    put_maps: &Applied,
) -> Applied {
    let account = desired.service_account.as_slice();
    let mut applied = writer.put_each(&caches.service_accounts, account).await;
    put_claims(writer, caches, desired, &mut applied).await;
    match &desired.stateful_set {
        Some(stateful_set) if !lacks_config(&desired.config_maps, put_maps) => {
            let sets = &caches.stateful_sets;
            let put = writer.put_stateful_set(sets, stateful_set).await;
            applied.template_changed = put.as_ref().is_ok_and(|put| put.template_changed);
            if put.as_ref().is_ok_and(|put| put.is_overtaken) {
                applied.overtaken();
            }
            applied.record(put.map(|put| put.change));
        }
        _ => keep_template(writer, caches, desired.stop, &mut applied).await,
    }
    applied
}

/// A StatefulSet that cannot be written keeps its template. It is still adopted, and scaled to zero on request.
async fn keep_template(writer: &Writer<'_>, caches: &Caches, stop: bool, applied: &mut Applied) {
    for stateful_set in writer.owned(&caches.stateful_sets) {
        applied.record(writer.adopt(&(), &*stateful_set).await);
        if stop {
            applied.record(writer.scale_to_zero(&stateful_set).await);
        }
    }
}
