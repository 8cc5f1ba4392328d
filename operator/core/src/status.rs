//! Pure: the status of a `DittoServer`.
//!
//! `Ready` is the first of an ordered list of checks that fails. Causes come before their consequences in it, so that its
//! message names what has to be put right.

mod access;
mod adapters;
mod checks;
mod condition;
mod config;
mod database;
mod directory;
mod due;
mod gateway;
mod metrics;
mod node;
mod other_operator;
mod pod;
mod progress;
mod restart;
mod seen;
mod server;
mod sidecar;
mod starting;
mod storage;
mod too_large;
mod troubled;

use dittofs_shared::crd::{DittoServer, DittoServerStatus, Phase};
use dittofs_shared::names;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::sync::Arc;

use crate::contest::Contested;
use crate::instance::{Instance, password_reset};
use crate::observed::OptionalObjects;
use crate::outcome::Failure;
use crate::reconcile_request;
use crate::renewal::Renewal;
use crate::roll::Roll;
use crate::warnings::Warning;
pub use condition::{ConditionStatus, ConditionType, Reason};
pub(crate) use condition::{Finding, find, has};
pub use due::changes_in;
pub use other_operator::{ForeignObject, is_reported_for, left_alone};
pub use too_large::too_large;
pub use troubled::{Troubled, troubled};

/// Everything that the status is derived from.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct View<'a> {
    pub instance: &'a Instance,
    pub generation: Option<i64>,
    pub failures: &'a [Failure],
    pub refused_growth: &'a [Failure],
    pub refused_owners: &'a [Failure],
    pub contested: &'a [Contested],
    pub roll: &'a Roll,
    pub renewal: &'a Renewal,
    /// Of the configuration that the server should run with, if it can be started as the spec says.
    pub config_hash: Option<&'a str>,
    pub stateful_set: Option<&'a StatefulSet>,
    pub pod: Option<&'a Pod>,
    pub adapter_services: &'a [Arc<Service>],
    pub optional: &'a OptionalObjects,
    /// What Events say of the objects that are in trouble: see [`troubled()`].
    pub warnings: &'a [Warning],
    /// See [`reconcile_request::of`].
    pub reconcile_request: Option<&'a str>,
    pub previous: Option<&'a DittoServerStatus>,
}

/// Whole seconds are all that the API server keeps.
fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// The first status of a new `DittoServer`, before anything is created for it. Tools that follow kstatus take an object
/// without conditions for ready.
pub fn first(server: &DittoServer, now: Timestamp) -> DittoServerStatus {
    let generation = server.metadata.generation;
    let reconciling = Finding::unknown(Reason::Reconciling, "the first reconcile has started");
    DittoServerStatus {
        last_handled_password_reset: password_reset::handled(server).map(str::to_owned),
        observed_generation: generation,
        conditions: vec![reconciling.into_condition(
            ConditionType::Ready,
            generation,
            None,
            whole_seconds(now),
        )],
        ..DittoServerStatus::default()
    }
}

/// The status of an instance that is being deleted, unless it is recorded already.
pub fn deleting(previous: Option<&DittoServerStatus>) -> Option<DittoServerStatus> {
    // Another operator deletes it, and reports that itself.
    if other_operator::is_reported(previous) {
        return None;
    }
    let previous = previous.filter(|previous| previous.phase != Some(Phase::Deleting))?;
    Some(DittoServerStatus {
        phase: Some(Phase::Deleting),
        ..previous.clone()
    })
}

/// A request to reconcile has been handled when everything could be written.
fn handled<'a>(view: &View<'a>) -> Option<&'a str> {
    let done = !view.instance.spec.paused && view.failures.is_empty();
    let now = view.reconcile_request.filter(|_| done);
    now.or_else(|| view.previous.and_then(reconcile_request::handled))
}

/// The status of an instance.
pub fn of(view: &View<'_>, now: Timestamp) -> DittoServerStatus {
    let adapters = adapters::all(view);
    let findings = checks::all(view, &adapters);
    let counts = view.stateful_set.and_then(|set| set.status.as_ref());
    let exposed: Vec<_> = adapters.iter().filter(|adapter| adapter.exposed).collect();
    DittoServerStatus {
        observed_generation: view.generation,
        conditions: findings
            .into_iter()
            .map(|(r#type, finding)| {
                finding.into_condition(r#type, view.generation, view.previous, whole_seconds(now))
            })
            .collect(),
        exposed_adapters: (!exposed.is_empty()).then(|| {
            let each = exposed
                .iter()
                .map(|adapter| format!("{}:{}", adapter.r#type, adapter.port.unwrap_or_default()));
            each.collect::<Vec<_>>().join(",")
        }),
        address: exposed.iter().find_map(|adapter| adapters::host(adapter)),
        phase: Some(seen::phase(view)),
        image: seen::image(view, names::SERVER_CONTAINER),
        sidecar_image: seen::image(view, names::SIDECAR_CONTAINER),
        config_hash: seen::config_hash(view),
        observed_secrets: view.instance.secrets.observed.clone(),
        version: seen::version(view),
        volumes: storage::volumes(view),
        percona_cluster_name: view
            .instance
            .percona
            .as_ref()
            .map(|cluster| cluster.name.clone()),
        first_ready_at: seen::first_ready_at(view, now),
        last_handled_reconcile_at: handled(view).map(str::to_owned),
        last_handled_password_reset: view
            .instance
            .api_access
            .reset
            .handled_now()
            .map(str::to_owned),
        replicas: counts.map(|counts| counts.replicas),
        ready_replicas: counts.map(|counts| counts.ready_replicas.unwrap_or_default()),
        available_replicas: counts.map(|counts| counts.available_replicas.unwrap_or_default()),
        adapters,
    }
}
