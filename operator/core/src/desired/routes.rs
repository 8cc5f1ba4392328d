//! Routes of the Gateway API: one to each exposed adapter, and one to each of its discovery ports.
//!
//! A route is for one listener. So two ports never share a route, and the route to a discovery port attaches to the
//! listener with the same number, whatever the listener of the adapter itself is called.

use dittofs_shared::crd::ParentReference;
use dittofs_shared::{AdapterType, names};
use kube::core::DynamicObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::meta::adapter_metadata;
use crate::exposure::ports::{PlannedPort, PortRole, Protocol};
use crate::instance::Instance;
use crate::optional::OptionalKind;

/// All routes, by kind.
pub fn all(instance: &Instance) -> BTreeMap<OptionalKind, Vec<DynamicObject>> {
    let mut routes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for plan in &instance.exposure.services {
        for &adapter in &plan.adapters {
            let parents = parents(instance, adapter);
            if parents.is_empty() {
                continue;
            }
            for port in plan.ports_of(adapter) {
                let kind = match Protocol::of(&port.port) {
                    Some(Protocol::Udp) => OptionalKind::UdpRoute,
                    _ => OptionalKind::TcpRoute,
                };
                let route = route(instance, adapter, kind, &plan.name, port, parents);
                routes.entry(kind).or_default().push(route);
            }
        }
    }
    routes
}

/// The gateways of an adapter.
pub fn parents(instance: &Instance, adapter: AdapterType) -> &[ParentReference] {
    let settings = &instance.spec.adapter_services;
    let own = settings.overrides.get(adapter.name());
    let own = own.map_or(&[][..], |own| own.parent_refs.as_slice());
    match &settings.gateway {
        Some(gateway) if own.is_empty() => &gateway.parent_refs,
        _ => own,
    }
}

fn route(
    instance: &Instance,
    adapter: AdapterType,
    kind: OptionalKind,
    service: &str,
    planned: &PlannedPort,
    parents: &[ParentReference],
) -> DynamicObject {
    let template = &instance.spec.adapter_services.name_template;
    let base = names::adapter_service(template, &instance.name, adapter.name());
    let port = planned.port.port;
    let (name, parents): (_, Vec<Value>) = match planned.role {
        PortRole::Main | PortRole::Overlay => {
            (base, parents.iter().map(|parent| json!(parent)).collect())
        }
        PortRole::Discovery { suffix } => {
            let listener = |parent: &ParentReference| {
                json!(ParentReference {
                    section_name: None,
                    port: Some(port),
                    ..parent.clone()
                })
            };
            (
                format!("{base}-{suffix}"),
                parents.iter().map(listener).collect(),
            )
        }
    };
    let body = json!({"spec": {
        "parentRefs": parents,
        "rules": [{"backendRefs": [{"name": service, "port": port}]}],
    }});
    kind.object(adapter_metadata(instance, name, adapter.name()), body)
}
