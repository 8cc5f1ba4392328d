//! Writes only, by server-side apply under one field manager, and only what would change something.
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
mod claims;
mod config_maps;
mod content;
mod difference;
mod live;
mod merge;
mod optional;
mod overruled;
mod policy;
mod prune;
mod renew;
mod request;
mod scale;
mod secrets;
mod service;
mod stateful_set;
mod write;

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_shared::labels;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;
use std::time::Duration;

use crate::watch::Stores;
pub use adapters::release;
use dittofs_operator_core::desired::{ClaimMarks, Desired};
use dittofs_operator_core::instance::Instance;
pub use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};
pub use renew::edit_pod;
use request::{Put, within_deadline};
pub use secrets::create_secrets;
use write::Writer;

/// What was written, and what could not be.
#[derive(Debug, Default)]
pub struct Applied {
    /// Objects that changed.
    pub changes: Vec<Change>,
    /// Objects that could not be written.
    pub failures: Vec<Failure>,
    /// Claims that the API server does not allow to grow. They do not fail the reconcile.
    pub refused_growth: Vec<Failure>,
    /// Claims whose owners the API server does not allow to change. They do not fail the reconcile either.
    pub refused_owners: Vec<Failure>,
    /// The next pod would differ from one of the observed StatefulSet. The next reconcile decides whether the pod is
    /// recreated.
    pub template_changed: bool,
    /// When something that was put off is due.
    pub due_in: Option<Duration>,
}

impl Applied {
    fn record(&mut self, result: Result<Option<Change>, Failure>) {
        match result {
            Ok(change) => self.changes.extend(change),
            Err(failure) => self.failures.push(failure),
        }
    }

    fn record_growth(&mut self, result: Result<Option<Change>, Failure>) {
        match result {
            Err(failure) if failure.error.is_refusal() => self.refused_growth.push(failure),
            result => self.record(result),
        }
    }

    /// Adds what was done later.
    pub fn extend(&mut self, mut later: Self) {
        self.changes.append(&mut later.changes);
        self.failures.append(&mut later.failures);
        self.refused_growth.append(&mut later.refused_growth);
        self.refused_owners.append(&mut later.refused_owners);
        self.template_changed |= later.template_changed;
        self.due_in = self.due_in.into_iter().chain(later.due_in).min();
    }
}

/// Writes the desired objects. The order matters: what a pod mounts comes before the pod, ports are opened before
/// Services lead to them, and the StatefulSet comes last. `force`: sends also what seems to be as desired.
pub async fn apply(
    client: &Client,
    stores: &Stores,
    instance: &Instance,
    desired: &Desired,
    force: bool,
) -> Applied {
    let writer = Writer {
        client,
        instance,
        force,
    };
    let mut applied = Applied::default();
    // Destructured without `..`, so that a new field does not compile until it is applied. Secrets and the
    // StatefulSet have functions of their own.
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
        growing_claims,
        marked_claims,
        stateful_set: _,
        stop: _,
        config_hash: _,
        sidecar_contract: _,
        prune: _,
    } = desired;
    let (store, record) = (&stores.config_maps, &mut applied);
    let may_publish = writer.put_config_maps(store, config_maps, record).await;
    writer
        .put_role(&stores.roles, role, may_publish, record)
        .await;
    let binding = Put::new(&stores.role_bindings, role_binding);
    applied.record(writer.put(binding).await);
    put_account(&writer, stores, service_account.as_ref(), &mut applied).await;
    let (store, policies) = (&stores.network_policies, network_policies);
    writer.put_policies(store, policies, &mut applied).await;
    for service in services {
        applied.record(writer.put_service(&stores.services, service).await);
    }
    let store = &stores.optional;
    writer.put_optional(store, optional, &mut applied).await;
    if let Some(budget) = disruption_budget {
        let budget = Put::new(&stores.disruption_budgets, budget);
        applied.record(writer.put(budget).await);
    }
    put_claims(&writer, marked_claims, growing_claims, &mut applied).await;
    put_server(&writer, stores, desired, &mut applied).await;
    prune::prune(&writer, stores, desired, &mut applied).await;
    config_maps::prune(&writer, stores, desired, &mut applied).await;
    applied
}

/// `None`: the user provides one.
async fn put_account(
    writer: &Writer<'_>,
    stores: &Stores,
    account: Option<&ServiceAccount>,
    applied: &mut Applied,
) {
    if let Some(account) = account {
        let account = Put::new(&stores.service_accounts, account);
        applied.record(writer.put(account).await);
    }
}

/// A refusal of the one does not keep the other from being written.
async fn put_claims(
    writer: &Writer<'_>,
    marked: &[ClaimMarks],
    growing: &[PersistentVolumeClaim],
    applied: &mut Applied,
) {
    for marks in marked {
        writer.mark(marks, applied).await;
    }
    for claim in growing {
        applied.record_growth(writer.grow(claim).await);
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

/// The StatefulSet, as far as it can be written.
async fn put_server(
    writer: &Writer<'_>,
    stores: &Stores,
    desired: &Desired,
    applied: &mut Applied,
) {
    match &desired.stateful_set {
        Some(stateful_set) if !lacks_config(&desired.config_maps, applied) => {
            let sets = &stores.stateful_sets;
            let put = writer.put_stateful_set(sets, stateful_set).await;
            applied.template_changed = put.as_ref().is_ok_and(|put| put.template_changed);
            applied.record(put.map(|put| put.change));
        }
        _ => keep_template(writer, stores, desired.stop, applied).await,
    }
}

/// A StatefulSet that cannot be written keeps its template. It is still adopted, and scaled to zero on request.
async fn keep_template(writer: &Writer<'_>, stores: &Stores, stop: bool, applied: &mut Applied) {
    for stateful_set in writer.owned(&stores.stateful_sets) {
        applied.record(writer.adopt(&(), &*stateful_set).await);
        if stop {
            applied.record(writer.scale_to_zero(&stateful_set).await);
        }
    }
}

/// Deletes the pod, so that it is recreated from the template. `unchanged`: only if nothing of it has changed since.
///
/// # Errors
/// The API server refuses, or the pod has been replaced or changed.
pub async fn recreate_pod(
    client: &Client,
    pod: &Pod,
    unchanged: bool,
    reason: &str,
) -> Result<Change, Failure> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: pod.uid(),
            resource_version: pod.resource_version().filter(|_| unchanged),
        }),
        ..DeleteParams::default()
    };
    within_deadline(api.delete(&pod.name_any(), &parameters))
        .await
        .map_err(|error| Failure::of(pod, &(), error))?;
    Ok(Change::of(
        pod,
        &(),
        Action::Deleted,
        format!("recreated: {reason}"),
    ))
}

/// Writes the status of a `DittoServer`, unless it has been deleted meanwhile.
///
/// # Errors
/// The API server refuses.
pub async fn write_status(
    client: &Client,
    server: &DittoServer,
    status: &DittoServerStatus,
) -> Result<(), ApplyError> {
    let (name, namespace) = (server.name_any(), server.namespace().unwrap_or_default());
    let api: Api<DittoServer> = Api::namespaced(client.clone(), &namespace);
    let body = json!({
        "apiVersion": DittoServer::api_version(&()),
        "kind": DittoServer::kind(&()),
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    });
    let parameters = PatchParams::apply(labels::STATUS_MANAGER).force();
    match within_deadline(api.patch_status(&name, &parameters, &Patch::Apply(body))).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}
