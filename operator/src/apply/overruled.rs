//! What an admission policy or a webhook makes of an object whenever it is written.
//!
//! Where such a rule rewrites a field of ours, the object never becomes as wanted, however often it is sent. So an apply is
//! compared with what came back. Where that differs, a hash over it is written beside the hash of what was applied. While
//! both still fit the object, nothing has happened since, and nothing is sent. What is not remembered in this way is
//! sent: another wish of ours, and what somebody else has changed meanwhile.

use dittofs_shared::labels;
use kube::{Resource, ResourceExt as _};
use serde_json::{Value, json};
use std::sync::Arc;

use super::difference::{Difference, brief};
use super::write::{Object, Writer, content, hash_of, missing};
use dittofs_operator_core::digest::digest;
use dittofs_operator_core::outcome::{Action, Change, Failure};

/// An object that has been sent.
pub(super) struct Sent<K> {
    /// What was known of it before. `None`: it did not exist.
    pub live: Option<Arc<K>>,
    /// Where that was not as wanted.
    pub before: Vec<Difference>,
    /// What was sent.
    pub body: K,
    /// What the API server has made of it.
    pub now: K,
    /// What that does to the object.
    pub action: Action,
    /// Why it was sent, when there was no difference.
    pub reason: String,
}

/// What is remembered of values that came back different.
#[derive(Clone, Copy)]
enum Memory {
    /// The values.
    Values,
    /// Only where they are, because they are others with every write.
    Places,
}

const MEMORIES: [Memory; 2] = [Memory::Values, Memory::Places];

impl Memory {
    /// `None`: there is nothing to remember. What is wrong with labels and owners is always sent, because it decides whose
    /// an object is, and a sidecar can write to the metadata of its own ConfigMap.
    fn of(self, found: &[Difference]) -> Option<String> {
        const NEVER: [&str; 2] = ["metadata.labels", "metadata.ownerReferences"];
        let is_ours_to_keep =
            |found: &Difference| NEVER.iter().any(|path| found.path.starts_with(path));
        if found.is_empty() || found.iter().any(is_ours_to_keep) {
            return None;
        }
        let values = found.iter().map(|found| match self {
            Self::Values => json!([found.path, found.live]),
            Self::Places => json!(found.path),
        });
        let all = Value::Array(values.collect()).to_string();
        Some(digest(all.as_bytes())[..16].to_owned())
    }
}

fn remembered<K: Resource>(object: &K) -> Option<&String> {
    object.annotations().get(labels::OVERRULED_HASH)
}

fn is_remembered<K: Resource>(object: &K, found: &[Difference]) -> bool {
    let known = remembered(object);
    MEMORIES
        .into_iter()
        .any(|memory| memory.of(found).as_ref() == known)
}

/// Whether an object is as its last apply has left it: nothing differs, or only what came back different, and what is
/// remembered is about that.
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

/// Whether an object differs from what was applied last, and is wanted again, only because somebody rewrites it.
pub(super) fn holds<K: Object>(live: &K, desired: &K) -> bool {
    live.annotations().get(labels::APPLIED_HASH) == Some(&hash_of(desired))
        && is_overruled(live, &missing(live, desired))
}

/// Sends along what is remembered, so that it stays while it fits.
pub(super) fn carry_over<K: Resource>(live: &K, body: &mut K) {
    remember(body, remembered(live).cloned());
}

fn remember<K: Resource>(body: &mut K, memory: Option<String>) {
    let annotations = body.annotations_mut();
    match memory {
        Some(memory) => annotations.insert(labels::OVERRULED_HASH.to_owned(), memory),
        None => annotations.remove(labels::OVERRULED_HASH),
    };
}

impl Writer<'_> {
    /// Remembers what came back different, if anything did, and says whether the object has changed and why.
    pub(super) async fn conclude<K: Object>(
        &self,
        kind: &K::DynamicType,
        desired: &K,
        mut sent: Sent<K>,
        adjust: impl Fn(&K, &mut K),
    ) -> Result<(K, Option<Change>), Failure> {
        let mut after = missing(&sent.now, desired);
        for memory in MEMORIES {
            if is_remembered(&sent.now, &after) {
                break;
            }
            remember(&mut sent.body, memory.of(&after));
            adjust(&sent.now, &mut sent.body);
            sent.now = self.apply(kind, Some(&sent.now), &sent.body).await?;
            after = missing(&sent.now, desired);
        }
        let live = sent.live.as_deref();
        let has_changed = live.is_none_or(|live| content(live) != content(&sent.now));
        let change = has_changed.then(|| {
            let reason = reason(&sent, &after);
            Change::of(desired, kind, sent.action, reason)
        });
        Ok((sent.now, change))
    }
}

/// The first thing that has become as wanted, and what did not, when that is new.
fn reason<K: Resource>(sent: &Sent<K>, after: &[Difference]) -> String {
    let is_left = |before: &Difference| after.iter().any(|after| after.path == before.path);
    let done = sent.before.iter().find(|before| !is_left(before));
    let mut reason = done.map_or_else(|| sent.reason.clone(), ToString::to_string);
    let is_new = remembered(&sent.now) != sent.live.as_deref().and_then(remembered);
    if let (Some(left), true) = (after.first(), is_new) {
        let note = format!(
            "{} comes back as {} whenever it is applied, because an admission policy or a webhook rewrites it",
            left.path,
            brief(&left.live)
        );
        if done.is_none() && !sent.before.is_empty() {
            reason = note;
        } else {
            reason = format!("{reason}; {note}");
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::difference::differences;
    use crate::apply::write::to_value;
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
    fn wrong_labels_and_owners_are_never_left_alone() {
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
    fn the_reason_is_what_has_been_put_right_and_what_could_not_be() {
        let sent = |before: &[&str], now: Option<String>| Sent {
            live: Some(Arc::new(object(None, "theirs"))),
            before: before.iter().flat_map(|value| found(value)).collect(),
            body: object(None, "ours"),
            now: object(now, "theirs"),
            action: Action::Updated,
            reason: "what is not asked for any more is taken out".to_owned(),
        };
        let new = Memory::Values.of(&found("theirs"));
        for (before, now, after, expected) in [
            (
                &["theirs"][..],
                None,
                found("ours"),
                "data.a: theirs is now ours",
            ),
            (
                &[],
                None,
                found("ours"),
                "what is not asked for any more is taken out",
            ),
            (
                &["theirs"],
                new.clone(),
                found("theirs"),
                "data.a comes back as theirs",
            ),
            (
                &[],
                new,
                found("theirs"),
                "what is not asked for any more is taken out; data.a comes back as theirs",
            ),
        ] {
            let reason = reason(&sent(before, now), &after);
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}
