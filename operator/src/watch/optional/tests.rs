use super::*;
use serde_json::{Value, json};

fn definition(metadata: &Value, served: bool, established: &str) -> Definition {
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {"group": "monitoring.coreos.com", "versions": [
            {"name": "v1alpha1", "served": true, "schema": {"openAPIV3Schema": {}}},
            {"name": "v1", "served": served},
        ]},
        "status": {"conditions": [
            {"type": "NamesAccepted", "status": "True"},
            {"type": "Established", "status": established},
        ]},
    }))
    .unwrap()
}

#[test]
fn a_kind_is_there_when_our_version_is_served() {
    let metadata = || json!({"name": "servicemonitors.monitoring.coreos.com"});
    let going = json!({"name": "x", "deletionTimestamp": "2026-01-02T03:04:05Z"});
    for (definition, expected) in [
        (None, Err(Absence::NotInstalled)),
        (Some(definition(&metadata(), true, "True")), Ok(())),
        (
            Some(definition(&metadata(), true, "False")),
            Err(Absence::NotServed),
        ),
        (
            Some(definition(&metadata(), false, "True")),
            Err(Absence::NotServed),
        ),
        (
            Some(definition(&going, true, "True")),
            Err(Absence::NotInstalled),
        ),
    ] {
        let found = serves(definition.as_ref(), OptionalKind::ServiceMonitor);
        assert_eq!(found, expected, "{definition:?}");
    }
}

#[test]
fn a_definition_without_a_status_is_not_served_yet() {
    let new: Definition = serde_json::from_value(json!({
        "metadata": {"name": "x"}, "spec": {"versions": [{"name": "v1", "served": true}]},
    }))
    .unwrap();
    let found = serves(Some(&new), OptionalKind::ServiceMonitor);
    assert_eq!(found, Err(Absence::NotServed));
}

#[test]
fn a_database_of_the_right_name_matters_whosever_it_is() {
    for (kind, name, expected) in [
        (
            OptionalKind::PerconaPGCluster,
            "files-postgres",
            &["files"][..],
        ),
        (OptionalKind::PerconaPGCluster, "another", &[]),
        (OptionalKind::ServiceMonitor, "files-postgres", &[]),
    ] {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("storage".to_owned()),
            ..ObjectMeta::default()
        };
        let object = kind.object(metadata, json!({}));
        let found: Vec<_> = concerned(kind, &object)
            .into_iter()
            .map(|instance| instance.name)
            .collect();
        assert_eq!(found, expected, "{kind:?} {name}");
    }
}
