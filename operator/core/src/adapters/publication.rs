//! The published state, and when the sidecar is asked to publish it again.

use dittofs_shared::published_state::{self, DecodeError, PublishedState};
use dittofs_shared::{names, writers};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::{Adapters, Unknown};
use crate::observed::Observed;

/// Decodes the ConfigMap, if all of its data are the sidecar's.
pub(crate) fn decode(
    instance: &str,
    config_map: Option<&ConfigMap>,
) -> Result<PublishedState, Unknown> {
    let config_map = config_map.ok_or(Unknown::NothingPublished)?;
    let empty = BTreeMap::new();
    let data = config_map.data.as_ref().unwrap_or(&empty);
    if data
        .keys()
        .any(|key| !writers::sidecar_owns(&config_map.metadata, key))
    {
        let writer = writers::others(&config_map.metadata).next();
        let writer = writer.and_then(|entry| entry.manager.as_deref());
        return Err(Unknown::WrittenByAnother {
            config_map: names::adapters(instance),
            writer: published_state::shorten(writer.unwrap_or("an unknown field manager")),
        });
    }
    PublishedState::decode(data).map_err(|error| match error {
        DecodeError::Empty => Unknown::NothingPublished,
        error => Unknown::Undecodable {
            config_map: names::adapters(instance),
            error,
        },
    })
}

/// Ends the value of [`publish_to`] while a published state is missing.
const MISSING: &str = " unknown";

/// Changes with the ConfigMap, with every other writer of its data, and while its data say nothing of adapters although
/// there have been some: data that were deleted leave no writer behind. A new server publishes without being told.
pub(crate) fn publish_to(
    config_map: &ConfigMap,
    adapters: &Adapters,
    observed: &Observed,
) -> Option<String> {
    let mut text = config_map.uid()?;
    for entry in writers::others(&config_map.metadata) {
        let writer = entry.manager.as_deref().unwrap_or_default();
        let time = entry.time.as_ref().map(|time| time.0.to_string());
        text = format!("{text} {writer} {}", time.unwrap_or_default());
    }
    let is_missing = match adapters {
        Adapters::Known(_) => false,
        Adapters::Unknown(Unknown::NothingPublished) => has_published(observed),
        Adapters::Unknown(_) => true,
    };
    if is_missing {
        text.push_str(MISSING);
    }
    Some(text)
}

fn has_published(observed: &Observed) -> bool {
    let status = observed.server.status.as_ref();
    let has_adapters =
        status.is_some_and(|status| status.first_ready_at.is_some() || !status.adapters.is_empty());
    let publish_to = observed.publish_to.as_deref();
    has_adapters || publish_to.is_some_and(|publish_to| publish_to.ends_with(MISSING))
}

#[cfg(test)]
mod tests;
