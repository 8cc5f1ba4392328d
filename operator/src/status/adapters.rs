//! What the user is told of each adapter.

use dittofs_shared::published;
use dittofs_shared::server::AdapterStatus;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;

use super::View;
use crate::apply::Failure;
use crate::desired::adapter_of;
use crate::instance::{Adapters, JudgedAdapter, Verdict};

/// One entry for each adapter. While the adapters are not known, what was said last stays.
pub(super) fn all(view: &View<'_>) -> Vec<AdapterStatus> {
    match &view.instance.adapters {
        Adapters::Known(adapters) => adapters.iter().map(|adapter| one(view, adapter)).collect(),
        Adapters::Unknown(_) => view
            .previous
            .map(|previous| previous.adapters.clone())
            .unwrap_or_default(),
    }
}

fn one(view: &View<'_>, adapter: &JudgedAdapter) -> AdapterStatus {
    let published = &adapter.published;
    let wanted = matches!(adapter.verdict, Verdict::Expose(_));
    let name = wanted.then(|| wanted_name(view, &published.r#type));
    let failure = name.as_deref().and_then(|name| failure(view, name));
    let failed = failure.is_some();
    let service = service_of(view, &published.r#type, name.as_deref());
    let address = service.and_then(|service| address(service, view.pod));
    let message = match &adapter.verdict {
        _ if failure.is_some() => failure,
        Verdict::Expose(_) if !published.running => {
            Some("it is switched on, but nothing listens on its port yet: the server's log says why".to_owned())
        }
        Verdict::Expose(_) if address.is_none() => {
            Some("its Service has no address yet: a load balancer controller must give it one".to_owned())
        }
        Verdict::Expose(_) | Verdict::Off => None,
        Verdict::Leaving => published.leaving_since.map(|since| {
            format!("it has been switched off or gone since {since}: its Service goes when removalHold has passed")
        }),
        Verdict::Refused(reason) => Some(reason.clone()),
    };
    AdapterStatus {
        r#type: published::shorten(&published.r#type),
        port: i32::try_from(published.port).ok(),
        enabled: published.enabled,
        running: published.running,
        exposed: wanted && !failed,
        service: service.map(ResourceExt::name_any).or(name),
        address,
        mount_commands: Vec::new(),
        message,
    }
}

fn wanted_name(view: &View<'_>, adapter: &str) -> String {
    let template = &view.instance.spec.adapter_services.name_template;
    dittofs_shared::names::adapter_service(template, &view.instance.name, adapter)
}

/// Why the Service of this name could not be written, if it could not.
fn failure(view: &View<'_>, name: &str) -> Option<String> {
    let of_service = |failure: &&Failure| failure.kind == "Service" && failure.name == name;
    view.failures
        .iter()
        .find(of_service)
        .map(ToString::to_string)
}

/// The Service of this name or, while there is none yet, the one that the adapter has had so far.
fn service_of<'a>(view: &View<'a>, adapter: &str, name: Option<&str>) -> Option<&'a Service> {
    let of_adapter = || {
        let services = view.adapter_services.iter();
        services.filter(|service| adapter_of(&service.metadata) == Some(adapter))
    };
    of_adapter()
        .find(|service| name.is_some_and(|name| service.name_any() == name))
        .or_else(|| of_adapter().next())
        .map(|service| &**service)
}

/// `host:port` that clients use.
fn address(service: &Service, pod: Option<&Pod>) -> Option<String> {
    let spec = service.spec.as_ref()?;
    let port = spec.ports.as_ref()?.first()?;
    match spec.type_.as_deref() {
        Some("LoadBalancer") => {
            let ingress = service
                .status
                .as_ref()?
                .load_balancer
                .as_ref()?
                .ingress
                .as_ref()?
                .first()?;
            let host = ingress.hostname.as_ref().or(ingress.ip.as_ref())?;
            Some(join(host, port.port))
        }
        Some("NodePort") => Some(join(
            pod?.status.as_ref()?.host_ip.as_ref()?,
            port.node_port?,
        )),
        _ => Some(join(spec.cluster_ip.as_ref()?, port.port)),
    }
}

fn join(host: &str, port: i32) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The host of an adapter's address.
pub(super) fn host(adapter: &AdapterStatus) -> Option<String> {
    let (host, _) = adapter.address.as_ref()?.rsplit_once(':')?;
    Some(host.trim_matches(['[', ']']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_address_is_what_clients_of_this_type_of_service_use() {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {}, "status": {"hostIP": "192.0.2.1"}}))
                .unwrap();
        for (kind, ingress, expected) in [
            (
                "LoadBalancer",
                json!([{"ip": "203.0.113.1"}]),
                Some("203.0.113.1:445"),
            ),
            (
                "LoadBalancer",
                json!([{"ip": "2001:db8::1"}]),
                Some("[2001:db8::1]:445"),
            ),
            (
                "LoadBalancer",
                json!([{"hostname": "lb.example"}]),
                Some("lb.example:445"),
            ),
            ("LoadBalancer", json!([]), None),
            ("NodePort", json!([]), Some("192.0.2.1:30445")),
            ("ClusterIP", json!([]), Some("198.51.100.1:445")),
        ] {
            let service: Service = serde_json::from_value(json!({
                "metadata": {},
                "spec": {"type": kind, "clusterIP": "198.51.100.1", "ports": [{"port": 445, "nodePort": 30445}]},
                "status": {"loadBalancer": {"ingress": ingress}},
            }))
            .unwrap();
            assert_eq!(
                address(&service, Some(&pod)).as_deref(),
                expected,
                "{kind} {ingress}"
            );
        }
    }
}
