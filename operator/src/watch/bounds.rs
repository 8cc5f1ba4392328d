//! What is kept of ConfigMaps. Whoever may create them may give them our labels, and make them large: what is not named
//! as ours, or is larger than ours can be, is kept without its contents.

use dittofs_shared::published_state::{KEYS, MAX_BYTES};
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

/// Most bytes of the data of a ConfigMap with settings of a sidecar.
const SETTINGS: usize = 16 * 1024;
/// The same with a configuration of a server.
const CONFIG: usize = 256 * 1024;
/// Most bytes of a ConfigMap as JSON.
pub(super) const MOST: usize = 2 * CONFIG;
/// Most references and finalizers of one that is larger.
const FEW: usize = 8;

/// Removes the contents that nobody asks for.
pub(super) fn keep_contents_of_ours(config_map: &mut ConfigMap) {
    config_map.binary_data = None;
    let name = config_map.name_any();
    let Some(data) = &mut config_map.data else {
        return;
    };
    if names::instance_of_adapters(&name).is_some() {
        for (key, value) in data.iter_mut() {
            keep_length(key, value);
        }
    } else if size(data) > most_of(&name) {
        config_map.data = None;
    }
}

/// Of a published state that is too long, only its length matters, and blanks take next to no memory.
fn keep_length(key: &str, value: &mut String) {
    if !KEYS.contains(&key) {
        *value = String::new();
    } else if value.len() > MAX_BYTES {
        *value = " ".repeat(value.len());
    }
}

fn size(data: &BTreeMap<String, String>) -> usize {
    data.iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

fn most_of(name: &str) -> usize {
    if name.ends_with(&names::sidecar("")) {
        return SETTINGS;
    }
    let instance = name.rsplit_once(&names::sole_config(""));
    if instance.is_some_and(|(instance, _)| names::is_config(instance, name)) {
        CONFIG
    } else {
        0
    }
}

/// What is left of a ConfigMap that is larger than [`MOST`] all the same: whose it is.
pub(super) fn reduce(config_map: &mut ConfigMap) {
    let metadata = &mut config_map.metadata;
    metadata.annotations = None;
    metadata.managed_fields = None;
    if let Some(known) = &mut metadata.labels {
        let ours = [labels::APP, labels::INSTANCE, labels::MANAGED_BY];
        known.retain(|label, _| ours.contains(&label.as_str()));
    }
    if let Some(owners) = &mut metadata.owner_references {
        owners.truncate(FEW);
    }
    if let Some(finalizers) = &mut metadata.finalizers {
        finalizers.truncate(FEW);
    }
    config_map.data = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(name: &str, key: &str, length: usize) -> ConfigMap {
        let data = json!({key: "x".repeat(length)});
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "n", "labels": {"instance": "files"}},
            "data": data, "binaryData": {"more": ""},
        }))
        .unwrap()
    }

    #[test]
    fn contents_are_kept_of_what_is_named_as_ours_and_no_larger() {
        for (name, key, length, expected) in [
            (
                "files-config-0123456789ab",
                "config.yaml",
                200_000,
                Some(200_000),
            ),
            ("files-config-0123456789ab", "config.yaml", 300_000, None),
            (
                "a-config-b-config-0123456789ab",
                "config.yaml",
                10,
                Some(10),
            ),
            ("files-config", "config.yaml", 10, Some(10)),
            ("files-config-map", "config.yaml", 10, None),
            ("files-sidecar", "publishTo", 36, Some(36)),
            ("files-sidecar", "publishTo", 20_000, None),
            ("files-adapters", "adapters", 10, Some(10)),
            ("files-adapters", "adapters", 70_000, Some(70_000)),
            ("files-adapters", "other", 70_000, Some(0)),
            ("anything", "key", 1, None),
        ] {
            let mut config_map = named(name, key, length);
            keep_contents_of_ours(&mut config_map);
            let kept = config_map.data.map(|data| data[key].len());
            assert_eq!(kept, expected, "{name} {key} {length}");
            assert_eq!(config_map.binary_data, None);
        }
    }

    #[test]
    fn of_a_state_that_is_too_long_only_its_length_is_kept() {
        let mut config_map = named("files-adapters", "adapters", 70_000);
        keep_contents_of_ours(&mut config_map);
        let data = config_map.data.unwrap();
        assert_eq!(data["adapters"].trim(), "");
    }

    #[test]
    fn what_is_left_says_whose_it_is_and_is_small() {
        let mut config_map = named("files-adapters", "adapters", 10);
        let many = |number: usize| format!("example.com/{number}-{}", "x".repeat(100));
        let labels = config_map.labels_mut();
        labels.extend((0..10_000).map(|number| (many(number), String::new())));
        config_map.finalizers_mut().extend((0..10_000).map(many));
        reduce(&mut config_map);
        let json = serde_json::to_vec(&config_map).unwrap();
        assert!(json.len() < 2048, "{}", json.len());
        assert_eq!(config_map.labels()["instance"], "files");
        assert_eq!(config_map.namespace().as_deref(), Some("n"));
    }
}
