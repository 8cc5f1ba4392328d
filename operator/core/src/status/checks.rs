//! The conditions, each from one check.

use dittofs_shared::crd::AdapterStatus;
use dittofs_shared::published_state::ServerStatus;

use super::adapters::not_as_asked;
use super::pod::problem;
use super::starting::starting;
use super::{
    Finding, Truth, View, access, config, database, directory, gateway, metrics, restart, sidecar,
    storage,
};
use crate::adapters::{Adapters, Unknown, Verdict};
use crate::pod_status;
use crate::roll::{Roll, Waits};

/// All conditions, `Ready` first.
pub(super) fn all(view: &View<'_>, adapters: &[AdapterStatus]) -> Vec<(&'static str, Finding)> {
    let mut findings = vec![
        ("ConfigReady", config::ready(view)),
        ("StorageReady", storage::ready(view)),
        ("StatefulSetReady", stateful_set(view)),
        ("Available", available(view)),
        ("Authenticated", authenticated(view)),
        ("AdaptersReady", adapters_ready(view, adapters)),
        ("RollPending", restart::pending(view)),
        ("SidecarUpToDate", sidecar::up_to_date(view)),
        ("Progressing", progressing(view)),
    ];
    findings.extend(metrics::ready(view).map(|finding| ("MetricsReady", finding)));
    findings.extend(gateway::ready(view).map(|finding| ("GatewayReady", finding)));
    if view.instance.spec.paused {
        findings.push((
            "Paused",
            Finding::yes(
                "Paused",
                "spec.paused is true: nothing is changed until it is false",
            ),
        ));
    }
    findings.extend(database::ready(view).map(|finding| ("DatabaseReady", finding)));
    findings.extend(config::overrides_known(view).map(|finding| ("ConfigOverridesKnown", finding)));
    findings.extend(config::admin_username(view).map(|finding| ("AdminUsernameHonored", finding)));
    findings.extend(directory::ready(view).map(|finding| ("DirectoryReady", finding)));
    findings.extend(config::management(view).map(|finding| ("ManagementReady", finding)));
    findings.extend(access::all(view));
    findings.insert(0, ("Ready", ready(view, &findings)));
    findings
}

/// The first check that does not hold, in the order in which a person would look.
fn ready(view: &View<'_>, findings: &[(&'static str, Finding)]) -> Finding {
    /// These count for a stopped server, too: it could not be started again.
    const BEFORE_IT_RUNS: [&str; 2] = ["ConfigReady", "DatabaseReady"];
    const WHILE_IT_RUNS: [&str; 5] = [
        "StorageReady",
        "StatefulSetReady",
        "Authenticated",
        "AdaptersReady",
        "GatewayReady",
    ];
    if let Some(failure) = view.failures.first() {
        return Finding::no("ApplyFailed", failure.to_string());
    }
    let failed = |names: &[&str]| {
        let wrong = |name: &&str| {
            let mut found = findings.iter();
            found.find(|(r#type, finding)| r#type == name && finding.status != Truth::True)
        };
        let (name, finding) = names.iter().find_map(wrong)?;
        Some(Finding {
            message: format!("{name}: {}", finding.message),
            ..finding.clone()
        })
    };
    if let Some(finding) = failed(&BEFORE_IT_RUNS) {
        return finding;
    }
    if stopped(view) && view.stateful_set.is_some_and(|set| pods(set) == 0) {
        return Finding::yes(
            "ScaledToZero",
            "the server is stopped as asked: spec.replicas is 0",
        );
    }
    if let Some(finding) = failed(&WHILE_IT_RUNS) {
        return finding;
    }
    Finding::yes(
        "AllChecksPassed",
        "the server runs and every adapter that is switched on is exposed",
    )
}

pub(super) fn stopped(view: &View<'_>) -> bool {
    view.instance.spec.replicas == 0
}

pub(super) fn pods(set: &k8s_openapi::api::apps::v1::StatefulSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

fn stateful_set(view: &View<'_>) -> Finding {
    let Some(set) = view.stateful_set else {
        return Finding::no(
            "StatefulSetMissing",
            "the StatefulSet has not been made yet",
        );
    };
    if set.metadata.deletion_timestamp.is_some() {
        return Finding::no(
            "StatefulSetLeaving",
            "the StatefulSet is being deleted and will be made again; the pod stays",
        );
    }
    let status = set.status.as_ref();
    let unnoticed = sidecar::goes_unnoticed(view, "StatefulSetReady");
    let observed = status.and_then(|status| status.observed_generation);
    if observed != set.metadata.generation && !sidecar::pod_stays_ready(view) {
        return Finding::no(
            "StatefulSetNotObserved",
            "the controller of StatefulSets has not seen the latest change yet",
        );
    }
    let ready = status
        .and_then(|status| status.ready_replicas)
        .unwrap_or_default();
    let wanted = view.instance.spec.replicas;
    if wanted == 0 && pods(set) > 0 {
        return Finding::no("Stopping", "the pod is being stopped");
    }
    if ready >= wanted {
        return Finding::yes("ReplicasReady", format!("{ready} of {wanted} pods ready"));
    }
    if unnoticed {
        return Finding::yes(
            "ReplicasReady",
            "the server runs, and its sidecar is being restarted",
        );
    }
    starting(view).unwrap_or_else(|| Finding::no("PodNotReady", problem(view.pod)))
}

pub(super) fn available(view: &View<'_>) -> Finding {
    if stopped(view) {
        return Finding::no("ScaledToZero", "spec.replicas is 0");
    }
    if view.pod.is_some_and(pod_status::is_serving) {
        return Finding::yes("ServerRunning", "the server container runs");
    }
    starting(view).unwrap_or_else(|| Finding::no("ServerNotRunning", problem(view.pod)))
}

fn authenticated(view: &View<'_>) -> Finding {
    if stopped(view) {
        return Finding::unknown("ScaledToZero", "spec.replicas is 0");
    }
    let Some(state) = &view.instance.server_state else {
        return match &view.instance.adapters {
            Adapters::Unknown(unknown @ Unknown::NothingPublished) => {
                Finding::unknown("NothingPublished", unknown.to_string())
            }
            Adapters::Unknown(unknown) => {
                Finding::unknown("PublishedStateUnusable", unknown.to_string())
            }
            Adapters::Known(_) => Finding::unknown(
                "NothingPublished",
                "the sidecar has not published anything yet",
            ),
        };
    };
    let message = |what: &str| match &state.message {
        Some(message) => format!("{what} since {}: {message}", state.since),
        None => format!("{what} since {}", state.since),
    };
    match state.status {
        ServerStatus::Reachable => access::reachable(view),
        ServerStatus::Refused => Finding::no(
            "CredentialsRefused",
            message("the REST API has refused the sidecar's credentials"),
        ),
        ServerStatus::Invalid => Finding::unknown(
            "InvalidAnswer",
            message("the REST API has not answered with a list of adapters"),
        ),
        ServerStatus::Unreachable => {
            Finding::unknown("Unreachable", message("the REST API has not answered"))
        }
        ServerStatus::Starting => Finding::unknown(
            "Starting",
            message("the sidecar has been waiting for the REST API"),
        ),
        // The pod stays: whoever stopped was the sidecar alone, and another one is about to say more.
        ServerStatus::Stopping if sidecar::goes_unnoticed(view, "Authenticated") => Finding::yes(
            "Reachable",
            "the sidecar is being restarted; it has read the adapters from the REST API",
        ),
        ServerStatus::Stopping => {
            Finding::unknown("Stopping", message("the pod has been stopping"))
        }
    }
}

fn adapters_ready(view: &View<'_>, statuses: &[AdapterStatus]) -> Finding {
    if stopped(view) {
        return Finding::unknown(
            "ScaledToZero",
            "spec.replicas is 0; Services stay as they are",
        );
    }
    let adapters = match &view.instance.adapters {
        Adapters::Known(adapters) => adapters,
        Adapters::Unknown(unknown @ Unknown::NothingPublished) => {
            return Finding::unknown("NothingPublished", unknown.to_string());
        }
        Adapters::Unknown(unknown) => {
            return Finding::no("PublishedStateUnusable", unknown.to_string());
        }
    };
    let refused = adapters.iter().find_map(|adapter| match &adapter.verdict {
        Verdict::Refused(reason) => Some(format!(
            "adapter {} is not exposed: {reason}",
            brief(adapter)
        )),
        _ => None,
    });
    if let Some(message) = refused {
        return Finding::no("AdapterNotExposed", message);
    }
    let waiting = statuses
        .iter()
        .find(|status| status.enabled && (!status.running || !status.exposed));
    if let Some(status) = waiting {
        let message = status.message.as_deref().unwrap_or("it is not exposed yet");
        return Finding::no(
            "AdapterNotReady",
            format!("adapter {}: {message}", status.r#type),
        );
    }
    if let Some(finding) = not_as_asked(view, statuses) {
        return finding;
    }
    match statuses.iter().filter(|status| status.exposed).count() {
        0 => Finding::yes(
            "NoAdapters",
            "no adapter is switched on inside DittoFS, so that there is nothing to expose",
        ),
        1 => Finding::yes("AdaptersExposed", "1 adapter is exposed"),
        count => Finding::yes("AdaptersExposed", format!("{count} adapters are exposed")),
    }
}

fn brief(adapter: &crate::adapters::EvaluatedAdapter) -> String {
    dittofs_shared::published_state::shorten(&adapter.published.r#type)
}

fn progressing(view: &View<'_>) -> Finding {
    if view.instance.spec.paused {
        return Finding::no("Paused", "spec.paused is true");
    }
    if matches!(
        view.roll,
        Roll::Now { .. }
            | Roll::Pending {
                waits_for: Waits::Controller,
                ..
            }
    ) {
        return Finding::yes("Rolling", "the pod is being recreated");
    }
    if matches!(
        view.roll,
        Roll::Pending {
            waits_for: Waits::Turn(_),
            ..
        }
    ) {
        return Finding::yes(
            "WaitingForTurn",
            "the pod waits for its turn to be recreated",
        );
    }
    let state = stateful_set(view);
    if state.status != Truth::True && view.instance.startable().is_ok() {
        return Finding::yes(state.reason, state.message);
    }
    let volumes = storage::ready(view);
    if volumes.reason == "Growing" {
        return Finding::yes(volumes.reason, volumes.message);
    }
    Finding::no("ReconcileComplete", "every object is as it should be")
}
