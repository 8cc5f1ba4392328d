//! The pod: its containers, volumes and settings.

mod environment;
pub(super) mod files;
mod probes;
mod security;
mod server;
mod sidecar;
mod volumes;

use k8s_openapi::api::core::v1::PodSpec;
use std::collections::BTreeMap;

use super::rbac;
use crate::instance::Instance;
use crate::instance::shutdown::Shutdown;
pub use sidecar::contract;
pub use volumes::SIGNING_KEY_VOLUME;

/// The pod of the instance, with this image of the sidecar and the configuration in this ConfigMap.
pub fn pod(instance: &Instance, sidecar_image: &str, config: &str) -> PodSpec {
    let settings = &instance.spec.pod;
    PodSpec {
        node_selector: unless_empty(&settings.node_selector, BTreeMap::is_empty),
        tolerations: unless_empty(&settings.tolerations, Vec::is_empty),
        affinity: settings.affinity.clone(),
        topology_spread_constraints: unless_empty(
            &settings.topology_spread_constraints,
            Vec::is_empty,
        ),
        priority_class_name: settings.priority_class_name.clone(),
        image_pull_secrets: unless_empty(&settings.image_pull_secrets, Vec::is_empty),
        service_account_name: Some(rbac::account(instance)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(Shutdown::of(&instance.spec).grace_seconds),
        security_context: Some(security::of_pod(instance)),
        init_containers: Some(vec![sidecar::container(instance, sidecar_image)]),
        containers: vec![server::container(instance)],
        volumes: Some(
            [volumes::of_config(config)]
                .into_iter()
                .chain(volumes::own(instance))
                .chain(files::volumes(instance))
                .chain(settings.volumes.iter().cloned())
                .collect(),
        ),
        ..PodSpec::default()
    }
}

/// The API server omits empty fields.
fn unless_empty<T: Clone>(value: &T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(value)).then(|| value.clone())
}
