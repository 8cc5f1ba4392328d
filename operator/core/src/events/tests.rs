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
fn a_failure_that_lasts_is_reported_once() {
    let (one, other) = (failure("one"), failure("other"));
    let ready = |failure: &Failure| {
        let message = failure.to_string();
        let ready = condition(ConditionType::Ready, "False", Reason::ApplyFailed, &message);
        status(vec![ready])
    };
    let at_adapter = DittoServerStatus {
        adapters: vec![AdapterStatus {
            message: Some(one.to_string()),
            ..serde_json::from_value(
                json!({"type": "nfs", "enabled": true, "running": true, "exposed": false}),
            )
            .unwrap()
        }],
        ..DittoServerStatus::default()
    };
    assert!(is_recorded(&ready(&one), &one));
    assert!(is_recorded(&at_adapter, &one));
    for status in [
        &ready(&other),
        &DittoServerStatus::default(),
        &status(Vec::new()),
    ] {
        assert!(!is_recorded(status, &one), "{status:?}");
    }
    // Other conditions may quote a failure.
    let message = format!("{one}, and more");
    let quoted = condition(ConditionType::Ready, "False", Reason::ApplyFailed, &message);
    assert!(!is_recorded(&status(vec![quoted]), &one));
    let after = ready(&one);
    assert_eq!(notices(&[], &[one], Some(&after), &after).len(), 0);
    assert_eq!(notices(&[], &[other], Some(&after), &after).len(), 1);
}
