//! Which instances to reconcile when an object has changed.

use dittofs_shared::{crd::DittoServer, labels};
use kube::{Resource, ResourceExt as _};
use std::collections::HashSet;

use crate::cache::Cache;
use crate::server::{InstanceRef, Server};
use crate::wake::Wake;

/// Requests reconciles of all instances.
#[derive(Clone)]
pub(super) struct Trigger {
    pub wake: Wake,
    pub servers: Cache<Server>,
}

impl Trigger {
    /// Requests a reconcile of every instance.
    pub fn all(&self) {
        for (namespace, name) in self.servers.places() {
            self.wake.ask(InstanceRef::new(&name).within(&namespace));
        }
    }
}

/// The instances that an object says it belongs to, by its label and by its owner. Both count: a sidecar can write to
/// the metadata of its own ConfigMap, and a wrong label there must not keep the operator from correcting it.
pub fn instances_of<K: Resource>(object: &K) -> HashSet<InstanceRef> {
    let Some(namespace) = object.namespace() else {
        return HashSet::new();
    };
    let label = object.labels().get(labels::INSTANCE).cloned();
    let owners = object.owner_references().iter();
    let owners = owners.filter(|owner| owner.kind == DittoServer::kind(&()));
    label
        .into_iter()
        .chain(owners.map(|owner| owner.name.clone()))
        .map(|name| InstanceRef::new(&name).within(&namespace))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    #[test]
    fn label_and_owner_both_say_whose_an_object_is() {
        let owner =
            |kind: &str| json!([{"apiVersion": "x/v1", "kind": kind, "name": "files", "uid": "u"}]);
        for (labels, owners, expected) in [
            (
                json!({"instance": "files"}),
                owner("DittoServer"),
                &["files"][..],
            ),
            (
                json!({"instance": "other"}),
                owner("DittoServer"),
                &["files", "other"],
            ),
            (json!({}), owner("DittoServer"), &["files"]),
            (
                json!({"instance": "other"}),
                owner("StatefulSet"),
                &["other"],
            ),
            (json!({}), json!([]), &[]),
        ] {
            let object: ConfigMap = serde_json::from_value(json!({"metadata": {
                "name": "x", "namespace": "n", "labels": labels, "ownerReferences": owners,
            }}))
            .unwrap();
            let mut seen: Vec<_> = instances_of(&object)
                .into_iter()
                .map(|found| found.name)
                .collect();
            seen.sort();
            assert_eq!(seen, expected, "{labels} {owners}");
        }
    }
}
