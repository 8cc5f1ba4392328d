use super::publication::{decode, publish_to};
use super::*;
use crate::adapters::{KNOWN_ADAPTERS, Unknown, judge, verdict};
use dittofs_shared::published_state::{Adapter, PublishedState};
use dittofs_shared::reports::Reports;
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::ConfigMap;
use proptest::prelude::*;

fn reserved() -> ReservedPorts {
    let spec = serde_json::json!({"storage": {"metadataSize": "1Gi"}});
    ReservedPorts::of(&serde_json::from_value(spec).unwrap(), None)
}

#[test]
fn an_enabled_adapter_of_a_known_type_on_a_port_of_its_own_is_exposed() {
    assert_eq!(
        verdict(&Adapter::running("nfs", 12049), &reserved()),
        Verdict::Expose(12049)
    );
    let not_running = Adapter {
        running: false,
        ..Adapter::running("smb", 1445)
    };
    assert_eq!(
        verdict(&not_running, &reserved()),
        Verdict::Expose(1445),
        "an address outlives a hiccup"
    );
}

#[test]
fn what_cannot_be_right_is_refused_with_the_reason() {
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
        (Adapter::running("", 9999), "not one of"),
    ] {
        match verdict(&adapter, &reserved()) {
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
        ..Adapter::running("nfs", 0)
    };
    assert_eq!(verdict(&leaving, &reserved()), Verdict::Leaving);
}

proptest! {
    #[test]
    fn only_known_types_on_unreserved_ports_are_ever_exposed(
        r#type in prop_oneof![Just("nfs".to_owned()), Just("smb".to_owned()), ".{0,20}"],
        port in prop_oneof![any::<i64>(), 0..70000_i64, Just(8080)],
        enabled: bool, running: bool,
    ) {
        let adapter = Adapter { r#type, port, enabled, running, leaving_since: None };
        if let Verdict::Expose(exposed) = verdict(&adapter, &reserved()) {
            prop_assert!(KNOWN_ADAPTERS.contains(&adapter.r#type.as_str()));
            prop_assert!(enabled && exposed != 0 && exposed != 8080 && exposed != names::SIDECAR_PORT);
            prop_assert_eq!(i64::from(exposed), port);
        }
    }
}

fn config_map(managers: &[(&str, serde_json::Value)]) -> ConfigMap {
    let state = PublishedState {
        server: ServerState {
            status: ServerStatus::Reachable,
            since: jiff::Timestamp::UNIX_EPOCH,
            message: None,
        },
        adapters: Some(vec![]),
        reports: Reports::default(),
    };
    let entry = |(manager, data): &(&str, serde_json::Value)| serde_json::json!({"manager": manager, "fieldsV1": {"f:data": data}});
    let entries: Vec<_> = managers.iter().map(entry).collect();
    serde_json::from_value(
        serde_json::json!({"metadata": {"managedFields": entries}, "data": state.encode()}),
    )
    .unwrap()
}

#[test]
fn data_that_somebody_else_has_written_are_unknown_and_not_an_empty_list() {
    let whole = serde_json::json!({"f:schema": {}, "f:server": {}, "f:adapters": {}});
    let rest = serde_json::json!({"f:schema": {}, "f:server": {}});
    let part = serde_json::json!({"f:adapters": {}});
    let own = decode("files", &config_map(&[("dittofs-sidecar", whole.clone())]));
    assert_eq!(own.map(|state| state.adapters), Ok(Some(vec![])));
    let restored = decode(
        "files",
        &config_map(&[("backup", whole.clone()), ("dittofs-sidecar", whole)]),
    );
    assert!(restored.is_ok(), "the sidecar stands by all of it");
    let edited = decode(
        "files",
        &config_map(&[("dittofs-sidecar", rest), ("kubectl-edit", part)]),
    );
    let Err(Unknown::WrittenByAnother(_, writer)) = edited else {
        panic!("{edited:?}");
    };
    assert_eq!(writer, "kubectl-edit");
}

fn live(services: &[(&str, i32)]) -> Vec<LiveService> {
    let service = |(adapter, target): &(&str, i32)| {
        let service = serde_json::json!({
            "metadata": {"labels": {labels::ADAPTER: adapter}},
            "spec": {"ports": [{"port": 1, "targetPort": target}]},
        });
        LiveService::of(&serde_json::from_value(service).unwrap()).unwrap()
    };
    services.iter().map(service).collect()
}

#[test]
fn what_is_not_known_to_be_gone_keeps_the_port_it_has() {
    let live = live(&[("nfs", 12049), ("smb", 1445)]);
    let known = |adapters: &[Adapter]| {
        let judged = adapters
            .iter()
            .map(|adapter| judge(adapter.clone(), &reserved()));
        live::kept(&live, &Adapters::Known(judged.collect()))
    };
    let smb = BTreeMap::from([("smb".to_owned(), 1445)]);
    let leaving = Adapter {
        leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Adapter::running("smb", 1446)
    };
    assert_eq!(known(&[Adapter::running("nfs", 12049), leaving]), smb);
    assert_eq!(known(&[Adapter::running("smb", 70_000)]), smb, "refused");
    assert_eq!(
        known(&[Adapter::running("smb", 1446)]),
        BTreeMap::new(),
        "exposed"
    );
    assert_eq!(known(&[]), BTreeMap::new(), "gone");
    let unknown = Adapters::Unknown(Unknown::NothingPublished);
    assert_eq!(live::kept(&live, &unknown).len(), 2);
}

#[test]
fn the_sidecar_is_told_of_another_config_map_of_other_writers_and_of_nothing_that_can_be_used() {
    let config_map = |uid: &str, manager: &str| -> ConfigMap {
        let entry = serde_json::json!({
            "manager": manager, "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:data": {"f:adapters": {}}},
        });
        let metadata = serde_json::json!({"uid": uid, "managedFields": [entry]});
        serde_json::from_value(serde_json::json!({"metadata": metadata})).unwrap()
    };
    let usual = config_map("a", labels::SIDECAR_MANAGER);
    let known = Adapters::Known(Vec::new());
    let unknown = Adapters::Unknown(Unknown::NothingPublished);
    let all = [
        publish_to(&usual, &known),
        publish_to(&usual, &unknown),
        publish_to(&config_map("b", labels::SIDECAR_MANAGER), &known),
        publish_to(&config_map("a", "kubectl-edit"), &known),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().flatten().collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
    assert_eq!(all[0].as_deref(), Some("a"));
}
