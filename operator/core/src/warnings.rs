//! Warning Events of Kubernetes about objects of an instance. They say why something does not come about that the
//! status of the object does not explain: an exceeded quota, a Secret that cannot be mounted, a StorageClass that does
//! not exist.

mod text;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::Event;

pub use text::said;

/// For how long an Event counts. The StatefulSet controller retries after up to 17 minutes.
const RECENT: SignedDuration = SignedDuration::from_mins(30);
/// Events that are as close to each other as this may take turns.
const TURNS: SignedDuration = SignedDuration::from_secs(50);
/// Type of the Events that count.
pub const TYPE: &str = "Warning";

/// Why a pod has no node. The status of the pod says so as long as it holds, and the Event outlives it.
const OF_SCHEDULER: &str = "FailedScheduling";

/// An object whose Events are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Subject {
    pub kind: &'static str,
    pub name: String,
    pub uid: String,
}

/// A Warning Event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Warning {
    pub kind: String,
    pub name: String,
    pub reason: String,
    pub note: String,
    /// When it was last observed.
    pub at: Timestamp,
}

impl Warning {
    /// Of an Event, if it warns and is recent.
    pub fn of(event: &Event, now: Timestamp) -> Option<Self> {
        let object = event.regarding.as_ref()?;
        let warning = Self {
            kind: object.kind.clone()?,
            name: object.name.clone()?,
            reason: event.reason.clone().unwrap_or_default(),
            note: event.note.clone().filter(|note| !note.is_empty())?,
            at: last_observed(event)?,
        };
        let warns = event.type_.as_deref() == Some(TYPE) && warning.reason != OF_SCHEDULER;
        (warns && now.duration_since(warning.at) < RECENT).then_some(warning)
    }

    /// Some Events only repeat that an attempt has failed.
    fn says_why(&self) -> bool {
        const VAGUE: [&str; 3] = ["Error: ", "Unable to attach or mount volumes", "Back-off "];
        !VAGUE.iter().any(|vague| self.note.starts_with(vague))
    }

    /// What it says, in one line that stays the same while the cause does.
    pub fn said(&self) -> String {
        said(&self.note)
    }
}

fn last_observed(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref();
    let micro = series.map(|series| &series.last_observed_time);
    let micro = micro.or(event.event_time.as_ref()).map(|time| time.0);
    // Most controllers of Kubernetes still write Events in the older form.
    let last = event.deprecated_last_timestamp.as_ref().map(|time| time.0);
    let created = event.metadata.creation_timestamp.as_ref();
    micro.max(last).or(created.map(|time| time.0))
}

/// The Event that explains best what is wrong with an object: the last one that says why. Of several that take turns, it
/// is the same one each time.
pub fn cause<'a>(warnings: &'a [Warning], kind: &str, name: &str) -> Option<&'a Warning> {
    let about = |warning: &&Warning| warning.kind == kind && warning.name == name;
    let about = warnings.iter().filter(about);
    let last = about
        .clone()
        .max_by_key(|warning| (warning.says_why(), warning.at))?;
    let takes_turns = |warning: &&Warning| {
        warning.says_why() == last.says_why() && last.at.duration_since(warning.at) < TURNS
    };
    about
        .filter(takes_turns)
        .min_by_key(|warning| (&warning.reason, &warning.note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-02T03:04:05Z";

    fn event(more: &Value) -> Event {
        let mut event = json!({
            "type": "Warning", "reason": "FailedMount", "note": "no such Secret",
            "regarding": {"kind": "Pod", "name": "files-0"},
        });
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn only_recent_warnings_count() {
        let micro = |time: &str| json!({"eventTime": time});
        for (more, counts) in [
            (micro("2026-01-02T03:04:00.000000Z"), true),
            (micro("2026-01-02T02:04:00.000000Z"), false),
            (
                json!({"deprecatedLastTimestamp": "2026-01-02T03:00:00Z"}),
                true,
            ),
            (
                json!({
                    "eventTime": "2026-01-02T01:00:00.000000Z",
                    "series": {"count": 9, "lastObservedTime": "2026-01-02T03:04:00.000000Z"},
                }),
                true,
            ),
            (json!({}), false),
            // As the pod's own status says, while it holds.
            (
                json!({"reason": "FailedScheduling", "eventTime": "2026-01-02T03:04:00.000000Z"}),
                false,
            ),
            (
                json!({"type": "Normal", "eventTime": "2026-01-02T03:04:00.000000Z"}),
                false,
            ),
            (
                json!({"note": "", "eventTime": "2026-01-02T03:04:00.000000Z"}),
                false,
            ),
        ] {
            let found = Warning::of(&event(&more), NOW.parse().unwrap());
            assert_eq!(found.is_some(), counts, "{more}");
        }
    }

    #[test]
    fn the_last_that_says_why_is_the_cause() {
        let warning = |name: &str, note: &str, minute: i8| Warning {
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            reason: "FailedMount".to_owned(),
            note: note.to_owned(),
            at: format!("2026-01-02T03:{minute:02}:00Z").parse().unwrap(),
        };
        let all = [
            warning("files-0", "one", 1),
            warning("files-0", "two", 3),
            warning("files-0", "one and a half", 2),
            warning("files-0", "Unable to attach or mount volumes: timed out", 4),
            warning("other-0", "other", 5),
        ];
        let note = |kind, name| cause(&all, kind, name).map(|warning| warning.note.as_str());
        assert_eq!(note("Pod", "files-0"), Some("two"));
        assert_eq!(note("Service", "files-0"), None);
        assert_eq!(cause(&all[3..], "Pod", "files-0"), Some(&all[3]));
    }
}
