//! Kinds that every cluster has: one watch each, limited by label to what belongs to us.

use dittofs_shared::{labels, names};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt as _};
use serde_json::json;
use tokio::task::JoinSet;

use super::source::{Source, Watched};
use super::wake::{Wake, instances_of};

pub(super) struct Owned<'a> {
    pub source: &'a Source,
    pub wake: Wake,
}

impl Owned<'_> {
    /// Keeps a copy of a kind, and asks for a look at the instance of whatever changes.
    pub fn watch<K>(
        &self,
        config: &watcher::Config,
        prune: fn(&mut K),
        tasks: &mut JoinSet<()>,
    ) -> Store<K>
    where
        K: Watched + Resource<DynamicType = ()>,
    {
        let (store, mut events) = self.source.copy(&(), config, prune);
        let wake = self.wake.clone();
        tasks.spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => {
                        wake.these(instances_of(&object));
                    }
                    // After a gap there is no telling which objects are gone: look at every instance.
                    Ok(watcher::Event::InitDone) => wake.all(),
                    Ok(watcher::Event::Init | watcher::Event::InitApply(_)) | Err(_) => {}
                }
            }
        });
        store
    }
}

pub(super) fn forget_writers<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Of `{name}-adapters` we keep who wrote its data.
pub(super) fn keep_writers_of_adapters(config_map: &mut ConfigMap) {
    let is_adapters = instances_of(config_map)
        .iter()
        .any(|instance| names::adapters(&instance.name) == config_map.name_any());
    if !is_adapters {
        return forget_writers(config_map);
    }
    let entries = config_map.metadata.managed_fields.iter_mut().flatten();
    for fields in entries.filter_map(|entry| entry.fields_v1.as_mut()) {
        if let Some(fields) = fields.0.as_object_mut() {
            fields.retain(|field, _| field == "f:data");
        }
    }
}

/// Of a Service we keep whether we have set its externalTrafficPolicy: one that somebody else has chosen stays.
pub(super) fn keep_writer_of_traffic_policy(service: &mut Service) {
    let entries = service.metadata.managed_fields.iter_mut().flatten();
    let ours = entries.filter(|entry| {
        let fields = entry.fields_v1.as_ref();
        entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER)
            && fields.is_some_and(|fields| !fields.0["f:spec"]["f:externalTrafficPolicy"].is_null())
    });
    let ours = ours.map(|entry| ManagedFieldsEntry {
        manager: entry.manager.clone(),
        fields_v1: Some(FieldsV1(json!({"f:spec": {"f:externalTrafficPolicy": {}}}))),
        ..ManagedFieldsEntry::default()
    });
    service.metadata.managed_fields = Some(ours.collect());
}
