//! Services: the headless one, that of the REST API, that of the metrics, and one for each exposed adapter.

use dittofs_shared::crd::ServiceType;
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use std::collections::BTreeMap;

use super::meta::{adapter_metadata, metadata};
use crate::exposure::ServicePlan;
use crate::exposure::ports::service_port;
use crate::instance::Instance;

/// All Services of the instance.
pub fn all(instance: &Instance) -> Vec<Service> {
    let mut services = vec![headless(instance)];
    if instance.api_is_exposed() {
        services.push(api(instance));
    }
    if instance.spec.metrics().is_some() {
        services.push(metrics(instance));
    }
    let plans = instance.exposure.services.iter();
    services.extend(plans.map(|plan| of_adapters(instance, plan)));
    services
}

/// Gives the pod its DNS name. It has the ports of all adapters that are exposed or keep their Service.
fn headless(instance: &Instance) -> Service {
    let mut all = instance.kept.clone();
    all.extend(instance.adapters.exposed());
    let mut ports: Vec<ServicePort> = Vec::new();
    for (adapter, port) in all {
        let port = i32::from(port);
        // Two adapters may claim one port, and a Service cannot have it twice.
        if !ports.iter().any(|there| there.port == port) {
            ports.push(service_port(adapter.name(), port, port, "TCP"));
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
                ..service_port("api", port, port, "TCP")
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
                ..service_port("metrics", settings.port, settings.port, "TCP")
            }]),
            ..base(instance)
        }),
        status: None,
    }
}

/// The Service of one adapter, or of all adapters.
fn of_adapters(instance: &Instance, plan: &ServicePlan) -> Service {
    let mut metadata = adapter_metadata(instance, plan.name.clone(), plan.scope.label());
    metadata.annotations = (!plan.annotations.is_empty()).then(|| plan.annotations.clone());
    // Ours win, because selectors and ownership depend on them.
    let mut labels = plan.labels.clone();
    labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(labels);
    let base = base(instance);
    let ports = plan.ports.iter();
    Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: base.selector,
            publish_not_ready_addresses: base.publish_not_ready_addresses,
            type_: Some(plan.r#type.as_str().to_owned()),
            ports: Some(ports.map(|planned| planned.port.clone()).collect()),
            ..plan.spec.clone()
        }),
        status: None,
    }
}

/// The pod is not ready while its sidecar is down, but clients must reach the files even then: there is only one pod.
fn base(instance: &Instance) -> ServiceSpec {
    ServiceSpec {
        selector: Some(labels::selector(&instance.name)),
        publish_not_ready_addresses: Some(true),
        ..ServiceSpec::default()
    }
}
