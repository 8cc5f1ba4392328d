//! Services: the headless one, that of the REST API, that of the metrics, and one for each exposed adapter.

use dittofs_shared::crd::ServiceType;
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

use super::meta::{adapter_metadata, metadata};
use crate::exposure::Front;
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
    let fronts = instance.exposition.fronts.iter();
    services.extend(fronts.map(|front| of_front(instance, front)));
    services
}

/// Gives the pod its DNS name. Its ports are those of adapters that are exposed or keep their Service.
fn headless(instance: &Instance) -> Service {
    let kept = instance
        .kept
        .iter()
        .map(|(name, port)| (name.as_str(), *port));
    let all: BTreeMap<_, _> = kept.chain(instance.exposed()).collect();
    let mut ports: Vec<ServicePort> = Vec::new();
    for (adapter, port) in all {
        // Two adapters may claim one port, but a Service must not list it twice.
        if !ports.iter().any(|there| there.port == i32::from(port)) {
            ports.push(tcp_port(adapter, port.into()));
        }
    }
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
                ..tcp_port("api", port)
            }]),
            ..base(instance)
        }),
        status: None,
    }
}

/// There is no field for it: users enable it in `configOverrides`, with a certificate that they mount.
pub(super) fn metrics_over_tls(instance: &Instance) -> bool {
    let overrides = instance.spec.config_overrides.as_ref();
    let metrics = overrides.and_then(|overrides| overrides.0.get("metrics"));
    let certificate = metrics.and_then(|metrics| metrics.pointer("/tls/cert_file"));
    certificate.is_some_and(|file| file.as_str().is_some_and(|file| !file.is_empty()))
}

/// With annotations for a Prometheus without `ServiceMonitor`.
fn metrics(instance: &Instance) -> Service {
    let settings = &instance.spec.metrics;
    let mut metadata = metadata(instance, names::metrics_service(&instance.name));
    metadata
        .labels
        .get_or_insert_default()
        .insert(labels::METRICS.to_owned(), labels::METRICS_VALUE.to_owned());
    let tls = metrics_over_tls(instance);
    let mut annotations = BTreeMap::from([
        ("prometheus.io/scrape".to_owned(), "true".to_owned()),
        ("prometheus.io/port".to_owned(), settings.port.to_string()),
        ("prometheus.io/path".to_owned(), settings.path.clone()),
    ]);
    if tls {
        annotations.insert("prometheus.io/scheme".to_owned(), "https".to_owned());
    }
    metadata.annotations = Some(annotations);
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(ServiceType::ClusterIP.as_str().to_owned()),
            ports: Some(vec![ServicePort {
                app_protocol: tls.then(|| "https".to_owned()),
                ..tcp_port("metrics", settings.port)
            }]),
            ..base(instance)
        }),
        status: None,
    }
}

fn tcp_port(name: &str, port: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port,
        target_port: Some(IntOrString::Int(port)),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

/// Leads to one adapter, or to all of them.
fn of_front(instance: &Instance, front: &Front) -> Service {
    let mut metadata = adapter_metadata(instance, front.name.clone(), &front.adapter);
    metadata.annotations = (!front.annotations.is_empty()).then(|| front.annotations.clone());
    // Ours win, because selectors and ownership depend on them.
    let mut labels = front.labels.clone();
    labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(labels);
    let base = base(instance);
    Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: base.selector,
            publish_not_ready_addresses: base.publish_not_ready_addresses,
            ..front.spec.clone()
        }),
        status: None,
    }
}

/// While the sidecar is down the pod is unready, but its files must stay reachable: there is only this pod.
fn base(instance: &Instance) -> ServiceSpec {
    ServiceSpec {
        selector: Some(labels::selector(&instance.name)),
        publish_not_ready_addresses: Some(true),
        ..ServiceSpec::default()
    }
}
