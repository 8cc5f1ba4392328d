use super::*;
use dittofs_shared::published::Adapter;
use proptest::prelude::*;

fn spec() -> DittoServerSpec {
    serde_json::from_value(serde_json::json!({"storage": {"metadataSize": "1Gi"}})).unwrap()
}

fn adapter(r#type: &str, port: i64) -> Adapter {
    Adapter {
        r#type: r#type.to_owned(),
        port,
        enabled: true,
        running: true,
        leaving_since: None,
    }
}

#[test]
fn an_enabled_adapter_of_a_known_type_on_a_port_of_its_own_is_exposed() {
    assert_eq!(
        verdict(&adapter("nfs", 12049), &spec()),
        Verdict::Expose(12049)
    );
    let not_running = Adapter {
        running: false,
        ..adapter("smb", 1445)
    };
    assert_eq!(
        verdict(&not_running, &spec()),
        Verdict::Expose(1445),
        "an address outlives a hiccup"
    );
}

#[test]
fn what_cannot_be_right_is_refused_with_the_reason() {
    for (adapter, word) in [
        (adapter("nfs", 0), "port 0"),
        (adapter("nfs", -1), "port -1"),
        (adapter("nfs", 65536), "port 65536"),
        (adapter("nfs", 70000), "port 70000"),
        (adapter("nfs", i64::MAX), "port 9223372036854775807"),
        (adapter("nfs", 8080), "REST API"),
        (adapter("nfs", 8081), "sidecar"),
        (adapter("webdav", 9999), "webdav"),
        (adapter("", 9999), "not one of"),
    ] {
        match verdict(&adapter, &spec()) {
            Verdict::Refused(reason) => {
                assert!(reason.contains(word), "{reason:?} does not say {word:?}");
            }
            other => panic!("{adapter:?} is {other:?}"),
        }
    }
}

#[test]
fn a_leaving_adapter_keeps_what_it_has_even_with_a_port_that_cannot_be_right() {
    let leaving = Adapter {
        enabled: false,
        leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..adapter("nfs", 0)
    };
    assert_eq!(verdict(&leaving, &spec()), Verdict::Leaving);
}

proptest! {
    #[test]
    fn only_known_types_on_unreserved_ports_are_ever_exposed(
        r#type in prop_oneof![Just("nfs".to_owned()), Just("smb".to_owned()), ".{0,20}"],
        port in prop_oneof![any::<i64>(), 0..70000_i64, Just(8080)],
        enabled: bool, running: bool,
    ) {
        let adapter = Adapter { r#type, port, enabled, running, leaving_since: None };
        if let Verdict::Expose(exposed) = verdict(&adapter, &spec()) {
            prop_assert!(KNOWN_ADAPTERS.contains(&adapter.r#type.as_str()));
            prop_assert!(enabled && exposed != 0 && exposed != 8080 && exposed != names::SIDECAR_PORT);
            prop_assert_eq!(i64::from(exposed), port);
        }
    }
}

fn config_map(managers: &[&str]) -> ConfigMap {
    let state = PublishedState {
        server: ServerState {
            status: ServerStatus::Reachable,
            since: jiff::Timestamp::UNIX_EPOCH,
            message: None,
        },
        adapters: Some(vec![]),
    };
    let managers = managers.iter().map(|manager| ManagedFieldsEntry {
        manager: Some((*manager).to_owned()),
        ..ManagedFieldsEntry::default()
    });
    let mut config_map = ConfigMap {
        data: Some(state.encode()),
        ..ConfigMap::default()
    };
    config_map.metadata.managed_fields = Some(managers.collect());
    config_map
}

#[test]
fn data_that_somebody_else_has_written_are_unknown_and_not_an_empty_list() {
    let own = decode("files", &config_map(&[labels::SIDECAR_MANAGER]));
    assert_eq!(own.map(|state| state.adapters), Ok(Some(vec![])));
    let edited = decode(
        "files",
        &config_map(&[labels::SIDECAR_MANAGER, "kubectl-edit"]),
    );
    let Err(Unknown::WrittenByAnother(_, writer)) = edited else {
        panic!("{edited:?}");
    };
    assert_eq!(writer, "kubectl-edit");
}
