//! ConfigMaps. A sidecar can write to the metadata of one of them, `{name}-adapters`, and so to the labels that
//! select what is cached. Its name still leads to the instance.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::bounds;
use super::owned::{Owned, forget_writers};
use super::trigger::instances_of;
use crate::cache::{Cache, Rules};
use crate::lock::lock;
use crate::server::InstanceRef;

/// Uids of ConfigMaps with a published state that have left the cache: deleted, or without our label. They only serve
/// to recognise them: losing them does no harm.
#[derive(Clone, Debug, Default)]
pub struct Departed(Arc<Mutex<HashMap<ObjectRef<ConfigMap>, String>>>);

impl Departed {
    fn add(&self, config_map: &ConfigMap) {
        if let Some(uid) = config_map.uid() {
            let mut known = lock(&self.0);
            known.insert(ObjectRef::from_obj(config_map), uid);
        }
    }

    /// It could not be looked at.
    pub fn put_back(&self, config_map: ObjectRef<ConfigMap>, uid: String) {
        lock(&self.0).entry(config_map).or_insert(uid);
    }

    /// The uid of a ConfigMap that has left, once.
    pub fn take(&self, config_map: &ObjectRef<ConfigMap>) -> Option<String> {
        let mut known = lock(&self.0);
        known.remove(config_map)
    }
}

/// Keeps a cache of the ConfigMaps, and requests a reconcile of the instance of whatever changes.
pub(super) fn watch(owned: &mut Owned<'_>, labels: &str, departed: &Departed) -> Cache<ConfigMap> {
    let departed = departed.clone();
    let observer = move |config_map: &ConfigMap, is_there: bool| {
        if !is_there && published_by(config_map).is_some() {
            departed.add(config_map);
        }
    };
    let rules = Rules {
        observer: Some(Arc::new(observer)),
        is_urgent: |config_map| published_by(config_map).is_some(),
        most: bounds::MOST,
        reduce: bounds::reduce,
        ..Rules::new(strip, Arc::new(concerned))
    };
    owned.watch_by(labels, rules)
}

/// The instance whose published state it holds, by its name: labels can be forged.
fn published_by(config_map: &ConfigMap) -> Option<InstanceRef> {
    let name = config_map.name_any();
    let instance = names::instance_of_adapters(&name)?;
    Some(InstanceRef::new(instance).within(&config_map.namespace()?))
}

fn concerned(config_map: &ConfigMap) -> HashSet<InstanceRef> {
    let mut instances = instances_of(config_map);
    instances.extend(published_by(config_map));
    instances
}

fn strip(config_map: &mut ConfigMap) {
    keep_writers_of_adapters(config_map);
    bounds::keep_contents_of_ours(config_map);
}

/// Of `{name}-adapters` we keep who wrote its data.
fn keep_writers_of_adapters(config_map: &mut ConfigMap) {
    if published_by(config_map).is_none() {
        return forget_writers(config_map);
    }
    let entries = config_map.metadata.managed_fields.iter_mut().flatten();
    for fields in entries.filter_map(|entry| entry.fields_v1.as_mut()) {
        if let Some(fields) = fields.0.as_object_mut() {
            fields.retain(|field, _| field == "f:data");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_name_leads_to_the_instance_whatever_the_labels_say() {
        for (name, labels, expected) in [
            ("files-adapters", json!({}), &["files"][..]),
            (
                "files-adapters",
                json!({"instance": "other"}),
                &["files", "other"],
            ),
            ("files-config", json!({"instance": "files"}), &["files"]),
            ("files-config", json!({}), &[]),
        ] {
            let metadata = json!({"name": name, "namespace": "n", "labels": labels});
            let config_map = serde_json::from_value(json!({"metadata": metadata})).unwrap();
            let mut seen: Vec<_> = concerned(&config_map)
                .into_iter()
                .map(|instance| instance.name)
                .collect();
            seen.sort();
            assert_eq!(seen, expected, "{name} {labels}");
        }
    }
}
