//! Services: the headless one, that of the REST API, that of the metrics, and one for each exposed adapter.

use dittofs_shared::server::{AdapterOverride, ServiceType};
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

use super::meta::{adapter_metadata, metadata};
use crate::instance::Instance;

/// All Services of the instance.
pub fn all(instance: &Instance) -> Vec<Service> {
    let mut services = vec![headless(instance)];
    if instance.api_is_exposed() {
        services.push(api(instance));
    }
    if instance.spec.metrics.enabled {
        services.push(metrics(instance));
    }
    services.extend(
        instance
            .exposed()
            .map(|(adapter, port)| of_adapter(instance, adapter, port)),
    );
    services
}

/// Gives the pod its DNS name. Its ports follow the adapters, and stay with those that keep their Service.
fn headless(instance: &Instance) -> Service {
    let kept = instance
        .kept
        .iter()
        .map(|(name, port)| (name.as_str(), *port));
    let ports: BTreeMap<_, _> = kept.chain(instance.exposed()).collect();
    let ports: Vec<_> = ports
        .into_iter()
        .map(|(adapter, port)| port_of(adapter, i32::from(port), port))
        .collect();
    Service {
        metadata: metadata(instance, names::headless_service(&instance.name)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            ports: (!ports.is_empty()).then_some(ports),
            ..base(instance)
        }),
        status: None,
    }
}

fn api(instance: &Instance) -> Service {
    let control_plane = &instance.spec.control_plane;
    let port = control_plane.port;
    let settings = instance.spec.service.clone().unwrap_or_default();
    let mut metadata = metadata(instance, names::api_service(&instance.name));
    metadata.annotations = (!settings.annotations.is_empty()).then_some(settings.annotations);
    let tls = control_plane.tls || control_plane.certificate().is_some();
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(settings.r#type.as_str().to_owned()),
            ports: Some(vec![ServicePort {
                app_protocol: tls.then(|| "https".to_owned()),
                ..single_port("api", port)
            }]),
            ..base(instance)
        }),
        status: None,
    }
}

/// Says how to scrape it, for those who have no `ServiceMonitor`.
fn metrics(instance: &Instance) -> Service {
    let settings = &instance.spec.metrics;
    let mut metadata = metadata(instance, names::metrics_service(&instance.name));
    metadata
        .labels
        .get_or_insert_default()
        .insert(labels::METRICS.to_owned(), labels::METRICS_VALUE.to_owned());
    metadata.annotations = Some(BTreeMap::from([
        ("prometheus.io/scrape".to_owned(), "true".to_owned()),
        ("prometheus.io/port".to_owned(), settings.port.to_string()),
        ("prometheus.io/path".to_owned(), settings.path.clone()),
    ]));
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(ServiceType::ClusterIP.as_str().to_owned()),
            ports: Some(vec![single_port("metrics", settings.port)]),
            ..base(instance)
        }),
        status: None,
    }
}

fn single_port(name: &str, port: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port,
        target_port: Some(IntOrString::Int(port)),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

fn of_adapter(instance: &Instance, adapter: &str, port: u16) -> Service {
    let settings = &instance.spec.adapter_services;
    let default = AdapterOverride::default();
    let own = settings.overrides.get(adapter).unwrap_or(&default);
    let name = names::adapter_service(&settings.name_template, &instance.name, adapter);
    let mut metadata = adapter_metadata(instance, name, adapter);
    let annotations = merged(&settings.all.annotations, &own.own.annotations);
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    // Ours come last: selectors and owners hang on them.
    let mut all_labels = merged(&settings.all.labels, &own.own.labels);
    all_labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(all_labels);
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(own.r#type.unwrap_or(settings.r#type).as_str().to_owned()),
            ports: Some(vec![port_of(
                adapter,
                own.port.unwrap_or_else(|| i32::from(port)),
                port,
            )]),
            ..base(instance)
        }),
        status: None,
    }
}

/// While the sidecar is down the pod is not ready, and the files must be reached all the same: there is one pod, and
/// nowhere else to send a client.
fn base(instance: &Instance) -> ServiceSpec {
    ServiceSpec {
        selector: Some(labels::selector(&instance.name)),
        publish_not_ready_addresses: Some(true),
        ..ServiceSpec::default()
    }
}

fn port_of(adapter: &str, port: i32, target: u16) -> ServicePort {
    ServicePort {
        name: Some(adapter.to_owned()),
        port,
        target_port: Some(IntOrString::Int(i32::from(target))),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

fn merged(
    all: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    all.iter()
        .chain(own)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
