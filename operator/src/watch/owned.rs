//! Kinds that every cluster has: one watch each, limited by label to what belongs to us.

use dittofs_shared::labels;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::Resource;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Tasks;
use super::source::Source;
use super::trigger::instances_of;
use crate::cache::{Cache, Rules};
use crate::kind::NamespacedKind;
use crate::wake::Wake;

pub(super) struct Owned<'a> {
    pub source: &'a Source,
    pub wake: &'a Wake,
    pub tasks: &'a mut Tasks,
}

impl Owned<'_> {
    /// Keeps a cache of a kind, and requests a reconcile of the instance of whatever changes.
    pub fn watch<K>(&mut self, labels: &str, strip: fn(&mut K)) -> Cache<K>
    where
        K: NamespacedKind + Resource<DynamicType = ()>,
    {
        self.watch_by(labels, Rules::new(strip, Arc::new(instances_of::<K>)))
    }

    /// The same, by rules of its own.
    pub fn watch_by<K>(&mut self, labels: &str, rules: Rules<K>) -> Cache<K>
    where
        K: NamespacedKind + Resource<DynamicType = ()>,
    {
        let cache = Cache::new((), rules, self.wake.clone(), self.source.lists());
        self.tasks.spawn::<K, K>(self.source, &cache, labels);
        cache
    }
}

pub(super) fn forget_writers<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Of the managed fields of a StatefulSet we keep when we have changed it.
pub(super) fn keep_our_times(set: &mut StatefulSet) {
    let writers = set.metadata.managed_fields.get_or_insert_default();
    writers.retain(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    for entry in writers {
        entry.fields_v1 = None;
    }
}

/// Of the managed fields of a Service we keep which of these we have set: an externalTrafficPolicy that another
/// writer has set is kept, an ipFamilyPolicy of ours is not removed by leaving it out, and a loadBalancerClass of ours
/// cannot be removed.
const CHOICES: [&str; 3] = [
    "f:externalTrafficPolicy",
    "f:ipFamilyPolicy",
    "f:loadBalancerClass",
];

pub(super) fn keep_our_choices(service: &mut Service) {
    let entries = service.metadata.managed_fields.iter_mut().flatten();
    let ours = entries.filter(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    let ours = ours.filter_map(|entry| {
        let spec = entry.fields_v1.as_ref()?.0.get("f:spec")?.as_object()?;
        let chosen = CHOICES.iter().filter(|field| spec.contains_key(**field));
        let chosen: BTreeMap<_, _> = chosen.map(|field| (field, json!({}))).collect();
        Some(ManagedFieldsEntry {
            manager: entry.manager.clone(),
            time: entry.time.clone(),
            fields_v1: Some(FieldsV1(json!({"f:spec": chosen}))),
            ..ManagedFieldsEntry::default()
        })
    });
    service.metadata.managed_fields = Some(ours.collect());
}
