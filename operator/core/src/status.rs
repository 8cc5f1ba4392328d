//! Pure: what the user is told.
//!
//! `Ready` is the first of an ordered list of checks that does not hold, so that its message names the first thing
//! that is wrong.

mod access;
mod adapters;
mod checks;
mod config;
mod database;
mod directory;
mod gateway;
mod metrics;
mod other_operator;
mod pod;
mod restart;
mod seen;
mod sidecar;
mod starting;
mod storage;

use dittofs_shared::crd::{DittoServer, DittoServerStatus, Phase};
use dittofs_shared::names;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use std::sync::Arc;

use crate::instance::{Instance, password_reset};
use crate::observed::OptionalObjects;
use crate::outcome::Failure;
use crate::reconcile_request;
use crate::renewal::Renewal;
use crate::roll::Roll;
pub use other_operator::{is_told_of, left_alone};

/// All that the status is made of.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct View<'a> {
    pub instance: &'a Instance,
    pub generation: Option<i64>,
    pub failures: &'a [Failure],
    pub refused_growth: &'a [Failure],
    pub refused_owners: &'a [Failure],
    pub roll: &'a Roll,
    pub renewal: &'a Renewal,
    /// Of the configuration that the server should run with, if it can be started as asked.
    pub config_hash: Option<&'a str>,
    pub stateful_set: Option<&'a StatefulSet>,
    pub pod: Option<&'a Pod>,
    pub adapter_services: &'a [Arc<Service>],
    pub optional: &'a OptionalObjects,
    /// See [`reconcile_request::of`].
    pub wish: Option<&'a str>,
    pub previous: Option<&'a DittoServerStatus>,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub status: Truth,
    pub reason: &'static str,
    pub message: String,
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl Finding {
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: Truth::True,
            reason,
            message: message.into(),
        }
    }

    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: Truth::False,
            reason,
            message: message.into(),
        }
    }

    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: Truth::Unknown,
            reason,
            message: message.into(),
        }
    }

    fn condition(self, r#type: &str, view: &View<'_>, now: Timestamp) -> Condition {
        self.into_condition(r#type, view.generation, view.previous, whole_seconds(now))
    }

    fn into_condition(
        self,
        r#type: &str,
        generation: Option<i64>,
        previous: Option<&DittoServerStatus>,
        now: Time,
    ) -> Condition {
        let status = match self.status {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        };
        let known = previous
            .and_then(|previous| find(previous, r#type))
            .filter(|known| known.status == status);
        Condition {
            type_: r#type.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: generation,
            last_transition_time: known
                .map_or_else(|| now, |known| known.last_transition_time.clone()),
        }
    }
}

/// Whole seconds are all that the API server keeps.
fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

fn find<'a>(status: &'a DittoServerStatus, r#type: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == r#type)
}

/// The first word to a new `DittoServer`, before anything is made for it. Without it tools that follow kstatus would
/// take an object without conditions for ready.
pub fn first(server: &DittoServer, now: Timestamp) -> DittoServerStatus {
    let generation = server.metadata.generation;
    DittoServerStatus {
        last_handled_password_reset: password_reset::handled(server).map(str::to_owned),
        observed_generation: generation,
        conditions: vec![Condition {
            type_: "Ready".to_owned(),
            status: "Unknown".to_owned(),
            reason: "Reconciling".to_owned(),
            message: "the operator has begun to look at this DittoServer".to_owned(),
            observed_generation: generation,
            last_transition_time: whole_seconds(now),
        }],
        ..DittoServerStatus::default()
    }
}

/// What is said of an instance that is on its way out, if that has not been said yet.
pub fn deleting(previous: Option<&DittoServerStatus>) -> Option<DittoServerStatus> {
    // Another operator deletes it, and tells how far it is.
    if other_operator::is_told(previous) {
        return None;
    }
    let previous = previous.filter(|previous| previous.phase != Some(Phase::Deleting))?;
    Some(DittoServerStatus {
        phase: Some(Phase::Deleting),
        ..previous.clone()
    })
}

/// A wish has been acted on when everything could be written.
fn handled<'a>(view: &View<'a>) -> Option<&'a str> {
    let done = !view.instance.spec.paused && view.failures.is_empty();
    let now = view.wish.filter(|_| done);
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
            .map(|(r#type, finding)| finding.condition(r#type, view, now))
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
        version: seen::image(view, names::SERVER_CONTAINER)
            .as_deref()
            .map(seen::version),
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
