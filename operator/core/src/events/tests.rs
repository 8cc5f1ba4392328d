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

#[test]
fn transitions_are_reported_as_grave_as_they_are() {
    use ConditionType::{
        Available, Progressing, Ready, RollPending, SidecarUpToDate, StatefulSetReady,
    };
    use Severity::{Normal, Warning};
    for (r#type, status, reason, progressing, expected) in [
        (
            Ready,
            "True",
            Reason::AllChecksPassed,
            "False",
            Some(Normal),
        ),
        (Ready, "Unknown", Reason::NothingPublished, "False", None),
        (Ready, "False", Reason::PodNotReady, "True", Some(Normal)),
        (Ready, "False", Reason::PodNotReady, "False", Some(Warning)),
        (
            StatefulSetReady,
            "False",
            Reason::PodNotReady,
            "False",
            None,
        ),
        (Available, "False", Reason::ServerNotRunning, "False", None),
        (RollPending, "False", Reason::UpToDate, "False", None),
        (RollPending, "True", Reason::Manual, "True", Some(Warning)),
        (SidecarUpToDate, "True", Reason::UpToDate, "False", None),
        (SidecarUpToDate, "False", Reason::Replacing, "False", None),
        (
            SidecarUpToDate,
            "False",
            Reason::WithNextPod,
            "False",
            Some(Normal),
        ),
        (
            SidecarUpToDate,
            "False",
            Reason::ImageRefused,
            "False",
            Some(Warning),
        ),
    ] {
        let after = self::status(vec![
            condition(r#type, status, reason, "why"),
            condition(Progressing, progressing, Reason::Rolling, ""),
        ]);
        let found: Vec<_> = transitions(None, &after).collect();
        let severities: Vec<_> = found.iter().map(|notice| notice.severity).collect();
        assert_eq!(severities, Vec::from_iter(expected), "{after:?}");
        for notice in found {
            assert_eq!(notice.reason, reason.as_str());
            assert_eq!(notice.note, format!("{}: why", r#type.as_str()));
        }
        assert_eq!(transitions(Some(&after), &after).count(), 0, "{after:?}");
    }
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
    let notes = |before: Option<&DittoServerStatus>, after: &DittoServerStatus| {
        let found = transitions(before, after).map(|notice| notice.note);
        found.collect::<Vec<_>>()
    };
    assert_eq!(notes(None, &quoted), ["Ready: StorageReady: no volume"]);
    // Ready was reported before, for another cause of the same reason.
    let before = status(vec![ready("DatabaseReady: no volume")]);
    assert_eq!(notes(Some(&before), &quoted), ["StorageReady: no volume"]);
    let other = status(vec![ready("ConfigReady: no key"), storage("no volume")]);
    assert_eq!(notes(None, &other).len(), 2);
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
    let new = notices(&first, &Told::default(), None, &before);
    assert_eq!(new.len(), 3, "both, and Ready");
    let told = Told::of(&first);
    assert_eq!(notices(&second, &told, Some(&before), &after), []);
    // Mended, and broken again.
    let told = Told::of(&first[..1]);
    assert_eq!(notices(&second, &told, Some(&before), &after).len(), 1);
    // Another reason.
    let invalid = [failure("one")];
    assert_eq!(notices(&invalid, &told, Some(&before), &after).len(), 1);
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
    assert_eq!(notices(&[one], &told, Some(&after), &after).len(), 0);
    assert_eq!(notices(&[other], &told, Some(&after), &after).len(), 1);
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
