//! Which changes are reported as Events: one for every change that a user would ask about, once, when something changes, so
//! that nothing has to be counted or merged.

pub mod password_reset;

use dittofs_shared::crd::DittoServerStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::outcome::{Change, Failure};

/// Something that a user would want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it may need attention.
    pub warning: bool,
    /// CamelCase, such as `ServiceCreated`.
    pub reason: String,
    /// What was done, such as `Created`.
    pub action: String,
    /// For a person.
    pub note: String,
}

/// What changed between two looks at an instance.
pub fn notices(
    changes: &[Change],
    failures: &[Failure],
    before: Option<&DittoServerStatus>,
    after: &DittoServerStatus,
) -> Vec<Notice> {
    let written = changes.iter().map(of_change);
    let failed = failures
        .iter()
        .map(|failure| warning("ApplyFailed", "Apply", failure.to_string()));
    // A failure that lasts is in the conditions; it is told again only when its text changes.
    let failed =
        failed.filter(|notice| !before.is_some_and(|before| mentions(before, &notice.note)));
    written
        .chain(failed)
        .chain(refusals(before, after))
        .chain(transitions(before, after))
        .collect()
}

fn of_change(change: &Change) -> Notice {
    let kind = change.object.kind.clone().unwrap_or_default();
    Notice {
        warning: false,
        reason: format!("{kind}{}", change.action),
        action: change.action.to_string(),
        note: format!(
            "{kind} {}: {}",
            change.object.name.clone().unwrap_or_default(),
            change.reason
        ),
    }
}

fn mentions(status: &DittoServerStatus, text: &str) -> bool {
    status
        .conditions
        .iter()
        .any(|condition| condition.message.contains(text))
}

fn refusals(before: Option<&DittoServerStatus>, after: &DittoServerStatus) -> Vec<Notice> {
    let told = |adapter: &str, message: &str| {
        before
            .into_iter()
            .flat_map(|before| &before.adapters)
            .any(|known| known.r#type == adapter && known.message.as_deref() == Some(message))
    };
    let refused = after
        .adapters
        .iter()
        .filter(|adapter| adapter.enabled && !adapter.exposed);
    refused
        .filter_map(|adapter| Some((adapter, adapter.message.as_deref()?)))
        .filter(|(adapter, message)| !told(&adapter.r#type, message))
        .map(|(adapter, message)| {
            warning(
                "AdapterNotExposed",
                "Expose",
                format!("adapter {}: {message}", adapter.r#type),
            )
        })
        .collect()
}

/// Conditions whose change is news.
fn transitions(before: Option<&DittoServerStatus>, after: &DittoServerStatus) -> Vec<Notice> {
    const NEWS: [&str; 10] = [
        "Ready",
        "Authenticated",
        "ConfigReady",
        "DatabaseReady",
        "StorageReady",
        "RollPending",
        "SidecarUpToDate",
        "AdaptersReady",
        "MetricsReady",
        "DirectoryReady",
    ];
    let progressing = after
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Progressing" && condition.status == "True");
    let status_before = |r#type: &str| {
        let condition = before?
            .conditions
            .iter()
            .find(|condition| condition.type_ == r#type)?;
        Some((condition.status.as_str(), condition.reason.as_str()))
    };
    let changed = after.conditions.iter().filter(|condition| {
        NEWS.contains(&condition.type_.as_str())
            && !is_sidecar_on_its_way(condition)
            && status_before(&condition.type_) != Some((&condition.status, &condition.reason))
    });
    changed
        .filter_map(|condition| {
            let quiet = if condition.type_ == "RollPending" {
                "False"
            } else {
                "True"
            };
            let note = format!("{}: {}", condition.type_, condition.message);
            match condition.status.as_str() {
                // Good news only for the sum of it all: the rest would only repeat it.
                status if status == quiet => (condition.type_ == "Ready").then(|| Notice {
                    warning: false,
                    ..warning(&condition.reason, "Reconcile", note)
                }),
                "Unknown" => None,
                // On the way to where it should be: news, and nothing to worry about.
                _ => Some(Notice {
                    warning: !takes_its_course(condition, progressing),
                    ..warning(&condition.reason, "Reconcile", note)
                }),
            }
        })
        .collect()
}

fn takes_its_course(condition: &Condition, progressing: bool) -> bool {
    let passes = ["Ready", "DatabaseReady", "StorageReady"].contains(&condition.type_.as_str());
    let waits = ["WithNextPod", "NeedsNextPod"].contains(&condition.reason.as_str());
    (passes && progressing) || waits
}

/// A new sidecar is told once, when the pod is changed.
fn is_sidecar_on_its_way(condition: &Condition) -> bool {
    const REASONS: [&str; 4] = ["Replacing", "WaitingForOthers", "PodNotStarted", "Paused"];
    condition.type_ == "SidecarUpToDate" && REASONS.contains(&condition.reason.as_str())
}

fn warning(reason: &str, action: &str, note: String) -> Notice {
    Notice {
        warning: true,
        reason: reason.to_owned(),
        action: action.to_owned(),
        note,
    }
}
