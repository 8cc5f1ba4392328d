use super::*;
use dittofs_shared::labels;
use dittofs_shared::published_state::{ServerState, ServerStatus};
use dittofs_shared::reports::Reports;

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
fn data_of_another_writer_are_unknown_and_not_an_empty_list() {
    let whole = serde_json::json!({"f:schema": {}, "f:server": {}, "f:adapters": {}});
    let rest = serde_json::json!({"f:schema": {}, "f:server": {}});
    let part = serde_json::json!({"f:adapters": {}});
    let own = decode(
        "files",
        Some(&config_map(&[("dittofs-sidecar", whole.clone())])),
    );
    assert_eq!(own.map(|state| state.adapters), Ok(Some(vec![])));
    let restored = config_map(&[("backup", whole.clone()), ("dittofs-sidecar", whole)]);
    let restored = decode("files", Some(&restored));
    assert!(restored.is_ok(), "the sidecar has written all of it, too");
    let edited = config_map(&[("dittofs-sidecar", rest), ("kubectl-edit", part)]);
    let edited = decode("files", Some(&edited));
    let Err(Unknown::WrittenByAnother { writer, .. }) = edited else {
        panic!("{edited:?}");
    };
    assert_eq!(writer, "kubectl-edit");
}

#[test]
fn publish_to_changes_with_the_config_map_with_other_writers_and_while_adapters_are_unknown() {
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
    let served = observed(true, None);
    let all = [
        publish_to(&usual, &known, &served),
        publish_to(&usual, &unknown, &served),
        publish_to(&config_map("b", labels::SIDECAR_MANAGER), &known, &served),
        publish_to(&config_map("a", "kubectl-edit"), &known, &served),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().flatten().collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
    assert_eq!(all[0].as_deref(), Some("a"));
    // A new server publishes by itself.
    for (publish_to_now, expected) in [
        (None, "a"),
        (Some("a"), "a"),
        (Some("a unknown"), "a unknown"),
    ] {
        let new = observed(false, publish_to_now);
        assert_eq!(
            publish_to(&usual, &unknown, &new).as_deref(),
            Some(expected)
        );
    }
}

fn observed(has_served: bool, publish_to: Option<&str>) -> Observed {
    let status = has_served.then(|| serde_json::json!({"firstReadyAt": "2026-01-01T00:00:00Z"}));
    let server = serde_json::json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": "files"}, "spec": {"storage": {"metadataSize": "1Gi"}}, "status": status,
    });
    let server = serde_json::from_value(server).unwrap();
    let mut observed = Observed::nothing_of(server, jiff::Timestamp::UNIX_EPOCH);
    observed.publish_to = publish_to.map(str::to_owned);
    observed
}
