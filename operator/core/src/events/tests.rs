use super::*;
use crate::outcome::ApplyError;
use serde_json::json;

fn condition(r#type: ConditionType, status: &str, reason: Reason, message: &str) -> Condition {
    serde_json::from_value(json!({
        "type": r#type.as_str(), "status": status, "reason": reason.as_str(), "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn status(conditions: Vec<Condition>) -> DittoServerStatus {
    DittoServerStatus {
        conditions,
        ..DittoServerStatus::default()
    }
}

fn failure(name: &str) -> Failure {
    Failure {
        kind: "Service".to_owned(),
        name: name.to_owned(),
        error: ApplyError::Raced,
    }
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// What is reported of a first status at once, and of the same status 10 s later.
fn reported(status: &DittoServerStatus) -> [Vec<Notice>; 2] {
    let mut awaited = Awaited::default();
    let at_once = transitions(None, status, &mut awaited, after(0));
    assert_eq!(
        transitions(Some(status), status, &mut awaited, after(9)),
        []
    );
    let later = transitions(Some(status), status, &mut awaited, after(10));
    assert_eq!(
        transitions(Some(status), status, &mut awaited, after(99)),
        []
    );
    [at_once, later]
}

#[test]
fn transitions_are_reported_as_grave_as_they_are() {
    use ConditionType::{
        Available, Progressing, Ready, RollPending, SidecarUpToDate, StatefulSetReady,
    };
    use Reason::{
        AllChecksPassed, ImageRefused, Manual, NothingPublished, PodNotReady, Replacing, Rolling,
        ServerNotRunning, UpToDate, WithNextPod,
    };
    use Severity::{Normal, Warning};
    for (r#type, status, reason, progressing, at_once, later) in [
        (Ready, "True", AllChecksPassed, "False", Some(Normal), None),
        (Ready, "Unknown", NothingPublished, "False", None, None),
        (Ready, "False", PodNotReady, "True", None, Some(Normal)),
        (Ready, "False", PodNotReady, "False", Some(Warning), None),
        (StatefulSetReady, "False", PodNotReady, "False", None, None),
        (Available, "False", ServerNotRunning, "False", None, None),
        (RollPending, "False", UpToDate, "False", None, None),
        (RollPending, "True", Manual, "True", Some(Warning), None),
        (SidecarUpToDate, "True", UpToDate, "False", None, None),
        (SidecarUpToDate, "False", Replacing, "False", None, None),
        (
            SidecarUpToDate,
            "False",
            WithNextPod,
            "False",
            Some(Normal),
            None,
        ),
        (
            SidecarUpToDate,
            "False",
            ImageRefused,
            "False",
            Some(Warning),
            None,
        ),
    ] {
        let status = self::status(vec![
            condition(r#type, status, reason, "why"),
            condition(Progressing, progressing, Rolling, ""),
        ]);
        let found = reported(&status);
        let severities = found.each_ref().map(|notices| {
            let severities = notices.iter().map(|notice| notice.severity);
            severities.collect::<Vec<_>>()
        });
        let expected = [at_once, later].map(Vec::from_iter);
        assert_eq!(severities, expected, "{status:?}");
        for notice in found.into_iter().flatten() {
            assert_eq!(notice.reason, reason.as_str());
            assert_eq!(notice.note, format!("{}: why", r#type.as_str()));
        }
    }
}

fn not_yet(reason: Reason, progressing: &str) -> DittoServerStatus {
    status(vec![
        condition(ConditionType::Ready, "False", reason, "why"),
        condition(ConditionType::Progressing, progressing, Reason::Rolling, ""),
    ])
}

#[test]
fn what_is_on_its_way_is_reported_only_if_it_lasts() {
    let claim = not_yet(Reason::ClaimPending, "True");
    let pod = not_yet(Reason::PodNotReady, "True");
    let ready = status(vec![condition(
        ConditionType::Ready,
        "True",
        Reason::AllChecksPassed,
        "all",
    )]);
    let mut awaited = Awaited::default();
    let mut reasons = |before: Option<&DittoServerStatus>, status: &DittoServerStatus, seconds| {
        let found = transitions(before, status, &mut awaited, after(seconds));
        let found: Vec<_> = found.into_iter().map(|notice| notice.reason).collect();
        (found.concat(), awaited.due_in(after(seconds)))
    };
    let seconds = |left| Some(std::time::Duration::from_secs(left));
    assert_eq!(reasons(None, &claim, 0), (String::new(), seconds(10)));
    assert_eq!(
        reasons(Some(&claim), &claim, 9),
        (String::new(), seconds(1))
    );
    // Each step has its own time.
    assert_eq!(reasons(Some(&claim), &pod, 9), (String::new(), seconds(10)));
    assert_eq!(
        reasons(Some(&pod), &pod, 19),
        ("PodNotReady".to_owned(), None)
    );
    assert_eq!(reasons(Some(&pod), &pod, 99), (String::new(), None));
    assert_eq!(
        reasons(Some(&pod), &ready, 100),
        ("AllChecksPassed".to_owned(), None)
    );
    assert!(awaited.is_empty());
}

#[test]
fn what_is_on_its_way_no_longer_is_reported_at_once() {
    let (on_its_way, stuck) = (
        not_yet(Reason::PodNotReady, "True"),
        not_yet(Reason::PodNotReady, "False"),
    );
    let mut awaited = Awaited::default();
    assert_eq!(transitions(None, &on_its_way, &mut awaited, after(0)), []);
    let found = transitions(Some(&on_its_way), &stuck, &mut awaited, after(1));
    let severities: Vec<_> = found.iter().map(|notice| notice.severity).collect();
    assert_eq!(severities, [Severity::Warning]);
    assert_eq!(
        transitions(Some(&stuck), &stuck, &mut awaited, after(2)),
        []
    );
}

/// Since when the conditions of these tests are as they are.
fn transition(seconds: i64) -> Timestamp {
    let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    since + jiff::SignedDuration::from_secs(seconds)
}

#[test]
fn an_operator_that_has_just_started_knows_by_the_time_what_was_reported() {
    let pod = not_yet(Reason::PodNotReady, "True");
    for (started, expected) in [(4, 1), (10, 0), (100, 0)] {
        let mut awaited = Awaited::default();
        let mut all = transitions(Some(&pod), &pod, &mut awaited, transition(started));
        assert_eq!(all, [], "{started}");
        all = transitions(Some(&pod), &pod, &mut awaited, transition(started + 10));
        assert_eq!(all.len(), expected, "{started}");
    }
}

#[test]
fn a_server_that_has_served_before_tells_at_once_why_it_no_longer_does() {
    let mut pod = not_yet(Reason::PodNotReady, "True");
    pod.first_ready_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(after(
        0,
    )));
    let [at_once, later] = reported(&pod);
    let severities = at_once.iter().map(|notice| notice.severity);
    assert_eq!(severities.collect::<Vec<_>>(), [Severity::Normal]);
    assert_eq!(later, []);
}

#[test]
fn what_is_held_back_when_the_first_pod_is_ready_is_held_until_it_is_over() {
    let pod = not_yet(Reason::PodNotReady, "True");
    let mut serves = pod.clone();
    serves.first_ready_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(after(
        5,
    )));
    let mut awaited = Awaited::default();
    assert_eq!(transitions(None, &pod, &mut awaited, after(0)), []);
    assert_eq!(transitions(Some(&pod), &serves, &mut awaited, after(5)), []);
    let found = transitions(Some(&serves), &serves, &mut awaited, after(10));
    assert_eq!(found.len(), 1);
}

#[test]
fn what_ready_quoted_and_no_longer_does_is_reported_itself() {
    let refused = condition(
        ConditionType::Authenticated,
        "False",
        Reason::CredentialsRefused,
        "401",
    );
    let with_ready = |reason, message: &str| {
        status(vec![
            condition(ConditionType::Ready, "False", reason, message),
            condition(ConditionType::Progressing, "True", Reason::Rolling, ""),
            refused.clone(),
        ])
    };
    let quoted = with_ready(Reason::CredentialsRefused, "Authenticated: 401");
    let other = with_ready(Reason::PodNotReady, "it crashes");
    let mut awaited = Awaited::default();
    assert_eq!(transitions(None, &quoted, &mut awaited, after(0)), []);
    let found = transitions(Some(&quoted), &other, &mut awaited, after(5));
    let notes: Vec<_> = found.into_iter().map(|notice| notice.note).collect();
    assert_eq!(notes, ["Authenticated: 401"]);
}

#[test]
fn a_condition_that_is_gone_is_awaited_no_longer() {
    let mut awaited = Awaited::default();
    let pod = not_yet(Reason::PodNotReady, "True");
    transitions(None, &pod, &mut awaited, after(0));
    transitions(Some(&pod), &status(Vec::new()), &mut awaited, after(1));
    assert!(awaited.is_empty());
}

#[test]
fn a_cause_that_ready_quotes_is_reported_once() {
    let storage = |message: &str| {
        condition(
            ConditionType::StorageReady,
            "False",
            Reason::ClaimPending,
            message,
        )
    };
    let ready =
        |message: &str| condition(ConditionType::Ready, "False", Reason::ClaimPending, message);
    let quoted = status(vec![ready("StorageReady: no volume"), storage("no volume")]);
    let notes = |before: Option<&DittoServerStatus>, status: &DittoServerStatus| {
        let found = transitions(before, status, &mut Awaited::default(), after(0));
        let notes = found.into_iter().map(|notice| notice.note);
        notes.collect::<Vec<_>>()
    };
    assert_eq!(notes(None, &quoted), ["Ready: StorageReady: no volume"]);
    // Ready was reported before, for another cause of the same reason.
    let before = status(vec![ready("DatabaseReady: no volume")]);
    assert_eq!(notes(Some(&before), &quoted), ["StorageReady: no volume"]);
    let other = status(vec![ready("ConfigReady: no key"), storage("no volume")]);
    assert_eq!(notes(None, &other).len(), 2);
    // On their way, and reported together, although Ready has come to this cause later.
    let with_progress = |mut status: DittoServerStatus| {
        let progress = condition(ConditionType::Progressing, "True", Reason::Rolling, "");
        status.conditions.push(progress);
        status
    };
    let mut awaited = Awaited::default();
    let config = condition(ConditionType::Ready, "False", Reason::PodNotReady, "no pod");
    let (first, then) = (
        with_progress(status(vec![config, storage("no volume")])),
        with_progress(quoted),
    );
    assert_eq!(transitions(None, &first, &mut awaited, after(0)), []);
    for (before, seconds) in [(&first, 5), (&then, 10)] {
        let found = transitions(Some(before), &then, &mut awaited, after(seconds));
        assert_eq!(found, []);
        let due = std::time::Duration::from_secs(5);
        assert_eq!(awaited.due_in(after(seconds)), Some(due));
    }
    let found = transitions(Some(&then), &then, &mut awaited, after(15));
    let notes: Vec<_> = found.into_iter().map(|notice| notice.note).collect();
    assert_eq!(notes, ["Ready: StorageReady: no volume"]);
}

fn first_notices(
    failures: &[Failure],
    told: &Told,
    before: Option<&DittoServerStatus>,
    status: &DittoServerStatus,
) -> Vec<Notice> {
    let mut awaited = Awaited::default();
    notices((failures, told), (before, status), &mut awaited, after(0))
}

fn refused(name: &str, text: &str) -> Failure {
    let answer = kube::core::Status::failure(text, "Forbidden").with_code(403);
    Failure {
        kind: "Service".to_owned(),
        name: name.to_owned(),
        error: ApplyError::Refused(answer.boxed()),
    }
}

fn not_ready(failure: &Failure) -> DittoServerStatus {
    let message = failure.to_string();
    let ready = condition(ConditionType::Ready, "False", Reason::ApplyFailed, &message);
    status(vec![ready])
}

fn with_adapter(message: &str) -> DittoServerStatus {
    let adapter = json!({"type": "nfs", "enabled": true, "running": true, "exposed": false, "message": message});
    DittoServerStatus {
        adapters: vec![serde_json::from_value(adapter).unwrap()],
        ..DittoServerStatus::default()
    }
}

#[test]
fn failures_that_last_are_reported_once_whatever_their_texts_say() {
    let at = |time: &str| [refused("one", time), refused("other", time)];
    let (first, second) = (at("denied at 12:00"), at("denied at 12:01"));
    let (before, after) = (not_ready(&first[0]), not_ready(&second[0]));
    let new = first_notices(&first, &Told::default(), None, &before);
    assert_eq!(new.len(), 3, "both, and Ready");
    let told = Told::of(&first);
    assert_eq!(first_notices(&second, &told, Some(&before), &after), []);
    // Mended, and broken again.
    let told = Told::of(&first[..1]);
    assert_eq!(
        first_notices(&second, &told, Some(&before), &after).len(),
        1
    );
    // Another reason.
    let invalid = [failure("one")];
    assert_eq!(
        first_notices(&invalid, &told, Some(&before), &after).len(),
        1
    );
}

#[test]
fn an_operator_that_has_just_started_knows_from_the_status_what_was_reported() {
    let (one, other) = (refused("one", "denied"), refused("other", "denied"));
    let at_adapter = with_adapter(&one.to_string());
    assert!(is_recorded(&not_ready(&one), &one));
    assert!(is_recorded(&at_adapter, &one));
    for status in [
        &not_ready(&other),
        &DittoServerStatus::default(),
        &status(Vec::new()),
    ] {
        assert!(!is_recorded(status, &one), "{status:?}");
    }
    let after = not_ready(&one);
    let told = Told::default();
    assert_eq!(first_notices(&[one], &told, Some(&after), &after).len(), 0);
    assert_eq!(
        first_notices(&[other], &told, Some(&after), &after).len(),
        1
    );
}

#[test]
fn an_adapter_is_reported_again_when_its_cause_is_another_one() {
    let failed = |text: &str| with_adapter(&refused("files-nfs", text).to_string());
    let port = |port: &str| with_adapter(&format!("port {port} is reserved for the REST API"));
    for (before, after, expected) in [
        (failed("denied at 12:00"), failed("denied at 12:01"), 0),
        (failed("denied at 12:00"), port("8080"), 1),
        (port("8080"), port("8081"), 1),
        (port("8080"), port("8080"), 0),
    ] {
        assert_eq!(
            refusals(Some(&before), &after).count(),
            expected,
            "{after:?}"
        );
    }
}
