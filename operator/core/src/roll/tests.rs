use super::*;
use dittofs_shared::{labels, names};
use serde_json::{Value, json};

/// Generation and observed generation, then the revision that the next pod would have.
fn set(annotations: &Value, generations: (i64, i64), revision: &str) -> StatefulSet {
    serde_json::from_value(json!({
        "metadata": {"generation": generations.0},
        "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}}},
        "status": {"observedGeneration": generations.1, "replicas": 1, "updateRevision": revision},
    }))
    .unwrap()
}

fn stateful_set(hash: &str, restarted: Option<&str>, generations: (i64, i64)) -> StatefulSet {
    let mut annotations = json!({ labels::ROLL_HASH: hash });
    if let Some(restarted) = restarted {
        annotations[labels::RESTARTED_AT] = restarted.into();
    }
    set(&annotations, generations, "new")
}

fn pod_with(annotations: &Value, revision: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"annotations": annotations, "labels": {"controller-revision-hash": revision}},
        "status": {"containerStatuses": [{
            "name": names::SERVER_CONTAINER, "image": "", "imageID": "", "restartCount": 0,
            "ready": true, "started": true, "state": {"running": {}},
        }]},
    }))
    .unwrap()
}

fn pod(hash: &str) -> Pod {
    pod_with(&json!({ labels::ROLL_HASH: hash }), "old")
}

/// As `pod`, but the server has ended.
fn crashed(hash: &str) -> Pod {
    let mut pod = pod(hash);
    for container in pod
        .status
        .iter_mut()
        .flat_map(|status| status.container_statuses.iter_mut().flatten())
    {
        let ended = json!({"terminated": {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z"}});
        container.state = serde_json::from_value(ended).unwrap();
        container.started = Some(false);
    }
    pod
}

fn never_started(mut pod: Pod) -> Pod {
    pod.status = None;
    pod
}

fn now(changed: &str) -> Roll {
    Roll::Now {
        changed: changed.to_owned(),
        in_turn: false,
    }
}

fn in_turn(changed: &str) -> Roll {
    Roll::Now {
        changed: changed.to_owned(),
        in_turn: true,
    }
}

fn pending(waits_for: Waits) -> Roll {
    Roll::Pending {
        changed: "image changed".to_owned(),
        waits_for,
    }
}

#[test]
fn the_decision_follows_the_hashes_the_policy_and_the_controller() {
    use RollPolicy::{Automatic, Manual};
    let same = stateful_set("image:1 config:1", None, (2, 2));
    let other = stateful_set("image:2 config:1", None, (2, 2));
    let unseen = stateful_set("image:2 config:1", None, (3, 2));
    let restarted = stateful_set("image:1 config:1", Some("now"), (2, 2));
    let live = pod("image:1 config:1");
    for (policy, set, expected) in [
        (Automatic, &same, Roll::Current),
        (Manual, &same, Roll::Current),
        (Automatic, &other, in_turn("image changed")),
        (Manual, &other, pending(Waits::User)),
        (Automatic, &unseen, pending(Waits::Controller)),
        (Manual, &restarted, now("a restart was requested")),
    ] {
        assert_eq!(decide(policy, Some(set), Some(&live)), expected);
    }
    assert_eq!(decide(Automatic, Some(&other), None), Roll::NoPod);
}

#[test]
fn only_a_server_that_serves_waits_for_its_turn_and_a_restart_by_hand_never_does() {
    let other = stateful_set("image:2", None, (2, 2));
    let restarted = stateful_set("image:2", Some("now"), (2, 2));
    let of = |set: &StatefulSet, pod: Pod| decide(RollPolicy::Automatic, Some(set), Some(&pod));
    assert_eq!(of(&other, pod("image:1")), in_turn("image changed"));
    assert_eq!(of(&other, crashed("image:1")), now("image changed"));
    let by_hand = now("a restart was requested");
    assert_eq!(of(&restarted, pod("image:1")), by_hand);
}

#[test]
fn a_pod_that_never_started_is_replaced_once_its_template_changes_under_every_policy() {
    let mended = stateful_set("image:1", None, (2, 2));
    let unseen = stateful_set("image:1", None, (3, 2));
    let rolled = stateful_set("image:2", None, (2, 2));
    let stuck = never_started(pod("image:1"));
    let reason = "its template changed, and the pod has never started";
    for policy in [RollPolicy::Automatic, RollPolicy::Manual] {
        let of = |set, pod| decide(policy, Some(set), Some(pod));
        assert_eq!(of(&mended, &stuck), now(reason));
        assert_eq!(of(&rolled, &stuck), now("image changed"));
        assert_eq!(of(&unseen, &stuck), Roll::Current);
        assert_eq!(of(&mended, &pod("image:1")), Roll::Current);
    }
}

#[test]
fn a_pod_of_the_latest_template_is_never_replaced() {
    let annotations = json!({ labels::ROLL_HASH: "image:2" });
    let set = set(&annotations, (2, 2), "new");
    let spoilt = pod_with(&json!({}), "new");
    for pod in [&spoilt, &never_started(spoilt.clone())] {
        let decision = decide(RollPolicy::Automatic, Some(&set), Some(pod));
        assert_eq!(decision, Roll::Current);
    }
}

#[test]
fn hashes_are_compared_in_a_form_that_both_sides_have() {
    let first = |hash: &str| json!({ labels::ROLL_HASH: hash });
    let both =
        |hash: &str, inputs: &str| json!({labels::ROLL_HASH: hash, labels::ROLL_INPUTS: inputs});
    for (template, pod, expected) in [
        // The first upgrade: the pod knows the first form only.
        (
            both("config:1", "config:9"),
            first("config:1"),
            Roll::Current,
        ),
        (
            both("config:2", "config:9"),
            first("config:1"),
            in_turn("config changed"),
        ),
        // Later: how the text is rendered does not matter.
        (
            both("config:2", "config:9"),
            both("config:1", "config:9"),
            Roll::Current,
        ),
        (
            both("config:1", "config:8"),
            both("config:1", "config:9"),
            in_turn("config changed"),
        ),
        // Back to a release that knows the first form only.
        (
            first("config:1"),
            both("config:1", "config:9"),
            Roll::Current,
        ),
    ] {
        let set = set(&template, (1, 1), "new");
        let live = pod_with(&pod, "old");
        let decision = decide(RollPolicy::Automatic, Some(&set), Some(&live));
        assert_eq!(decision, expected, "{template} {pod}");
    }
}

#[test]
fn every_part_that_differs_is_named_on_whichever_side_it_is() {
    for (wanted, has, expected) in [
        ("a:1 b:1", "a:1 b:1", &[][..]),
        ("a:2 b:1", "a:1 b:2", &["a", "b"]),
        ("a:1 b:1", "a:1", &["b"]),
        ("a:1", "a:1 b:1", &["b"]),
        ("a:1", "", &["a"]),
    ] {
        assert_eq!(
            crate::digest::differing_parts(wanted, has),
            expected,
            "{wanted} and {has}"
        );
    }
}

#[test]
fn a_pod_that_is_being_deleted_is_left_alone() {
    let mut live = pod("image:1");
    live.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
        jiff::Timestamp::UNIX_EPOCH,
    ));
    let set = stateful_set("image:2", None, (1, 1));
    assert_eq!(
        decide(RollPolicy::Automatic, Some(&set), Some(&live)),
        Roll::NoPod
    );
}
