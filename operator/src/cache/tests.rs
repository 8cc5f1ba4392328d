//! What a cache has after events, lists and answers in any order, and which of them lead to a reconcile.

use super::*;
use dittofs_shared::labels;
use futures::FutureExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use crate::watch::instances_of;

struct Test {
    cache: Cache<ConfigMap>,
    requests: UnboundedReceiver<InstanceRef>,
    wake: Wake,
}

impl Test {
    /// Filled by one list in each of these namespaces, or by one of the whole cluster.
    fn of(namespaces: &[&str]) -> Self {
        let (wake, requests) = Wake::new();
        let rules = Rules::new(|_| {}, Arc::new(instances_of::<ConfigMap>));
        let namespaces: Vec<_> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let cache = Cache::new((), rules, wake.clone(), Lists::of(&namespaces));
        Self {
            cache,
            requests,
            wake,
        }
    }

    /// It has these objects, and every reconcile has begun.
    fn with(objects: &[ConfigMap]) -> Self {
        let mut test = Self::of(&["m", "n"]);
        for namespace in ["m", "n"] {
            test.list(Some(namespace), &[]);
        }
        for object in objects {
            test.cache.apply(object.clone());
        }
        test.reconciled();
        test
    }

    /// The instances that are reconciled now.
    fn reconciled(&mut self) -> Vec<String> {
        let now = std::time::Instant::now();
        let queued = std::iter::from_fn(|| self.requests.try_recv().ok());
        let due = queued.filter(|instance| {
            let begins = self.wake.begin(instance, now).is_ok();
            let later = now + std::time::Duration::from_hours(1);
            self.wake.due(instance, later);
            begins
        });
        let mut due: Vec<_> = due.map(|instance| instance.name).collect();
        due.sort();
        due
    }

    fn names(&self) -> Vec<String> {
        let places = self.cache.places();
        places
            .iter()
            .map(|(namespace, name)| format!("{namespace}/{name}"))
            .collect()
    }

    fn list(&self, namespace: Option<&str>, objects: &[ConfigMap]) {
        let mut listing = self.cache.list(namespace.map(str::to_owned));
        for object in objects {
            listing.apply(object.clone());
        }
        listing.finish();
    }

    fn content(&self) -> Option<String> {
        let found = self.cache.get("n", "files-config")?;
        found.data.as_ref()?.get("key").cloned()
    }

    fn has_synced(&self) -> bool {
        self.cache.synced().now_or_never().is_some()
    }
}

fn named(namespace: &str, name: &str, instance: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {
        "namespace": namespace, "name": name, "resourceVersion": "5", "labels": {labels::INSTANCE: instance},
    }}))
    .unwrap()
}

/// One object of one instance.
fn object(version: &str, content: &str) -> ConfigMap {
    let mut object = named("n", "files-config", "files");
    object.metadata.resource_version = Some(version.to_owned());
    object.data = Some([("key".to_owned(), content.to_owned())].into());
    object
}

#[test]
fn the_stamp_of_an_instance_changes_with_the_content_of_its_objects_only() {
    let test = Test::with(&[object("5", "a"), named("n", "b", "other")]);
    let stamp = || {
        let mut hasher = std::hash::DefaultHasher::new();
        test.cache.stamp("n", "files", &mut hasher);
        hasher.finish()
    };
    let first = stamp();
    // Another version with the same content, and an object of another instance.
    test.cache.apply(object("6", "a"));
    test.cache.apply(named("n", "c", "other"));
    assert_eq!(stamp(), first);
    let mut seen = std::collections::BTreeSet::from([first]);
    let mut is_new = |what: &str| assert!(seen.insert(stamp()), "{what}");
    test.cache.apply(object("7", "b"));
    is_new("other content");
    // A cluster that was restored has the same version once more.
    test.list(None, &[object("7", "c")]);
    is_new("other content in the same version");
    test.cache.learn(test.cache.ticket(), &object("8", "d"));
    is_new("an answer to a write of our own");
    test.cache.apply(named("n", "another", "files"));
    is_new("one more");
    test.cache.delete(named("n", "another", "files"));
    test.cache.delete(object("8", "d"));
    is_new("none left");
    test.cache.apply(object("9", "d"));
    is_new("made again");
}

#[test]
fn objects_are_found_by_name_and_by_instance_in_order() {
    let test = Test::with(&[
        named("n", "b", "files"),
        named("n", "a", "files"),
        named("n", "c", "other"),
        named("m", "d", "files"),
    ]);
    let found = test.cache.of_instance("n", "files");
    let names: Vec<_> = found.iter().map(|object| object.name_any()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(test.cache.has("m", "d") && !test.cache.has("n", "d"));
    assert_eq!(
        test.cache
            .get("n", "c")
            .unwrap()
            .resource_version()
            .as_deref(),
        Some("5")
    );
}

#[test]
fn an_object_whose_label_changes_matters_to_both_instances_and_is_found_by_the_new_one() {
    let mut test = Test::with(&[named("n", "a", "files")]);
    let mut moved = named("n", "a", "other");
    moved.metadata.resource_version = Some("6".to_owned());
    test.cache.apply(moved);
    assert_eq!(test.reconciled(), ["files", "other"]);
    assert!(test.cache.of_instance("n", "files").is_empty());
    assert_eq!(test.cache.of_instance("n", "other").len(), 1);
}

#[test]
fn an_event_leads_to_a_reconcile_when_the_content_is_new() {
    for (version, content, expected) in [
        ("5", "old", &[][..]),
        // Only who wrote it has changed.
        ("6", "old", &[]),
        ("6", "new", &["files"]),
    ] {
        let mut test = Test::with(&[object("5", "old")]);
        test.cache.apply(object(version, content));
        assert_eq!(test.reconciled(), expected, "{version} {content}");
        assert_eq!(
            test.cache.version("n", "files-config"),
            Some(version.into())
        );
    }
}

#[test]
fn the_event_of_an_own_write_leads_to_no_reconcile_whichever_comes_first() {
    for answer_first in [true, false] {
        let mut test = Test::with(&[object("5", "old")]);
        let ticket = test.cache.ticket();
        if answer_first {
            test.cache.learn(ticket, &object("6", "ours"));
            test.cache.apply(object("6", "ours"));
        } else {
            test.cache.apply(object("6", "ours"));
            test.cache.learn(ticket, &object("6", "ours"));
        }
        assert!(test.reconciled().is_empty(), "answer first: {answer_first}");
        assert_eq!(test.content().as_deref(), Some("ours"));
    }
}

#[test]
fn a_foreign_write_before_or_after_our_own_leads_to_a_reconcile_and_never_to_an_older_copy() {
    let mut test = Test::with(&[object("5", "old")]);
    let ticket = test.cache.ticket();
    // Theirs was 6, and its event comes after our answer.
    test.cache.learn(ticket, &object("7", "ours"));
    test.cache.apply(object("6", "theirs"));
    assert_eq!(test.content().as_deref(), Some("ours"));
    test.cache.apply(object("7", "ours"));
    assert_eq!(test.reconciled(), ["files"]);
    // Theirs is 9, and its event comes before our answer.
    test.cache.apply(object("9", "theirs"));
    test.cache.learn(ticket, &object("8", "ours"));
    assert_eq!(test.content().as_deref(), Some("theirs"));
    assert_eq!(test.reconciled(), ["files"]);
}

#[test]
fn an_object_that_was_deleted_before_its_answer_came_does_not_come_back() {
    let mut test = Test::with(&[]);
    let ticket = test.cache.ticket();
    test.cache.apply(object("6", "ours"));
    test.cache.delete(object("7", "ours"));
    test.cache.learn(ticket, &object("6", "ours"));
    assert!(test.names().is_empty());
    assert_eq!(test.reconciled(), ["files"]);
}

#[test]
fn an_answer_is_learned_although_another_object_has_gone_meanwhile() {
    let mut test = Test::with(&[object("5", "before"), named("n", "other", "other")]);
    let ticket = test.cache.ticket();
    test.cache.delete(named("n", "other", "other"));
    test.cache.learn(ticket, &object("6", "ours"));
    assert_eq!(test.content().as_deref(), Some("ours"), "the copy is stale");
    test.cache.apply(object("6", "ours"));
    assert_eq!(test.reconciled(), ["other"]);
}

#[test]
fn an_answer_brings_no_dittoserver_back_that_has_left_our_scope() {
    let rules = Rules {
        are_servers: true,
        ..Rules::new(|_| {}, Arc::new(instances_of::<ConfigMap>))
    };
    let cache = Cache::new((), rules, Wake::new().0, Lists::default());
    cache.apply(object("5", "old"));
    cache.delete(object("6", "old"));
    // Its status is written after that.
    let ticket = cache.ticket();
    cache.learn(ticket, &object("7", "ours"));
    assert!(cache.is_empty());
}

#[test]
fn an_own_deletion_shows_at_once_and_leads_to_no_reconcile() {
    let mut test = Test::with(&[object("5", "old")]);
    test.cache.learn_gone(&object("5", "old"));
    assert!(test.names().is_empty());
    test.cache.delete(object("6", "old"));
    assert!(test.reconciled().is_empty());
    // What has changed since is somebody else's.
    let test = Test::with(&[object("6", "new")]);
    test.cache.learn_gone(&object("5", "old"));
    assert_eq!(test.names(), ["n/files-config"]);
}

#[test]
fn what_was_found_right_is_remembered_until_the_object_changes() {
    let test = Test::with(&[object("5", "old")]);
    let is_settled = |hash: &str| test.cache.is_settled(&object("5", "old"), hash);
    assert!(!is_settled("ab12"));
    test.cache.settle(&object("5", "old"), "ab12");
    assert!(is_settled("ab12") && !is_settled("ab13"));
    test.cache.apply(object("6", "old"));
    assert!(is_settled("ab12"), "nothing of it has changed");
    test.cache.apply(object("7", "new"));
    assert!(!is_settled("ab12"));
    // It has changed since it was observed.
    test.cache.settle(&object("6", "old"), "ab12");
    assert!(!is_settled("ab12"));
}

#[test]
fn a_cache_has_synced_when_every_namespace_has_been_listed() {
    let test = Test::of(&["a", "b"]);
    test.list(Some("a"), &[named("a", "one", "x"), named("a", "two", "x")]);
    assert!(!test.has_synced());
    test.list(Some("b"), &[named("b", "three", "x")]);
    assert!(test.has_synced());
    assert_eq!(test.names(), ["a/one", "a/two", "b/three"]);
}

#[test]
fn a_first_list_leads_to_no_reconcile_but_at_what_a_finalizer_holds_up() {
    let mut test = Test::of(&[]);
    let mut held_up = named("n", "b", "held-up");
    held_up.metadata.finalizers = Some(vec!["theirs".to_owned()]);
    test.list(None, &[named("n", "a", "files"), held_up]);
    assert_eq!(test.reconciled(), ["held-up"]);
}

#[test]
fn a_list_that_restarts_leaves_nothing_behind() {
    let test = Test::of(&[]);
    let mut begun = test.cache.list(None);
    begun.apply(named("n", "old", "x"));
    drop(begun);
    test.list(None, &[named("n", "new", "x")]);
    assert_eq!(test.names(), ["n/new"]);
}

#[test]
fn a_later_list_reconciles_what_has_changed_or_gone_and_touches_no_other_namespace() {
    let mut test = Test::with(&[
        object("5", "old"),
        named("n", "gone", "gone"),
        named("n", "same", "same"),
        named("m", "other", "other"),
    ]);
    test.list(
        Some("n"),
        &[object("4", "older"), named("n", "same", "same")],
    );
    assert_eq!(test.reconciled(), ["files", "gone"]);
    assert_eq!(test.names(), ["m/other", "n/files-config", "n/same"]);
    // The cluster was restored from a backup.
    assert_eq!(test.content().as_deref(), Some("older"));
}
