//! An instance without a cluster, and what the operator makes of it.

use dittofs_operator_core::desired::{Desired, adapter_of};
use dittofs_operator_core::instance::{Defaults, Instance};
use dittofs_operator_core::observed::Observed;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::Error;

/// Name of the instance.
pub const NAME: &str = "files";
/// Uid of the published state. No decision here depends on which it is.
const UID: &str = "00000000-0000-0000-0000-000000000002";
const NOW: &str = "2026-01-02T03:04:05Z";

/// What the operator sees and has been told.
pub struct Ground {
    server: DittoServer,
    defaults: Defaults,
}

impl Ground {
    /// Of a `DittoServer` with nothing set.
    pub fn new() -> Result<Self, Error> {
        let server = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {
                "name": NAME, "namespace": "storage", "generation": 1,
                "uid": "00000000-0000-0000-0000-000000000001",
            },
            "spec": {"storage": {"metadataSize": "1Gi"}, "adapterServices": {"type": "ClusterIP"}},
        });
        Ok(Self::of(serde_json::from_value(server)?))
    }

    /// Of this `DittoServer`.
    pub fn of(server: DittoServer) -> Self {
        Self {
            server,
            defaults: Defaults {
                sidecar_image: "registry.example/dittofs-sidecar:1".to_owned(),
                keep_unused_config: Duration::from_mins(10),
                forbidden: BTreeSet::new(),
            },
        }
    }

    /// The objects that the instance should have, given what is published and which Services of adapters there are.
    pub fn desired(
        &self,
        published: Option<ConfigMap>,
        services: Vec<Arc<Service>>,
    ) -> Result<Desired, Error> {
        let mut observed = Observed::nothing_of(self.server.clone(), NOW.parse()?);
        observed.adapters = published.map(Arc::new);
        observed.adapter_services = services;
        Ok(Desired::of(&Instance::parse(&observed, &self.defaults)))
    }
}

/// ConfigMap `{name}-adapters` with these data, written by the sidecar but for one key of somebody else.
pub fn published(data: BTreeMap<String, String>, foreign: Option<&str>) -> ConfigMap {
    let entry = |manager: &str, is_asked: &dyn Fn(&str) -> bool| {
        let keys = data.keys().filter(|key| is_asked(key));
        let keys = keys.map(|key| (format!("f:{key}"), json!({})));
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            fields_v1: Some(FieldsV1(json!({"f:data": Value::Object(keys.collect())}))),
            ..ManagedFieldsEntry::default()
        }
    };
    let mut writers = vec![entry(labels::SIDECAR_MANAGER, &|key| Some(key) != foreign)];
    if let Some(foreign) = foreign {
        writers.push(entry("somebody", &|key| key == foreign));
    }
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::adapters(NAME)),
            uid: Some(UID.to_owned()),
            labels: Some(labels::of_instance(NAME)),
            managed_fields: Some(writers),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// Whether a Service or a NetworkPolicy is one of an adapter.
pub fn is_of_adapter(metadata: &ObjectMeta) -> bool {
    adapter_of(metadata).is_some()
}
