//! All objects of an instance, without what differs between any two instances.

use dittofs_operator_core::optional::OptionalKind;
use dittofs_shared::crd::DittoServer;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, ResourceExt as _};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::instance::Instance;

/// The objects by kind and name, as text.
pub type Dump = BTreeMap<String, String>;

/// Keys whose values the cluster chooses, or a clock.
const CHOSEN: [&str; 16] = [
    "clusterIP",
    "clusterIPs",
    "creationTimestamp",
    "dittofs.dittofs.com/applied-hash",
    // What to go back to is what was there before.
    "dittofs.dittofs.com/sidecar-previous-image",
    "firstReadyAt",
    "generation",
    "healthCheckNodePort",
    "lastTransitionTime",
    "managedFields",
    "nodePort",
    "observedGeneration",
    "publishTo",
    "resourceVersion",
    "since",
    "uid",
];

/// Everything in the namespace that the operator may have made.
///
/// # Errors
/// The API server refuses.
pub async fn of(files: &Instance) -> Result<Dump, String> {
    let mut kinds = vec![
        ApiResource::erase::<ServiceAccount>(&()),
        ApiResource::erase::<Role>(&()),
        ApiResource::erase::<RoleBinding>(&()),
        ApiResource::erase::<ConfigMap>(&()),
        ApiResource::erase::<NetworkPolicy>(&()),
        ApiResource::erase::<Service>(&()),
        ApiResource::erase::<PodDisruptionBudget>(&()),
        ApiResource::erase::<StatefulSet>(&()),
        ApiResource::erase::<DittoServer>(&()),
    ];
    kinds.extend(OptionalKind::ALL.map(OptionalKind::resource));
    let mut objects = Vec::new();
    for kind in kinds {
        let api: Api<DynamicObject> =
            Api::namespaced_with(files.scene.client.clone(), &files.scene.namespace, &kind);
        let found = api.list(&ListParams::default()).await;
        let found = found.map_err(|error| format!("{}: {error}", kind.kind))?;
        objects.extend(
            found
                .items
                .into_iter()
                .map(|object| (kind.kind.clone(), object)),
        );
    }
    let percona = wants_percona(&objects);
    let mut texts = Dump::new();
    let mut chosen = BTreeSet::from([files.scene.namespace.clone()]);
    for (kind, object) in &objects {
        // What holds data stays when it is not wanted any more, and a former configuration stays for a while.
        let stays = (kind == "PerconaPGCluster" && !percona)
            || (kind == "ConfigMap" && is_former_config(&object.name_any(), &objects));
        let of_kubernetes = ["kube-root-ca.crt", "default"].contains(&object.name_any().as_str());
        chosen.extend(object.uid());
        addresses(
            &serde_json::to_value(object).unwrap_or_default(),
            &mut chosen,
        );
        if stays || of_kubernetes {
            continue;
        }
        let mut value = serde_json::to_value(object).map_err(|error| error.to_string())?;
        if kind != "DittoServer" {
            value
                .as_object_mut()
                .and_then(|object| object.remove("status"));
        }
        strip(&mut value);
        let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
        texts.insert(format!("{kind} {}", object.name_any()), text);
    }
    // Longest first: one may be part of another.
    let mut chosen: Vec<_> = chosen.into_iter().filter(|word| word.len() > 3).collect();
    chosen.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for text in texts.values_mut() {
        for word in &chosen {
            *text = text.replace(word, "<chosen>");
        }
    }
    Ok(texts)
}

/// Whether this is a configuration of the server that the template does not mount.
fn is_former_config(name: &str, objects: &[(String, DynamicObject)]) -> bool {
    name.contains("-config-")
        && !objects.iter().any(|(kind, object)| {
            kind == "StatefulSet" && object.data.to_string().contains(&format!("\"{name}\""))
        })
}

fn wants_percona(objects: &[(String, DynamicObject)]) -> bool {
    objects.iter().any(|(kind, object)| {
        kind == "DittoServer" && object.data["spec"]["percona"]["enabled"] == true
    })
}

/// Addresses and ports of nodes that the cluster has chosen; they stand in the status of the `DittoServer`, too.
fn addresses(value: &Value, chosen: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("clusterIP" | "ip", Value::String(text)) => {
                        chosen.insert(text.clone());
                    }
                    // Its name is salted with the uid of the instance.
                    ("name", Value::String(text)) if text.starts_with("files-database-") => {
                        chosen.insert(text.clone());
                    }
                    ("nodePort", Value::Number(number)) => {
                        chosen.insert(number.to_string());
                    }
                    _ => addresses(value, chosen),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| addresses(value, chosen)),
        _ => {}
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // Which owner it is shows whose it is.
            let is_owner =
                object.contains_key("blockOwnerDeletion") || object.contains_key("controller");
            object.retain(|key, _| !CHOSEN.contains(&key.as_str()) || (is_owner && key == "uid"));
            object.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Says how two of them differ.
///
/// # Errors
/// They do.
pub fn difference(fresh: &Dump, walked: &Dump) -> Result<(), String> {
    let names: BTreeSet<_> = fresh.keys().chain(walked.keys()).collect();
    let differences: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let (fresh, walked) = (fresh.get(name), walked.get(name));
            match (fresh, walked) {
                (Some(_), None) => Some(format!("- {name}")),
                (None, Some(_)) => Some(format!("+ {name}")),
                (Some(fresh), Some(walked)) if fresh != walked => Some(format!(
                    "{name}:\n{}",
                    dittofs_golden::difference(fresh, walked)
                )),
                _ => None,
            }
        })
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(differences.join("\n"))
}
