use super::*;
use dittofs_shared::names;
use dittofs_shared::published_state::Adapter;
use proptest::prelude::*;

fn reserved() -> ReservedPorts {
    let spec = serde_json::json!({"storage": {"metadataSize": "1Gi"}});
    ReservedPorts::of(&serde_json::from_value(spec).unwrap(), None)
}

fn verdict_of(adapter: Adapter) -> Verdict {
    evaluate(adapter, &reserved()).verdict
}

#[test]
fn an_enabled_adapter_of_a_known_type_on_a_port_of_its_own_is_exposed() {
    assert_eq!(
        verdict_of(Adapter::running("nfs", 12049)),
        Verdict::Expose(12049)
    );
    let not_running = Adapter {
        running: false,
        ..Adapter::running("smb", 1445)
    };
    assert_eq!(
        verdict_of(not_running),
        Verdict::Expose(1445),
        "the address must not change with every restart of the adapter"
    );
}

#[test]
fn an_unacceptable_adapter_is_refused_with_the_reason() {
    for (adapter, word) in [
        (Adapter::running("nfs", 0), "port 0"),
        (Adapter::running("nfs", -1), "port -1"),
        (Adapter::running("nfs", 65536), "port 65536"),
        (Adapter::running("nfs", 70000), "port 70000"),
        (
            Adapter::running("nfs", i64::MAX),
            "port 9223372036854775807",
        ),
        (Adapter::running("nfs", 8080), "REST API"),
        (Adapter::running("nfs", 8081), "sidecar"),
        (Adapter::running("webdav", 9999), "webdav"),
        (Adapter::running("", 9999), "must be one of"),
    ] {
        let evaluated = evaluate(adapter, &reserved());
        assert!(evaluated.is_kept() && evaluated.exposed().is_none());
        match evaluated.verdict {
            Verdict::Refused(reason) => {
                assert!(reason.contains(word), "{reason:?} does not say {word:?}");
            }
            other => panic!("{:?} is {other:?}", evaluated.published),
        }
    }
}

#[test]
fn a_leaving_adapter_keeps_its_objects_even_with_an_invalid_port() {
    let leaving = Adapter {
        enabled: false,
        leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Adapter::running("nfs", 0)
    };
    assert_eq!(verdict_of(leaving), Verdict::Leaving);
}

proptest! {
    #[test]
    fn only_known_types_on_unreserved_ports_are_ever_exposed(
        r#type in prop_oneof![Just("nfs".to_owned()), Just("smb".to_owned()), ".{0,20}"],
        port in prop_oneof![any::<i64>(), 0..70000_i64, Just(8080)],
        enabled: bool, running: bool,
    ) {
        let adapter = Adapter { r#type, port, enabled, running, leaving_since: None };
        let name = adapter.r#type.clone();
        if let Some((known, exposed)) = evaluate(adapter, &reserved()).exposed() {
            prop_assert_eq!(known.name(), name);
            prop_assert!(enabled && exposed != 0 && exposed != 8080 && exposed != names::SIDECAR_PORT);
            prop_assert_eq!(i64::from(exposed), port);
        }
    }
}
