//! Fields that an admission policy or a webhook rewrites whenever an object is written.
//!
//! Such an object never becomes as desired, however often it is sent. So an apply is compared with the answer. Where
//! they differ, a hash over the difference is stored beside the hash of what was applied. While both hashes match the
//! object, nothing is sent. A difference that is not remembered in this way is sent: our desired state has changed,
//! or another writer has changed the object.

use dittofs_shared::labels;
use kube::{Resource, ResourceExt as _};
use serde_json::{Value, json};
use std::sync::Arc;

use super::content::missing;
use super::difference::{Difference, brief};
use super::request::Put;
use crate::kind::NamespacedKind;
use dittofs_operator_core::digest::medium_digest;
use dittofs_operator_core::outcome::Action;

/// An object that has been sent.
pub(super) struct Sent<K> {
    /// The object before. `None`: it did not exist.
    pub live: Option<Arc<K>>,
    /// Where it was not as desired.
    pub before: Vec<Difference>,
    /// What was sent.
    pub body: K,
    /// What the API server answered.
    pub now: K,
    /// What sending it did.
    pub action: Action,
    /// Why it was sent, when there was no difference.
    pub reason: &'static str,
}

/// What is remembered of fields that came back different.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    /// The values.
    Values,
    /// Only the paths, because the values change with every write.
    Places,
}

pub(super) const MEMORIES: [Memory; 2] = [Memory::Values, Memory::Places];

impl Memory {
    /// `None`: there is nothing to remember. Wrong labels and owners are always sent again, because they decide whose an
    /// object is, and a sidecar can write to the metadata of its own ConfigMap.
    pub fn of(self, found: &[Difference]) -> Option<String> {
        const NEVER: [&str; 2] = ["metadata.labels", "metadata.ownerReferences"];
        let is_never_remembered =
            |found: &Difference| NEVER.iter().any(|path| found.path.starts_with(path));
        if found.is_empty() || found.iter().any(is_never_remembered) {
            return None;
        }
        let values = found.iter().map(|found| match self {
            Self::Values => json!([found.path, found.live]),
            Self::Places => json!(found.path),
        });
        let all = Value::Array(values.collect()).to_string();
        Some(medium_digest(all.as_bytes()))
    }
}

fn remembered<K: Resource>(object: &K) -> Option<&String> {
    object.annotations().get(labels::OVERRULED_HASH)
}

pub(super) fn is_remembered<K: Resource>(object: &K, found: &[Difference]) -> bool {
    let known = remembered(object);
    MEMORIES
        .into_iter()
        .any(|memory| memory.of(found).as_ref() == known)
}

/// Whether an object is as its last apply has left it: nothing differs, or exactly what is remembered does.
pub(super) fn is_settled<K: Resource>(object: &K, found: &[Difference]) -> bool {
    match remembered(object) {
        None => found.is_empty(),
        Some(_) => is_overruled(object, found),
    }
}

/// Whether an object differs from what was applied last only where the apply itself came back different.
fn is_overruled<K: Resource>(object: &K, found: &[Difference]) -> bool {
    remembered(object).is_some() && is_remembered(object, found)
}

/// Whether an object differs from what was applied last, and is still desired, only because it is rewritten.
pub(super) fn holds<K: NamespacedKind>(put: &Put<'_, K>, live: &K) -> bool {
    // Few objects are rewritten, and a comparison takes longer than to ask for that.
    remembered(live).is_some()
        && live.annotations().get(labels::APPLIED_HASH) == Some(put.hash())
        && is_remembered(live, &missing(live, put.desired))
}

/// Sends what is remembered along, so that it is kept while it matches.
pub(super) fn carry_over<K: Resource>(live: &K, body: &mut K) {
    remember(body, remembered(live).cloned());
}

pub(super) fn remember<K: Resource>(body: &mut K, memory: Option<String>) {
    let annotations = body.annotations_mut();
    match memory {
        Some(memory) => annotations.insert(labels::OVERRULED_HASH.to_owned(), memory),
        None => annotations.remove(labels::OVERRULED_HASH),
    };
}

/// The first field that has become as desired, and the first that was rewritten, when that is new.
pub(super) fn reason<K: Resource>(sent: &Sent<K>, after: &[Difference]) -> String {
    let is_left = |before: &Difference| after.iter().any(|after| after.path == before.path);
    let done = sent.before.iter().find(|before| !is_left(before));
    let mut reason = done.map_or_else(|| sent.reason.to_owned(), ToString::to_string);
    let is_new = remembered(&sent.now) != sent.live.as_deref().and_then(remembered);
    if let (Some(left), true) = (after.first(), is_new) {
        let rewritten = format!(
            "an admission policy or webhook rewrites {} to {}",
            left.path,
            brief(&left.live)
        );
        if done.is_none() && !sent.before.is_empty() {
            reason = rewritten;
        } else {
            reason = format!("{reason}; {rewritten}");
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::content::to_value;
    use crate::apply::difference::differences;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn object(memory: Option<String>, value: &str) -> ConfigMap {
        let mut object: ConfigMap = serde_json::from_value(json!({"data": {"a": value}})).unwrap();
        remember(&mut object, memory);
        object
    }

    fn found(value: &str) -> Vec<Difference> {
        let wanted = json!({"data": {"a": "ours"}});
        differences(&to_value(&object(None, value)), &wanted)
    }

    #[test]
    fn an_object_is_overruled_while_it_is_as_it_came_back() {
        let values = Memory::Values.of(&found("theirs"));
        let places = Memory::Places.of(&found("theirs"));
        for (memory, value, expected) in [
            (&values, "theirs", true),
            (&values, "another", false),
            (&values, "ours", false),
            (&places, "theirs", true),
            (&places, "another", true),
            (&places, "ours", false),
            (&None, "theirs", false),
            (&Some("else".to_owned()), "theirs", false),
        ] {
            let object = object(memory.clone(), value);
            assert_eq!(
                is_overruled(&object, &found(value)),
                expected,
                "{memory:?} {value}"
            );
        }
    }

    #[test]
    fn an_object_is_settled_when_nothing_differs_and_nothing_is_remembered_for_it() {
        let memory = Memory::Values.of(&found("theirs"));
        for (memory, value, expected) in [
            (None, "ours", true),
            (None, "theirs", false),
            (memory.clone(), "theirs", true),
            (memory.clone(), "another", false),
            (memory, "ours", false),
        ] {
            let object = object(memory, value);
            assert_eq!(is_settled(&object, &found(value)), expected, "{value}");
            assert_eq!(is_remembered(&object, &found(value)), expected, "{value}");
        }
    }

    #[test]
    fn wrong_labels_and_owners_are_never_remembered() {
        let live = json!({"metadata": {"labels": {"instance": "other"}}, "data": {"a": "theirs"}});
        let wanted = json!({"metadata": {"labels": {"instance": "files"}}, "data": {"a": "ours"}});
        let found = differences(&live, &wanted);
        assert_eq!(found.len(), 2);
        assert!(
            MEMORIES
                .into_iter()
                .all(|memory| memory.of(&found).is_none())
        );
        assert!(!is_settled(&object(None, "theirs"), &found));
    }

    #[test]
    fn the_reason_names_what_was_corrected_and_what_was_rewritten() {
        let sent = |before: &[&str], now: Option<String>| Sent {
            live: Some(Arc::new(object(None, "theirs"))),
            before: before.iter().flat_map(|value| found(value)).collect(),
            body: object(None, "ours"),
            now: object(now, "theirs"),
            action: Action::Updated,
            reason: "fields that are no longer set were removed",
        };
        let new = Memory::Values.of(&found("theirs"));
        for (before, now, after, expected) in [
            (
                &["theirs"][..],
                None,
                found("ours"),
                "data.a: changed from theirs to ours",
            ),
            (
                &[],
                None,
                found("ours"),
                "fields that are no longer set were removed",
            ),
            (
                &["theirs"],
                new.clone(),
                found("theirs"),
                "an admission policy or webhook rewrites data.a to theirs",
            ),
            (
                &[],
                new,
                found("theirs"),
                "fields that are no longer set were removed; an admission policy or webhook rewrites data.a to theirs",
            ),
        ] {
            let reason = reason(&sent(before, now), &after);
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}
