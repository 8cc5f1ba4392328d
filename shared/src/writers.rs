//! Who wrote the published state, according to `metadata.managedFields`.
//!
//! Only the sidecar knows the adapters. Data that another client has written into its ConfigMap, with kubectl or
//! from a backup, count only if the sidecar owns them as well.

use crate::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

/// Whether the sidecar owns this key of `data`.
pub fn sidecar_owns(metadata: &ObjectMeta, key: &str) -> bool {
    entries(metadata)
        .filter(|entry| is_sidecar(entry))
        .any(|entry| owns(entry, key))
}

/// Field managers other than the sidecar that own keys of `data`.
pub fn others(metadata: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    entries(metadata).filter(|entry| !is_sidecar(entry) && data_of(entry).is_some())
}

fn entries(metadata: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    metadata.managed_fields.iter().flatten()
}

fn is_sidecar(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(labels::SIDECAR_MANAGER)
}

fn owns(entry: &ManagedFieldsEntry, key: &str) -> bool {
    data_of(entry).is_some_and(|data| data.get(format!("f:{key}")).is_some())
}

fn data_of(entry: &ManagedFieldsEntry) -> Option<&serde_json::Value> {
    entry.fields_v1.as_ref()?.0.get("f:data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(writers: &[(&str, &[&str])]) -> ObjectMeta {
        let entry = |(manager, keys): &(&str, &[&str])| {
            let data: serde_json::Map<_, _> = keys
                .iter()
                .map(|key| (format!("f:{key}"), json!({})))
                .collect();
            json!({"manager": manager, "fieldsV1": {"f:data": data, "f:metadata": {}}})
        };
        let entries: Vec<_> = writers.iter().map(entry).collect();
        serde_json::from_value(json!({ "managedFields": entries })).unwrap()
    }

    #[test]
    fn a_key_counts_when_the_sidecar_owns_it_whoever_else_does() {
        let both = metadata(&[
            ("dittofs-sidecar", &["adapters"]),
            ("backup", &["adapters"]),
        ]);
        assert!(sidecar_owns(&both, "adapters"));
        let edited = metadata(&[
            ("dittofs-sidecar", &["schema"]),
            ("kubectl-edit", &["adapters"]),
        ]);
        assert!(!sidecar_owns(&edited, "adapters"));
        assert!(sidecar_owns(&edited, "schema"));
        assert!(!sidecar_owns(&ObjectMeta::default(), "adapters"));
    }

    #[test]
    fn others_are_those_who_own_data() {
        let mut edited = metadata(&[
            ("dittofs-sidecar", &["schema"]),
            ("kubectl-edit", &["adapters"]),
        ]);
        let operator = json!({"manager": "dittofs-operator", "fieldsV1": {"f:metadata": {}}});
        let operator = serde_json::from_value(operator).unwrap();
        edited.managed_fields.get_or_insert_default().push(operator);
        let found: Vec<_> = others(&edited)
            .filter_map(|entry| entry.manager.as_deref())
            .collect();
        assert_eq!(found, ["kubectl-edit"]);
    }
}
