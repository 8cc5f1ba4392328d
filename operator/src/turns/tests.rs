use super::*;
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

const OLD: &str = "sidecar:1";
const NEW: &str = "sidecar:2";
const NOW: &str = "2026-01-01T00:01:00Z";

#[allow(clippy::needless_pass_by_value)] // `json!` makes values.
fn pod(number: usize, annotations: Value) -> PodSeen {
    let pod = json!({
        "metadata": {"name": format!("files-{number}-0"), "uid": "first", "namespace": "n", "annotations": annotations},
        "spec": {"containers": [], "initContainers": [{"name": names::SIDECAR_CONTAINER, "image": OLD}]},
    });
    PodSeen::of(&serde_json::from_value::<Pod>(pod).unwrap())
}

fn quiet(number: usize) -> PodSeen {
    pod(number, json!({labels::SIDECAR_IMAGE: OLD}))
}

fn changed(number: usize, at: &str) -> PodSeen {
    let annotations = json!({
        labels::SIDECAR_IMAGE: NEW,
        labels::SIDECAR_PREVIOUS_IMAGE: OLD,
        labels::SIDECAR_REPLACED_AT: at,
    });
    pod(number, annotations)
}

fn take(turns: &mut Turns, number: usize, pods: &[PodSeen]) -> Turn {
    let instance = format!("files-{number}");
    turns.take(&instance, &pods[number], NEW, pods, NOW.parse().unwrap())
}

#[test]
fn ten_are_replaced_at_a_time_and_the_next_when_one_is_done() {
    let mut turns = Turns::default();
    let mut pods: Vec<_> = (0..12).map(quiet).collect();
    for number in 0..10 {
        assert_eq!(take(&mut turns, number, &pods), Turn::Now, "{number}");
    }
    assert_eq!(take(&mut turns, 0, &pods), Turn::Begun);
    assert_eq!(take(&mut turns, 10, &pods), Turn::Later);
    assert_eq!(take(&mut turns, 11, &pods), Turn::Later);
    // The cache shows the changes.
    for (number, pod) in pods.iter_mut().enumerate().take(10) {
        *pod = changed(number, "2026-01-01T00:00:30Z");
    }
    let next = |turns: &mut Turns, pods: &[PodSeen]| {
        let next = turns.next(pods, NOW.parse().unwrap());
        next.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert!(next(&mut turns, &pods).is_empty(), "none is done");
    // One of them has proved itself.
    pods[3] = pod(3, json!({labels::SIDECAR_IMAGE: NEW}));
    assert_eq!(next(&mut turns, &pods), ["files-10"]);
    assert_eq!(take(&mut turns, 10, &pods), Turn::Now);
    assert_eq!(take(&mut turns, 11, &pods), Turn::Later);
}

#[test]
fn the_next_pod_of_the_same_name_has_a_turn_of_its_own() {
    let mut turns = Turns::default();
    let mut pods = [quiet(0)];
    assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
    // It was made from an older template, while nobody looked at the first one any more.
    "second".clone_into(&mut pods[0].uid);
    assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
    assert_eq!(take(&mut turns, 0, &pods), Turn::Begun);
}

#[test]
fn a_change_that_was_seen_may_be_made_once_more() {
    let mut turns = Turns::default();
    let pods = [quiet(0)];
    assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
    turns.seen(&pods[0]);
    assert_eq!(take(&mut turns, 0, &pods), Turn::Begun);
    turns.seen(&changed(0, NOW));
    assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
}

#[test]
fn an_unused_turn_and_one_that_never_ends_hold_up_no_instance() {
    let mut turns = Turns::default();
    let mut pods: Vec<_> = (0..10)
        .map(|n| changed(n, "2025-12-31T23:00:00Z"))
        .collect();
    pods.extend((10..21).map(quiet));
    for number in 10..20 {
        assert_eq!(take(&mut turns, number, &pods), Turn::Now, "{number}");
    }
    assert_eq!(take(&mut turns, 20, &pods), Turn::Later);
    turns.give_back(&pods[12]);
    assert_eq!(take(&mut turns, 20, &pods), Turn::Now);
}

#[test]
fn an_image_that_fails_is_not_tried_again_and_a_refusal_of_the_api_server_is_no_failure() {
    let refused = |image: &str, reason: &str| json!({labels::SIDECAR_REFUSED_IMAGE: image, labels::SIDECAR_REFUSED_REASON: reason});
    for (annotations, expected) in [
        (
            refused(NEW, "ErrImagePull"),
            Turn::RefusedBy("n/files-0-0".to_owned()),
        ),
        (refused("sidecar:3", "ErrImagePull"), Turn::Now),
        (
            refused(NEW, "the API server refused to change the pod: PodSecurity"),
            Turn::Now,
        ),
    ] {
        let mut turns = Turns::default();
        let pods = [pod(0, annotations), quiet(1)];
        assert_eq!(take(&mut turns, 1, &pods), expected);
    }
}

#[test]
fn a_failure_in_one_namespace_holds_up_another_only_after_one_in_a_second() {
    let refused =
        json!({labels::SIDECAR_REFUSED_IMAGE: NEW, labels::SIDECAR_REFUSED_REASON: "ErrImagePull"});
    let in_namespace = |namespace: &str| {
        let mut pod = pod(0, refused.clone());
        namespace.clone_into(&mut pod.place.namespace);
        pod
    };
    let mut turns = Turns::default();
    let mut pods = vec![in_namespace("a"), quiet(1)];
    assert_eq!(take(&mut turns, 1, &pods), Turn::Now);
    turns.give_back(&pods[1]);
    pods.push(in_namespace("b"));
    assert_eq!(
        take(&mut turns, 1, &pods),
        Turn::RefusedBy("a/files-0-0".to_owned())
    );
}

#[test]
fn a_replacement_in_the_future_takes_no_turn() {
    let mut turns = Turns::default();
    let mut pods: Vec<_> = (0..10)
        .map(|n| changed(n, "2036-01-01T00:00:00Z"))
        .collect();
    pods.push(quiet(10));
    assert_eq!(take(&mut turns, 10, &pods), Turn::Now);
}

#[test]
fn whoever_is_on_the_way_may_take_another_image() {
    let mut turns = Turns::default();
    let mut pods: Vec<_> = (0..10)
        .map(|n| changed(n, "2026-01-01T00:00:30Z"))
        .collect();
    pods.push(quiet(10));
    let mut take = |number: usize| {
        let instance = format!("files-{number}");
        let now = NOW.parse().unwrap();
        turns.take(&instance, &pods[number], "sidecar:3", &pods, now)
    };
    assert_eq!(take(10), Turn::Later);
    for number in 0..10 {
        assert_eq!(take(number), Turn::Now, "{number}");
    }
    assert_eq!(take(10), Turn::Later);
}
