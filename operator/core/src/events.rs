//! Which changes are reported as Events: each change that matters to a user, once, when it happens, or when it has lasted
//! (see [`Awaited`]). So nothing has to be counted or merged. A change is one of a status or a reason, not of a text.

mod awaited;
pub mod password_reset;
mod written;

use dittofs_shared::crd::{AdapterStatus, DittoServerStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeSet;

use crate::outcome::{Change, FAILURE, Failure, one_line};
use crate::status::{ConditionStatus, ConditionType, Reason, find, has};

pub use awaited::Awaited;
pub use written::CLAIM_LABELLED;

/// Type of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to worry about.
    Normal,
    /// May need attention.
    Warning,
}

impl Severity {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// An Event to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its type.
    pub severity: Severity,
    /// CamelCase, such as `ServiceCreated`.
    pub reason: String,
    /// What was done, such as `Created`.
    pub action: String,
    /// For a person, in one line.
    pub note: String,
}

impl Notice {
    fn normal(reason: &str, action: &str, note: String) -> Self {
        Self::new(Severity::Normal, reason, action, note)
    }

    fn warning(reason: &str, action: &str, note: String) -> Self {
        Self::new(Severity::Warning, reason, action, note)
    }

    fn new(severity: Severity, reason: &str, action: &str, note: String) -> Self {
        Self {
            severity,
            reason: reason.to_owned(),
            action: action.to_owned(),
            note: one_line(note),
        }
    }
}

/// The failures of the last reconcile, by their topics: a failure that lasts is reported once, however its text changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(BTreeSet<String>);

impl Told {
    /// The failures that are reported now.
    pub fn of(failures: &[Failure]) -> Self {
        Self(failures.iter().map(Failure::topic).collect())
    }

    /// Whether a failure has been reported. An operator that has just started knows only what the status says.
    fn has(&self, failure: &Failure, before: Option<&DittoServerStatus>) -> bool {
        let is_recorded = || before.is_some_and(|before| is_recorded(before, failure));
        self.0.contains(&failure.topic()) || (self.0.is_empty() && is_recorded())
    }
}

/// What was written, whatever the status says of it.
pub fn of_changes(changes: &[Change]) -> Vec<Notice> {
    written::notice(changes).into_iter().collect()
}

/// What could not be written, and what has changed since the status `before` was written.
pub fn notices(
    (failures, told): (&[Failure], &Told),
    (before, after): (Option<&DittoServerStatus>, &DittoServerStatus),
    awaited: &mut Awaited,
    now: Timestamp,
) -> Vec<Notice> {
    let failures = failures.iter();
    let failed = failures.filter(|failure| !told.has(failure, before));
    let failed = failed.map(of_failure);
    failed
        .chain(refusals(before, after))
        .chain(transitions(before, after, awaited, now))
        .collect()
}

fn of_failure(failure: &Failure) -> Notice {
    Notice::warning(Reason::ApplyFailed.as_str(), "Apply", failure.to_string())
}

/// Whether the status records a failure of this object already: the first one in `Ready`, and those of Services at
/// their adapters.
fn is_recorded(status: &DittoServerStatus, failure: &Failure) -> bool {
    let subject = failure.subject();
    let ready = find(status, ConditionType::Ready);
    let is_first = ready.is_some_and(|ready| {
        ready.reason == Reason::ApplyFailed.as_str() && ready.message.starts_with(&subject)
    });
    let messages = status
        .adapters
        .iter()
        .filter_map(|one| one.message.as_ref());
    let mut adapters = messages.map(|message| message.starts_with(&subject));
    is_first || adapters.any(|is_same| is_same)
}

/// A message without what differs every time: of a failure, which object it is about.
fn cause(message: &str) -> &str {
    let subject = message.split_once(": ");
    let subject = subject.filter(|_| message.starts_with(FAILURE));
    subject.map_or(message, |(subject, _)| subject)
}

/// Adapters that are enabled and not exposed, where that or its cause is new.
fn refusals<'a>(
    before: Option<&'a DittoServerStatus>,
    after: &'a DittoServerStatus,
) -> impl Iterator<Item = Notice> + 'a {
    let is_known = move |adapter: &AdapterStatus| {
        let mut known = before.iter().flat_map(|before| &before.adapters);
        let cause =
            |adapter: &AdapterStatus| adapter.message.as_deref().map(cause).map(str::to_owned);
        known.any(|known| known.r#type == adapter.r#type && cause(known) == cause(adapter))
    };
    let adapters = after.adapters.iter();
    let refused = adapters.filter(|adapter| adapter.enabled && !adapter.exposed);
    let new = refused.filter(move |adapter| !is_known(adapter));
    new.filter_map(|adapter| {
        let note = format!("adapter {}: {}", adapter.r#type, adapter.message.as_ref()?);
        Some(Notice::warning(
            Reason::AdapterNotExposed.as_str(),
            "Expose",
            note,
        ))
    })
}

/// Conditions with another status or reason than before, and those on their way for so long that it is worth a word.
fn transitions(
    before: Option<&DittoServerStatus>,
    after: &DittoServerStatus,
    awaited: &mut Awaited,
    now: Timestamp,
) -> Vec<Notice> {
    let is_progressing = has(after, ConditionType::Progressing, ConditionStatus::True);
    let is_new = after.first_ready_at.is_none();
    let known = |r#type, condition: &Condition| {
        let known = before.and_then(|before| find(before, r#type));
        known.filter(|known| {
            (&known.status, &known.reason) == (&condition.status, &condition.reason)
        })
    };
    awaited.keep(&after.conditions);
    let mut new = Vec::new();
    for condition in &after.conditions {
        let r#type = ConditionType::parse(&condition.type_);
        let (Some(r#type), Some(reason)) = (r#type, Reason::parse(&condition.reason)) else {
            continue;
        };
        let known = known(r#type, condition);
        // What was held back is held until it is told or over: the first ready pod is not the end of all steps.
        let way = Way {
            is_progressing,
            is_new: is_new || awaited.is_untold(r#type),
        };
        let severity = match report((r#type, reason), condition, way) {
            Report::Never => {
                awaited.end(r#type, reason);
                None
            }
            Report::IfItLasts => {
                let since = known.map(|known| known.last_transition_time.0);
                awaited.wait(r#type, reason, since, now);
                awaited.is_due(r#type, now).then_some(Severity::Normal)
            }
            Report::AtOnce(severity) => {
                let is_untold = awaited.end(r#type, reason);
                (is_untold || known.is_none()).then_some(severity)
            }
        };
        new.extend(severity.map(|severity| (r#type, reason, severity, condition)));
    }
    reported_once(new, after, awaited)
}

/// `Ready` quotes the condition that is its cause, which is then not reported a second time.
fn reported_once(
    new: Vec<(ConditionType, Reason, Severity, &Condition)>,
    after: &DittoServerStatus,
    awaited: &mut Awaited,
) -> Vec<Notice> {
    let ready = find(after, ConditionType::Ready);
    let is_ready_new = new.iter().any(|(of, ..)| *of == ConditionType::Ready);
    let is_ready_awaited = !is_ready_new && awaited.is_untold(ConditionType::Ready);
    if let Some(ready) = ready.filter(|_| is_ready_new) {
        let quoted = after.conditions.iter();
        let quoted = quoted.filter(|one| note_of(one) == ready.message);
        let types = quoted.filter_map(|one| ConditionType::parse(&one.type_));
        types.for_each(|r#type| awaited.tell(r#type));
    }
    let mut notices = Vec::new();
    for (r#type, reason, severity, condition) in new {
        let note = note_of(condition);
        let is_quoted = ready.is_some_and(|ready| ready.message == note);
        if is_quoted && is_ready_awaited {
            awaited.join(r#type, reason, ConditionType::Ready);
            continue;
        }
        awaited.tell(r#type);
        if !(is_quoted && is_ready_new) {
            notices.push(Notice::new(severity, &condition.reason, "Reconcile", note));
        }
    }
    notices
}

fn note_of(condition: &Condition) -> String {
    format!("{}: {}", condition.type_, condition.message)
}

/// How a transition is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Never,
    IfItLasts,
    AtOnce(Severity),
}

/// Whether an instance is on its way to where it should be, and for the first time. One that has served before tells at
/// once why it no longer does.
#[derive(Clone, Copy, Debug)]
struct Way {
    is_progressing: bool,
    is_new: bool,
}

fn report((r#type, reason): (ConditionType, Reason), condition: &Condition, way: Way) -> Report {
    let status = ConditionStatus::parse(&condition.status);
    let status = status.filter(|status| *status != ConditionStatus::Unknown);
    let Some(status) = status.filter(|_| r#type.is_reported()) else {
        return Report::Never;
    };
    if status == r#type.at_rest() {
        // The other conditions would only repeat it.
        return match r#type {
            ConditionType::Ready => Report::AtOnce(Severity::Normal),
            _ => Report::Never,
        };
    }
    match (r#type, reason) {
        // A new sidecar is reported once, when the pod is changed.
        (
            ConditionType::SidecarUpToDate,
            Reason::Replacing | Reason::WaitingForOthers | Reason::PodNotStarted | Reason::Paused,
        ) => Report::Never,
        (ConditionType::SidecarUpToDate, Reason::WithNextPod | Reason::NeedsNextPod) => {
            Report::AtOnce(Severity::Normal)
        }
        _ if way.is_progressing && r#type.follows_progress() => {
            if way.is_new {
                Report::IfItLasts
            } else {
                Report::AtOnce(Severity::Normal)
            }
        }
        _ => Report::AtOnce(Severity::Warning),
    }
}

#[cfg(test)]
mod tests;
