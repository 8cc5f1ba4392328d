//! Metadata of every child: name, namespace, owner and labels.

use dittofs_shared::crd::RetentionPolicy;
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

/// Metadata of an object that outlives its `DittoServer`.
pub fn without_owner(instance: &Instance, name: String) -> ObjectMeta {
    ObjectMeta {
        owner_references: None,
        annotations: Some(labels::without_owner()),
        ..metadata(instance, name)
    }
}

/// Metadata of an object that lives as long as the data, because the data cannot be accessed without it.
pub fn as_long_as_data(instance: &Instance, name: String) -> ObjectMeta {
    match instance.spec.storage.retention_policy {
        RetentionPolicy::Retain => without_owner(instance, name),
        RetentionPolicy::Delete => metadata(instance, name),
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
