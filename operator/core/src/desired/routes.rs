//! Routes of the Gateway API: one to each exposed adapter, and one to each of its discovery ports.
//!
//! A route is for one listener. So two ports never share a route, and a route to a discovery port attaches to the
//! listener with its port number, whatever the section of the adapter itself is called.

use dittofs_shared::crd::ParentReference;
use dittofs_shared::names;
use k8s_openapi::api::core::v1::ServicePort;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::meta::adapter_metadata;
use crate::exposure::ports::protocol;
use crate::instance::Instance;
use crate::optional::OptionalKind;

/// All routes, by kind.
pub fn all(instance: &Instance) -> BTreeMap<OptionalKind, Vec<DynamicObject>> {
    let mut routes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for front in &instance.exposition.fronts {
        for adapter in &front.adapters {
            let parents = parents(instance, adapter);
            if parents.is_empty() {
                continue;
            }
            for port in front.ports_of(adapter) {
                let kind = match protocol(port) {
                    "UDP" => OptionalKind::UdpRoute,
                    _ => OptionalKind::TcpRoute,
                };
                let route = route(instance, adapter, kind, &front.name, port, parents);
                routes.entry(kind).or_default().push(route);
            }
        }
    }
    routes
}

/// The gateways of an adapter.
pub fn parents<'a>(instance: &'a Instance, adapter: &str) -> &'a [ParentReference] {
    let settings = &instance.spec.adapter_services;
    let own = settings.overrides.get(adapter);
    let own = own.map_or(&[][..], |own| own.parent_refs.as_slice());
    match &settings.gateway {
        Some(gateway) if own.is_empty() => &gateway.parent_refs,
        _ => own,
    }
}

fn route(
    instance: &Instance,
    adapter: &str,
    kind: OptionalKind,
    service: &str,
    port: &ServicePort,
    parents: &[ParentReference],
) -> DynamicObject {
    let template = &instance.spec.adapter_services.name_template;
    let base = names::adapter_service(template, &instance.name, adapter);
    let port_name = port.name.as_deref().unwrap_or_default();
    let (name, parents): (_, Vec<Value>) = match port_name.strip_prefix(&format!("{adapter}-")) {
        None => (base, parents.iter().map(|parent| json!(parent)).collect()),
        Some(discovery) => {
            let listener = |parent: &ParentReference| {
                json!(ParentReference {
                    section_name: None,
                    port: Some(port.port),
                    ..parent.clone()
                })
            };
            (
                format!("{base}-{discovery}"),
                parents.iter().map(listener).collect(),
            )
        }
    };
    let body = json!({"spec": {
        "parentRefs": parents,
        "rules": [{"backendRefs": [{"name": service, "port": port.port}]}],
    }});
    kind.object(adapter_metadata(instance, name, adapter), body)
}
