//! Events about what was written: one for everything that was written at a time. A new instance would otherwise cause
//! more Events than it has objects.

use super::Notice;
use crate::outcome::{Action, Change};

/// Why a claim was written: the StatefulSet controller creates it without our labels.
pub const CLAIM_LABELLED: &str = "labels of the instance were added";

const ACTIONS: [Action; 3] = [Action::Created, Action::Updated, Action::Deleted];

/// What follows from what is reported anyway: what the operator and the sidecar have to tell each other, in ConfigMap
/// `{name}-sidecar`, what a new claim is known by, and whether evictions are refused, which follows from whether the server
/// serves.
const BOOKKEEPING: [&str; 5] = [
    "data.publishTo:",
    "data.endIfStartedBefore:",
    "data.resetPassword",
    CLAIM_LABELLED,
    "spec.unhealthyPodEvictionPolicy:",
];

/// At most one.
pub(super) fn notice(changes: &[Change]) -> Option<Notice> {
    let created = changes.iter();
    let created = created.filter(|change| change.action == Action::Created);
    let created: Vec<_> = created.map(object).collect();
    let is_news = |change: &&Change| {
        let is_bookkeeping = !change.is_by_others
            && BOOKKEEPING
                .iter()
                .any(|start| change.reason.starts_with(start));
        let is_new = change.action == Action::Updated && created.contains(&object(change));
        !is_bookkeeping && !is_new
    };
    of_news(&changes.iter().filter(is_news).collect::<Vec<_>>())
}

fn of_news(changes: &[&Change]) -> Option<Notice> {
    let (first, more) = changes.split_first()?;
    let verb = first.action.to_string();
    if more.is_empty() {
        let reason = format!("{}{verb}", kind(first));
        let note = format!("{}: {}", object(first), first.reason);
        return Some(Notice::normal(&reason, &verb, note));
    }
    let is_one_action = more.iter().all(|change| change.action == first.action);
    let verb = if is_one_action { &verb } else { "Changed" };
    let texts = ACTIONS
        .into_iter()
        .filter_map(|action| text(action, changes));
    let note = texts.collect::<Vec<_>>().join("; ");
    Some(Notice::normal(&format!("Objects{verb}"), verb, note))
}

/// What was done by one action.
fn text(action: Action, changes: &[&Change]) -> Option<String> {
    let changes = changes.iter().copied();
    let changes = changes.filter(|change| change.action == action);
    let texts: Vec<_> = match action {
        // The reason is the same for all of them.
        Action::Created => changes.map(object).collect(),
        Action::Updated | Action::Deleted => changes
            .map(|change| format!("{} ({})", object(change), change.reason))
            .collect(),
    };
    let verb = action.to_string().to_lowercase();
    (!texts.is_empty()).then(|| format!("{verb} {}", texts.join(", ")))
}

fn kind(change: &Change) -> &str {
    change.object.kind.as_deref().unwrap_or_default()
}

fn object(change: &Change) -> String {
    let name = change.object.name.as_deref().unwrap_or_default();
    format!("{} {name}", kind(change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ObjectReference;

    fn change(action: Action, kind: &str, reason: &str) -> Change {
        Change {
            object: ObjectReference {
                kind: Some(kind.to_owned()),
                name: Some("files".to_owned()),
                ..ObjectReference::default()
            },
            action,
            reason: reason.to_owned(),
            is_by_others: false,
        }
    }

    #[test]
    fn bookkeeping_is_told_only_where_another_writer_made_it_necessary() {
        for start in BOOKKEEPING {
            let change = change(Action::Updated, "PodDisruptionBudget", start);
            assert_eq!(notice(std::slice::from_ref(&change)), None, "{start}");
            assert!(notice(&[change.by_others(true)]).is_some(), "{start}");
        }
    }

    #[test]
    fn everything_that_was_written_at_a_time_is_one_event() {
        use Action::{Created, Deleted, Updated};
        let service = change(Updated, "Service", "its port changed");
        let role = change(Updated, "Role", "its rules changed");
        let new = change(Created, "Service", "did not exist");
        let made = change(Created, "Secret", "did not exist");
        let old = change(Deleted, "NetworkPolicy", "no longer needed");
        let told = change(Updated, "ConfigMap", "data.publishTo: set to 1");
        let later = change(Updated, "Service", "its port changed");
        for (changes, expected) in [
            (vec![], None),
            (vec![told.clone()], None),
            (
                vec![told, new.clone(), later],
                Some(("ServiceCreated", "Service files: did not exist")),
            ),
            (
                vec![service.clone()],
                Some(("ServiceUpdated", "Service files: its port changed")),
            ),
            (
                vec![service.clone(), role.clone()],
                Some((
                    "ObjectsUpdated",
                    "updated Service files (its port changed), Role files (its rules changed)",
                )),
            ),
            (
                vec![service, made.clone(), role, made, old],
                Some((
                    "ObjectsChanged",
                    "created Secret files, Secret files; updated Service files (its port changed), \
                     Role files (its rules changed); deleted NetworkPolicy files (no longer needed)",
                )),
            ),
        ] {
            let found = notice(&changes).map(|notice| (notice.reason, notice.note));
            let expected = expected.map(|(reason, note)| (reason.to_owned(), note.to_owned()));
            assert_eq!(found, expected);
        }
    }
}
