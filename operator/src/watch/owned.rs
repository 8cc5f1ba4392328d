//! Kinds that every cluster has: one watch each, limited by label to what belongs to us.

use dittofs_shared::labels;
use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::Resource;
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use serde_json::json;
use std::collections::BTreeMap;
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

/// Of a StatefulSet we keep when we have changed it.
pub(super) fn keep_our_times(set: &mut StatefulSet) {
    let writers = set.metadata.managed_fields.get_or_insert_default();
    writers.retain(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    for entry in writers {
        entry.fields_v1 = None;
    }
}

/// Of a Service we keep which of these fields we have set: an externalTrafficPolicy that somebody else has chosen stays,
/// and an ipFamilyPolicy of ours does not go by being left out.
const CHOICES: [&str; 2] = ["f:externalTrafficPolicy", "f:ipFamilyPolicy"];

pub(super) fn keep_our_choices(service: &mut Service) {
    let entries = service.metadata.managed_fields.iter_mut().flatten();
    let ours = entries.filter(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    let ours = ours.filter_map(|entry| {
        let spec = entry.fields_v1.as_ref()?.0["f:spec"].as_object()?;
        let chosen = CHOICES.iter().filter(|field| spec.contains_key(**field));
        let chosen: BTreeMap<_, _> = chosen.map(|field| (field, json!({}))).collect();
        Some(ManagedFieldsEntry {
            manager: entry.manager.clone(),
            fields_v1: Some(FieldsV1(json!({"f:spec": chosen}))),
            ..ManagedFieldsEntry::default()
        })
    });
    service.metadata.managed_fields = Some(ours.collect());
}
