//! ConfigMaps: the server's configuration, the sidecar's settings and the place for the published state.

use dittofs_shared::names;
use dittofs_shared::settings::{RESYNC_INTERVAL, Settings};
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeMap;

use super::config::metrics_url;
use super::meta::metadata;
use crate::instance::Instance;

/// The server's configuration. It is immutable, so that a container that restarts in its pod starts with the
/// configuration that the pod was created for.
pub fn config(instance: &Instance, hash: &str, text: &str) -> ConfigMap {
    ConfigMap {
        metadata: metadata(instance, names::config(&instance.name, hash)),
        immutable: Some(true),
        data: Some(BTreeMap::from([(
            names::CONFIG_KEY.to_owned(),
            text.to_owned(),
        )])),
        ..ConfigMap::default()
    }
}

/// Settings of the sidecar.
pub fn settings(instance: &Instance) -> ConfigMap {
    let spec = &instance.spec;
    let discovery = &spec.adapter_discovery;
    let settings = Settings {
        polling_interval: discovery.polling_interval.into(),
        resync_interval: discovery
            .resync_interval
            .map_or(RESYNC_INTERVAL, Into::into),
        removal_hold: discovery.removal_hold.into(),
        log_level: spec.sidecar.log_level,
        publish_to: instance.publish_to.clone(),
        metrics_url: metrics_url(instance),
        end_if_started_before: instance.sidecar.end_if_started_before(),
        reset: instance.api_access.reset.for_sidecar(),
    };
    ConfigMap {
        metadata: metadata(instance, names::sidecar(&instance.name)),
        data: Some(settings.encode()),
        ..ConfigMap::default()
    }
}

/// The ConfigMap for the published state. It has no data here: the sidecar writes them, but may not create the object.
pub fn adapters(instance: &Instance) -> ConfigMap {
    ConfigMap {
        metadata: metadata(instance, names::adapters(&instance.name)),
        ..ConfigMap::default()
    }
}
