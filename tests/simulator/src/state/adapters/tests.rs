use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn booted() -> Adapters {
    Adapters::first_boot(&[("nfs".to_owned(), 12049), ("smb".to_owned(), 1445)], NOW)
}

fn new(value: Value) -> NewAdapter {
    serde_json::from_value(value).unwrap()
}

fn patch(value: Value) -> AdapterPatch {
    serde_json::from_value(value).unwrap()
}

#[test]
fn ports_have_plans() {
    // As the real server, version 0.29.0, was seen to listen.
    for (kind, port, want) in [
        ("nfs", -1, PortPlan::Listen(2049)),
        ("nfs", 0, PortPlan::Listen(12049)),
        ("smb", -1, PortPlan::Listen(12445)),
        ("smb", 0, PortPlan::Listen(12445)),
        ("nfs", 1, PortPlan::Listen(1)),
        ("nfs", 65535, PortPlan::Listen(65535)),
        ("smb", 65536, PortPlan::Impossible),
        ("nfs", 70000, PortPlan::Impossible),
    ] {
        assert_eq!(
            Adapter::new(kind, port, NOW).port_plan(),
            want,
            "{kind} {port}"
        );
    }
}

#[test]
fn creation_is_judged() {
    for (request, want) in [
        (json!({}), Err(Refusal::AdapterTypeRequired)),
        (
            json!({"type": "webdav", "port": 9999}),
            Err(Refusal::AdapterNotCreated),
        ),
        (json!({"type": "nfs"}), Err(Refusal::AdapterExists)),
        (json!({"type": "smb"}), Ok((1445, true))),
        (
            json!({"type": "smb", "port": 446, "enabled": false}),
            Ok((446, true)),
        ),
        (json!({"type": "smb", "port": 70000}), Ok((70000, true))),
    ] {
        let mut adapters = booted();
        adapters.delete("smb").unwrap();
        let got = adapters.create(new(request.clone()), NOW);
        assert_eq!(got.map(|made| (made.port, made.enabled)), want, "{request}");
    }
}

#[test]
fn an_update_keeps_what_it_does_not_name_and_stops_what_it_moves() {
    for (request, port, enabled, running) in [
        (json!({}), 1445, true, true),
        (json!({"enabled": true, "port": 1445}), 1445, true, true),
        (json!({"enabled": false}), 1445, false, false),
        (json!({"port": 1446}), 1446, true, false),
        (json!({"enabled": true, "port": 0}), 0, true, false),
        (
            json!({"config": {"bind_address": "127.0.0.1"}}),
            1445,
            true,
            false,
        ),
    ] {
        let mut adapters = booted();
        adapters.set_phase("smb", Phase::Listening).unwrap();
        let changed = adapters.update("smb", patch(request), NOW).unwrap();
        assert_eq!(
            (changed.port, changed.enabled, changed.running()),
            (port, enabled, running)
        );
    }
    assert!(
        booted()
            .update("ftp", AdapterPatch::default(), NOW)
            .is_err()
    );
}

#[test]
fn running_is_what_the_server_says() {
    for (phase, running, early, later) in [
        (Phase::Stopped, false, Probe::NotRunning, Probe::NotRunning),
        (Phase::Listening, true, Probe::NotStarted, Probe::Healthy),
        (Phase::Deaf, true, Probe::NotStarted, Probe::NotStarted),
    ] {
        let adapter = Adapter {
            phase,
            ..Adapter::new("nfs", 1, NOW)
        };
        assert_eq!(adapter.running(), running, "{phase:?}");
        assert_eq!(
            (adapter.probe(true), adapter.probe(false)),
            (early, later),
            "{phase:?}"
        );
    }
}

#[test]
fn phases_are_not_stored() {
    let mut adapters = booted();
    adapters.set_phase("nfs", Phase::Listening).unwrap();
    let text = serde_json::to_string(&adapters).unwrap();
    let back: Adapters = serde_json::from_str(&text).unwrap();
    assert!(back.iter().all(|adapter| !adapter.running()));
    assert_eq!(back.get("smb").unwrap().port, 1445);
}
