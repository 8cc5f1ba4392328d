//! Metadata of every child: name, namespace, owner and labels.

use dittofs_shared::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::instance::Instance;

/// Metadata of an object of the instance.
pub fn metadata(instance: &Instance, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(instance.namespace.clone()),
        labels: Some(labels::of_instance(&instance.name)),
        owner_references: Some(vec![instance.owner.clone()]),
        ..ObjectMeta::default()
    }
}

/// Metadata of an object that belongs to one adapter.
pub fn adapter_metadata(instance: &Instance, name: String, adapter: &str) -> ObjectMeta {
    let mut metadata = metadata(instance, name);
    metadata
        .labels
        .get_or_insert_default()
        .insert(labels::ADAPTER.to_owned(), adapter.to_owned());
    metadata
}
