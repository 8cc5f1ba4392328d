//! Pure: what the sidecar has published, and whether it is asked to look if that still stands.

use dittofs_shared::published_state::{self, DecodeError, PublishedState};
use dittofs_shared::reports::Reports;
use dittofs_shared::{names, writers};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::{Adapters, Unknown};

/// What stands in the `ConfigMap`, if the sidecar has written it.
pub(crate) fn decode(instance: &str, config_map: &ConfigMap) -> Result<PublishedState, Unknown> {
    let keys = config_map.data.iter().flatten().map(|(key, _)| key);
    for key in keys {
        if !writers::sidecar_owns(&config_map.metadata, key) {
            let writer = writers::others(&config_map.metadata).next();
            let writer = writer.and_then(|entry| entry.manager.as_deref());
            return Err(Unknown::WrittenByAnother(
                names::adapters(instance),
                published_state::shorten(writer.unwrap_or("somebody else")),
            ));
        }
    }
    let empty = BTreeMap::new();
    PublishedState::decode(config_map.data.as_ref().unwrap_or(&empty)).map_err(
        |error| match error {
            DecodeError::Empty => Unknown::NothingPublished,
            error => Unknown::Undecodable(names::adapters(instance), error),
        },
    )
}

/// What the sidecar reports, as far as it can be read.
pub(crate) fn reports(published: Option<&Result<PublishedState, Unknown>>) -> Reports {
    let state = published.and_then(|published| published.as_ref().ok());
    state.map(|state| state.reports.clone()).unwrap_or_default()
}

/// Changes when the ConfigMap is another one, when somebody other than the sidecar has written its data, and when
/// nothing in it tells of adapters: data that somebody has taken away leave no writer behind.
pub(crate) fn publish_to(config_map: &ConfigMap, adapters: &Adapters) -> Option<String> {
    let mut text = config_map.uid()?;
    for entry in writers::others(&config_map.metadata) {
        let writer = entry.manager.as_deref().unwrap_or_default();
        let time = entry.time.as_ref().map(|time| time.0.to_string());
        text = format!("{text} {writer} {}", time.unwrap_or_default());
    }
    if matches!(adapters, Adapters::Unknown(_)) {
        text.push_str(" unknown");
    }
    Some(text)
}
