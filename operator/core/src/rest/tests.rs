use super::*;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

fn server(version: &str, status: &Value, more: &Value) -> DittoServer {
    let mut server = json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": "files", "uid": "u", "resourceVersion": version},
        "spec": {"storage": {"metadataSize": "1Gi"}}, "status": status,
    });
    json_patch::merge(&mut server, more);
    serde_json::from_value(server).unwrap()
}

fn secrets(version: Option<&str>) -> BTreeMap<String, SecretFacts> {
    let facts = SecretFacts {
        resource_version: version.map(str::to_owned),
        ..SecretFacts::default()
    };
    BTreeMap::from([("files-jwt-secret".to_owned(), facts)])
}

#[test]
fn a_change_of_anything_that_is_read_is_another_input() {
    let of = |version, objects, secret| {
        let server = server(version, &Value::Null, &json!({}));
        Inputs::of(&server, objects, &secrets(secret))
    };
    let known = of("1", 1, Some("1"));
    assert!(known.is_some());
    assert_eq!(known, of("1", 1, Some("1")));
    for other in [
        of("2", 1, Some("1")),
        of("1", 2, Some("1")),
        of("1", 1, Some("2")),
    ] {
        assert!(other.is_some() && other != known);
    }
    let server = server("1", &Value::Null, &json!({}));
    assert_ne!(known, Inputs::of(&server, 1, &BTreeMap::new()));
    assert_eq!(of("1", 1, None), None, "the Secret may be another one");
}

#[test]
fn what_was_found_holds_until_an_input_changes_or_its_time_has_come() {
    let inputs = |objects| {
        Inputs::of(
            &server("1", &Value::Null, &json!({})),
            objects,
            &secrets(Some("1")),
        )
    };
    let (same, other) = (inputs(1).unwrap(), inputs(2).unwrap());
    let began = Instant::now();
    let second = Duration::from_secs(1);
    let soon = AtRest::since(same, began, second * 10);
    assert_eq!(soon.left(same, began + second * 4), Some(second * 6));
    assert_eq!(soon.left(other, began), None);
    assert_eq!(soon.left(same, began + second * 10), None);
    assert_eq!(soon.left(same, began + second * 11), None);
    let never_due = AtRest::since(same, began, Duration::MAX);
    assert_eq!(never_due.left(same, began), Some(LONGEST));
    assert_eq!(never_due.left(same, began + LONGEST), None);
}

#[test]
fn only_a_ready_server_with_nothing_to_do_is_in_order() {
    let conditions = |ready: &str| {
        json!({"conditions": [{
            "type": "Ready", "status": ready, "reason": "AllChecksPassed", "message": "",
            "lastTransitionTime": Time(Timestamp::UNIX_EPOCH),
        }]})
    };
    let request = json!({"metadata": {"annotations": {"dittofs.dittofs.com/reconcile-now": "1"}}});
    let waits = Roll::Pending {
        changed: "image".to_owned(),
        waits_for: crate::roll::Waits::User,
    };
    let in_order = || Case {
        ready: "True",
        reported: "True",
        more: json!({}),
        roll: Roll::Current,
        renewal: Renewal::Current,
    };
    let is_in_order = |case: &Case| {
        let server = server("1", &conditions(case.reported), &case.more);
        let status = serde_json::from_value(conditions(case.ready)).unwrap();
        is_in_order(&server, &status, &case.roll, &case.renewal)
    };
    assert!(is_in_order(&in_order()));
    for case in [
        Case {
            ready: "False",
            reported: "False",
            ..in_order()
        },
        Case {
            reported: "False",
            ..in_order()
        },
        Case {
            more: json!({"spec": {"paused": true}}),
            ..in_order()
        },
        Case {
            more: request,
            ..in_order()
        },
        Case {
            roll: waits,
            ..in_order()
        },
        Case {
            roll: Roll::NoPod,
            renewal: Renewal::NoPod,
            ..in_order()
        },
        Case {
            renewal: Renewal::WaitsForOthers,
            ..in_order()
        },
    ] {
        assert!(!is_in_order(&case), "{case:?}");
    }
}

/// What a reconcile has found.
#[derive(Debug)]
struct Case {
    ready: &'static str,
    reported: &'static str,
    more: Value,
    roll: Roll,
    renewal: Renewal,
}
