use super::*;
use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

const OLD: &str = "sidecar:1";
const NEW: &str = "sidecar:2";
const NEWER: &str = "sidecar:3";
const NOW: &str = "2026-01-01T00:01:00Z";
const LONG_AGO: &str = "2026-01-01T00:00:00Z";
const JUST_NOW: &str = "2026-01-01T00:00:55Z";

fn runs(container: &str, since: &str) -> Value {
    json!({"containerID": container, "state": {"running": {"startedAt": since}}})
}

fn waits(reason: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason, "message": "it says why"}}})
}

/// A pod with these annotations (`contract` is the template's unless given) and this status of the sidecar.
#[allow(clippy::needless_pass_by_value)] // `json!` makes values.
fn pod(image: &str, annotations: Value, sidecar: Value) -> PodFacts {
    let mut all = json!({labels::SIDECAR_IMAGE: image, labels::SIDECAR_CONTRACT: "c"});
    merge(&mut all, &annotations);
    let mut status = json!({"name": names::SIDECAR_CONTAINER, "image": "", "imageID": "", "ready": true, "restartCount": 0});
    merge(&mut status, &sidecar);
    let statuses = if sidecar.is_null() {
        json!([])
    } else {
        json!([status])
    };
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "files-0", "annotations": all},
        "spec": {"containers": [], "initContainers": [{"name": names::SIDECAR_CONTAINER, "image": "rewritten@sha256:1"}]},
        "status": {"initContainerStatuses": statuses},
    }))
    .unwrap();
    PodFacts::of(&pod).unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

fn known(requested: &str, pod: Option<PodFacts>) -> Sidecar {
    Sidecar {
        requested: requested.to_owned(),
        policy: SidecarUpdatePolicy::InPlace,
        at: NOW.parse().unwrap(),
        pod,
        template: None,
    }
}

fn template(image: &str, previous: Option<&str>, refused: Option<&str>) -> Option<TemplateFacts> {
    let mut annotations = json!({labels::SIDECAR_IMAGE: image, labels::SIDECAR_CONTRACT: "c"});
    if let Some(previous) = previous {
        annotations[labels::SIDECAR_PREVIOUS_IMAGE] = previous.into();
    }
    if let Some(refused) = refused {
        annotations[labels::SIDECAR_REFUSED_IMAGE] = refused.into();
    }
    let set: StatefulSet = serde_json::from_value(json!({"spec": {"selector": {}, "template": {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [], "initContainers": [{"name": names::SIDECAR_CONTAINER, "image": image}]},
    }}}))
    .unwrap();
    TemplateFacts::of(&set)
}

/// On the way from the old image to the new one.
fn under_way(at: &str) -> Value {
    json!({
        labels::SIDECAR_PREVIOUS_IMAGE: OLD,
        labels::SIDECAR_REPLACED_AT: at,
        labels::SIDECAR_REPLACED_CONTAINER: "first",
    })
}

fn edit_of(renewal: &Renewal) -> &Edit {
    match renewal {
        Renewal::Replace(edit) | Renewal::PutBack(edit, _) | Renewal::Settle(edit) => edit,
        other => panic!("{other:?}"),
    }
}

fn set(edit: &Edit, key: &str) -> Option<String> {
    edit.annotations.get(key).cloned().flatten()
}

#[test]
fn another_image_is_tried_in_place_and_the_one_before_is_noted_down() {
    let live = pod(OLD, json!({}), runs("first", LONG_AGO));
    let decided = decide(&known(NEW, Some(live)), "c");
    let edit = edit_of(&decided);
    assert_eq!(edit.image.as_deref(), Some(NEW));
    assert_eq!(set(edit, labels::SIDECAR_IMAGE).as_deref(), Some(NEW));
    assert_eq!(
        set(edit, labels::SIDECAR_PREVIOUS_IMAGE).as_deref(),
        Some(OLD)
    );
    assert_eq!(
        set(edit, labels::SIDECAR_REPLACED_CONTAINER).as_deref(),
        Some("first")
    );
    assert_eq!(set(edit, labels::SIDECAR_REPLACED_AT).as_deref(), Some(NOW));
}

#[test]
fn what_a_policy_has_made_of_the_image_does_not_count() {
    let live = pod(OLD, json!({}), runs("first", LONG_AGO));
    assert_eq!(decide(&known(OLD, Some(live)), "c"), Renewal::Current);
}

#[test]
fn what_cannot_be_done_in_place_waits_for_the_next_pod() {
    let live = || pod(OLD, json!({}), runs("first", LONG_AGO));
    let contract = Renewal::NextPod(NextPod::Contract);
    assert_eq!(decide(&known(NEW, Some(live())), "other"), contract);
    let mut of_before = live();
    of_before.contract = None;
    assert_eq!(decide(&known(NEW, Some(of_before)), "c"), contract);
    let mut requested = known(NEW, Some(live()));
    requested.policy = SidecarUpdatePolicy::WithNextPod;
    assert_eq!(decide(&requested, "c"), Renewal::NextPod(NextPod::Policy));
    assert_eq!(decide(&known(NEW, None), "c"), Renewal::NoPod);
    let unreported = pod(OLD, json!({}), Value::Null);
    assert_eq!(
        decide(&known(NEW, Some(unreported)), "c"),
        Renewal::NotStarted
    );
    let starting = pod(OLD, json!({}), waits("ContainerCreating"));
    assert_eq!(
        decide(&known(NEW, Some(starting)), "c"),
        Renewal::NotStarted
    );
}

#[test]
fn an_image_that_does_not_run_is_put_back_and_not_tried_again() {
    for reason in [
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CrashLoopBackOff",
    ] {
        let live = pod(NEW, under_way(JUST_NOW), waits(reason));
        let decided = decide(&known(NEW, Some(live)), "c");
        let edit = edit_of(&decided);
        assert_eq!(edit.image.as_deref(), Some(OLD), "{reason}");
        assert_eq!(
            set(edit, labels::SIDECAR_REFUSED_IMAGE).as_deref(),
            Some(NEW)
        );
        let why = set(edit, labels::SIDECAR_REFUSED_REASON).unwrap();
        assert_eq!(why, format!("{reason}: it says why"));
        assert_eq!(set(edit, labels::SIDECAR_PREVIOUS_IMAGE), None);
        let annotations = edit.annotations.iter();
        let annotations = annotations.filter_map(|(key, value)| Some((*key, value.clone()?)));
        let after: Value = annotations
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .collect();
        let after = pod(OLD, after, waits(reason));
        assert!(matches!(
            decide(&known(NEW, Some(after.clone())), "c"),
            Renewal::Refused(_)
        ));
        let other = decide(&known(NEWER, Some(after)), "c");
        assert_eq!(
            edit_of(&other).image.as_deref(),
            Some(NEWER),
            "another image is tried"
        );
        assert_eq!(set(edit_of(&other), labels::SIDECAR_REFUSED_IMAGE), None);
    }
}

#[test]
fn what_is_said_of_the_image_before_does_not_count_against_the_new_one() {
    let mut annotations = under_way(JUST_NOW);
    annotations[labels::SIDECAR_REPLACED_CONTAINER] = "".into();
    let live = pod(NEW, annotations.clone(), waits("ImagePullBackOff"));
    let expected = Renewal::Replacing {
        requeue_after: Some(Duration::from_secs(15)),
    };
    assert_eq!(decide(&known(NEW, Some(live)), "c"), expected);
    annotations[labels::SIDECAR_REPLACED_AT] = LONG_AGO.into();
    let live = pod(NEW, annotations, waits("ImagePullBackOff"));
    assert!(matches!(
        decide(&known(NEW, Some(live)), "c"),
        Renewal::PutBack(..)
    ));
}

#[test]
fn an_image_has_proved_itself_when_another_container_has_run_for_a_while() {
    let replacing = |seconds: Option<u64>| Renewal::Replacing {
        requeue_after: seconds.map(Duration::from_secs),
    };
    for (sidecar, at, expected) in [
        (runs("first", LONG_AGO), JUST_NOW, Some(replacing(Some(25)))),
        (runs("second", JUST_NOW), JUST_NOW, Some(replacing(Some(5)))),
        (
            waits("ContainerCreating"),
            LONG_AGO,
            Some(replacing(Some(60))),
        ),
        (runs("second", "2026-01-01T00:00:50Z"), LONG_AGO, None),
    ] {
        let live = pod(NEW, under_way(at), sidecar);
        let decided = decide(&known(NEW, Some(live)), "c");
        if let Some(expected) = expected {
            assert_eq!(decided, expected);
            continue;
        }
        let edit = edit_of(&decided);
        assert_eq!(edit.image, None);
        assert!(edit.annotations.values().all(Option::is_none), "{edit:?}");
    }
}

/// Of a native sidecar that has ended with exit code 0, the kubelet says no more than that.
#[test]
fn an_image_that_is_not_started_within_two_minutes_is_put_back() {
    let ended = json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    let live = pod(NEW, under_way("2025-12-31T23:58:30Z"), ended);
    let decided = decide(&known(NEW, Some(live)), "c");
    assert_eq!(edit_of(&decided).image.as_deref(), Some(OLD));
}

#[test]
fn trouble_that_comes_later_has_nothing_to_do_with_the_image() {
    let live = pod(NEW, json!({}), waits("CrashLoopBackOff"));
    assert_eq!(decide(&known(NEW, Some(live)), "c"), Renewal::Current);
}

#[test]
fn whoever_changes_his_mind_half_way_goes_back_to_what_has_run() {
    let live = || pod(NEW, under_way(JUST_NOW), waits("ErrImagePull"));
    let decided = decide(&known(NEWER, Some(live())), "c");
    let edit = edit_of(&decided);
    assert_eq!(edit.image.as_deref(), Some(NEWER));
    assert_eq!(
        set(edit, labels::SIDECAR_PREVIOUS_IMAGE).as_deref(),
        Some(OLD)
    );
    let decided = decide(&known(OLD, Some(live())), "c");
    let edit = edit_of(&decided);
    assert_eq!(edit.image.as_deref(), Some(OLD));
    assert!(
        edit.annotations
            .iter()
            .all(|(key, value)| *key == labels::SIDECAR_IMAGE || value.is_none())
    );
}

#[test]
fn a_kubelet_that_does_not_restart_the_sidecar_is_helped() {
    let requested = |at: &str, container: &str| {
        let live = pod(NEW, under_way(at), runs(container, "2025-12-01T00:00:00Z"));
        known(NEW, Some(live)).end_if_started_before()
    };
    let moment = "2025-12-01T00:00:10Z".parse().unwrap();
    assert_eq!(requested(LONG_AGO, "first"), Some(moment));
    assert_eq!(requested(JUST_NOW, "first"), None);
    assert_eq!(requested(LONG_AGO, "second"), None);
}

/// What the next pod gets, for what is seen: image, image to go back to.
fn next(known: &Sidecar) -> (String, Option<String>) {
    let chosen = choose(known, "c");
    (chosen.image, chosen.previous)
}

fn expected(image: &str, previous: Option<&str>) -> (String, Option<String>) {
    (image.to_owned(), previous.map(str::to_owned))
}

#[test]
fn the_next_pod_gets_the_last_image_that_ran_until_the_new_one_has() {
    let running = || runs("first", LONG_AGO);
    for (what, live, template, wanted) in [
        ("nothing is there", None, None, (NEW, None)),
        (
            "it is about to be replaced",
            Some(pod(OLD, json!({}), running())),
            template(OLD, None, None),
            (OLD, None),
        ),
        (
            "it is being replaced",
            Some(pod(NEW, under_way(JUST_NOW), waits("ContainerCreating"))),
            template(OLD, None, None),
            (OLD, None),
        ),
        (
            "it has proved itself",
            Some(pod(NEW, json!({}), runs("second", LONG_AGO))),
            template(OLD, None, None),
            (NEW, None),
        ),
        (
            "it was refused",
            Some(pod(
                OLD,
                json!({labels::SIDECAR_REFUSED_IMAGE: NEW}),
                waits("ErrImagePull"),
            )),
            template(OLD, None, None),
            (OLD, None),
        ),
        (
            "there is no pod",
            None,
            template(OLD, None, None),
            (OLD, None),
        ),
        (
            "there is no pod after a refusal",
            None,
            template(OLD, None, Some(NEW)),
            (OLD, None),
        ),
        (
            "the first pod never got an image",
            Some(pod(OLD, json!({}), waits("ErrImagePull"))),
            template(OLD, None, None),
            (NEW, None),
        ),
        (
            "the pod is about to start",
            Some(pod(OLD, json!({}), waits("PodInitializing"))),
            template(OLD, None, None),
            (OLD, None),
        ),
        (
            "no node has taken the pod yet",
            Some(pod(OLD, json!({}), Value::Null)),
            template(OLD, None, None),
            (NEW, Some(OLD)),
        ),
    ] {
        let mut known = known(NEW, live);
        known.template = template;
        assert_eq!(next(&known), expected(wanted.0, wanted.1), "{what}");
    }
}

#[test]
fn where_an_image_cannot_be_tried_in_place_the_next_pod_can_go_back() {
    let live = || pod(OLD, json!({}), runs("first", LONG_AGO));
    let mut with_next_pod = known(NEW, Some(live()));
    with_next_pod.policy = SidecarUpdatePolicy::WithNextPod;
    with_next_pod.template = template(OLD, None, None);
    assert_eq!(next(&with_next_pod), expected(NEW, Some(OLD)));
    let mut other = live();
    other.contract = Some("before".to_owned());
    assert_eq!(next(&known(NEW, Some(other))), expected(NEW, Some(OLD)));
    for live in [
        None,
        Some(pod(
            NEW,
            json!({labels::SIDECAR_PREVIOUS_IMAGE: OLD}),
            waits("PodInitializing"),
        )),
    ] {
        let mut after = known(NEW, live);
        after.template = template(NEW, Some(OLD), None);
        assert_eq!(next(&after), expected(NEW, Some(OLD)));
    }
    let unreported = pod(
        NEW,
        json!({labels::SIDECAR_PREVIOUS_IMAGE: OLD}),
        Value::Null,
    );
    assert_eq!(decide(&known(NEW, Some(unreported)), "c"), Renewal::Current);
    let live = pod(
        NEW,
        json!({labels::SIDECAR_PREVIOUS_IMAGE: OLD}),
        waits("ErrImagePull"),
    );
    let mut after = known(NEW, Some(live));
    after.template = template(NEW, Some(OLD), None);
    assert_eq!(edit_of(&decide(&after, "c")).image.as_deref(), Some(OLD));
    // With the one before, the kubelet speaks of the other for a while.
    let live = pod(
        OLD,
        json!({labels::SIDECAR_REFUSED_IMAGE: NEW}),
        waits("ErrImagePull"),
    );
    let mut back = known(NEW, Some(live));
    back.template = template(NEW, Some(OLD), None);
    assert_eq!(next(&back), expected(OLD, None));
    assert_eq!(choose(&back, "c").refused.unwrap().image, NEW);
}
