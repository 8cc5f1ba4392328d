//! The status of each adapter.

mod address;
mod ready;

use dittofs_shared::crd::{AdapterStatus, IpFamily};
use dittofs_shared::{labels, published_state};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;

use super::View;
use crate::adapters::{Adapters, EvaluatedAdapter, Verdict};
use crate::desired::adapter_of;
use crate::exposure::Exposure;
use crate::exposure::replaced::Replaced;
use crate::outcome::Failure;
use crate::warnings;
pub(super) use address::due_in;
pub(super) use ready::ready;

/// One entry for each adapter. While the adapters are not known, the last entries stay.
pub(super) fn all(view: &View<'_>) -> Vec<AdapterStatus> {
    match &view.instance.adapters {
        Adapters::Known(adapters) => adapters.iter().map(|adapter| one(view, adapter)).collect(),
        Adapters::Unknown(_) => view
            .previous
            .map(|previous| previous.adapters.clone())
            .unwrap_or_default(),
    }
}

fn one(view: &View<'_>, adapter: &EvaluatedAdapter) -> AdapterStatus {
    let published = &adapter.published;
    let exposure = &view.instance.exposure;
    let plan = adapter.r#type.and_then(|r#type| exposure.plan_of(r#type));
    let name = plan.map(|plan| plan.name.clone());
    let failure = name.as_deref().and_then(|name| failure(view, name));
    let failed = failure.is_some();
    let predecessor = predecessor(exposure, adapter);
    // Clients get the address that works.
    let current = predecessor.map(|replaced| &replaced.name).or(name.as_ref());
    let service = service_of(view, &published.r#type, current.map(String::as_str));
    let place = service.and_then(|service| place(service, &published.r#type, view.pod));
    let message = failure.or_else(|| message(view, adapter, service, place.is_some()));
    AdapterStatus {
        r#type: published_state::shorten(&published.r#type),
        port: i32::try_from(published.port).ok(),
        enabled: published.enabled,
        running: published.running,
        exposed: plan.is_some() && !failed,
        service: service.map(ResourceExt::name_any).or(name),
        address: place.as_ref().map(|(host, port)| join(host, *port)),
        // What is not exposed is about to be deleted, or not what it should be.
        mount_commands: place
            .filter(|_| plan.is_some())
            .map_or_else(Vec::new, |(host, port)| {
                let r#type = adapter.r#type;
                r#type.map_or_else(Vec::new, |r#type| r#type.mount_commands(&host, port))
            }),
        message,
    }
}

/// The Service that clients use until that of the adapter has an address.
fn predecessor<'a>(exposure: &'a Exposure, adapter: &EvaluatedAdapter) -> Option<&'a Replaced> {
    let r#type = adapter.r#type?;
    exposure.predecessor(&exposure.plan_of(r#type)?.name, r#type)
}

/// What is wrong, or about to happen.
fn message(
    view: &View<'_>,
    adapter: &EvaluatedAdapter,
    service: Option<&Service>,
    has_address: bool,
) -> Option<String> {
    let published = &adapter.published;
    match &adapter.verdict {
        Verdict::Expose(_) if !published.running => Some(
            "enabled, but nothing is listening on its port yet: check the server log".to_owned(),
        ),
        Verdict::Expose(_) => {
            // A setting that could not be applied may be why there is no address.
            let exposure = &view.instance.exposure;
            let waits = predecessor(exposure, adapter).map(|replaced| waits(view, replaced));
            let remarks = adapter
                .r#type
                .and_then(|r#type| exposure.remarks.get(&r#type));
            let reports = service.filter(|_| has_address).map(address::reports);
            let all: Vec<_> = waits
                .into_iter()
                .chain(remarks.into_iter().flatten().cloned())
                .chain(reports.into_iter().flatten())
                .collect();
            let known = (!all.is_empty()).then(|| all.join("; "));
            known.or_else(|| (!has_address).then(|| missing_address(view, service)))
        }
        Verdict::Disabled => None,
        Verdict::Leaving => published
            .leaving_since
            .map(|since| leaving(&since.to_string(), service)),
        Verdict::Refused(reason) => Some(reason.clone()),
    }
}

/// Why a Service is kept that is no longer wanted, and what to do when that does not end.
fn waits(view: &View<'_>, replaced: &Replaced) -> String {
    let (old, namespace) = (&replaced.name, &view.instance.namespace);
    let new = replaced.waits_for.join(", ");
    let next = replaced.waits_for.join(" ");
    let (services, have) = if replaced.waits_for.len() == 1 {
        ("Service", "has")
    } else {
        ("Services", "have")
    };
    format!(
        "{services} {new} {have} no address yet, so Service {old} is kept: `kubectl describe service {next} -n {namespace}` shows what \
         the load balancer controller reports. If the new address must be the old one, or Service {old} is no longer needed, run \
         `kubectl delete service {old} -n {namespace}`"
    )
}

fn missing_address(view: &View<'_>, service: Option<&Service>) -> String {
    let Some(service) = service else {
        return "its Service has no address yet".to_owned();
    };
    let (name, namespace) = (service.name_any(), &view.instance.namespace);
    if let Some(warning) = warnings::cause(view.warnings, "Service", &name) {
        return format!("Service {name} has no address yet: {}", warning.said());
    }
    let spec = service.spec.as_ref();
    match spec.and_then(|spec| spec.type_.as_deref()) {
        Some("NodePort") => format!(
            "Service {name} has no address yet: clients reach a NodePort at the node of the pod, and the pod is not on a node yet"
        ),
        _ if !address::reports(service).is_empty() => format!(
            "Service {name} has no address yet: {}",
            address::reports(service).join("; ")
        ),
        _ => format!(
            "Service {name} has no address yet: run `kubectl describe service {name} -n {namespace}` to see what the load balancer \
             controller reports"
        ),
    }
}

/// The Services of which a load balancer controller may report why they have no address.
pub(super) fn without_address<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Service> {
    let services = view.adapter_services.iter().map(|service| &**service);
    services.filter(|service| {
        let spec = service.spec.as_ref();
        let ingress = service
            .status
            .as_ref()
            .and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref());
        let is_balanced = spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
        is_balanced && ingress.is_none_or(<[_]>::is_empty)
    })
}

/// What happens to an adapter that is disabled or no longer in DittoFS.
fn leaving(since: &str, service: Option<&Service>) -> String {
    const ONCE: &str = "once spec.adapterDiscovery.removalHold has elapsed";
    let Some(service) = service else {
        return format!("disabled or removed since {since}");
    };
    let name = service.name_any();
    if adapter_of(&service.metadata) == Some(labels::ALL_ADAPTERS) {
        format!("disabled or removed since {since}: Service {name} loses its port {ONCE}")
    } else {
        format!("disabled or removed since {since}: Service {name} is deleted {ONCE}")
    }
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
    let has_port = |service: &Service| {
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
        let mut ports = ports.into_iter().flatten();
        ports.any(|port| port.name.as_deref() == Some(adapter))
    };
    let leads = |service: &Service| {
        let whose = adapter_of(&service.metadata);
        whose == Some(adapter) || (whose == Some(labels::ALL_ADAPTERS) && has_port(service))
    };
    let mut services = view.adapter_services.iter().map(|service| &**service);
    let mut so_far = services.clone().filter(|service| leads(service));
    services
        .find(|service| name.is_some_and(|name| service.name_any() == name) && leads(service))
        .or_else(|| so_far.next())
}

/// The host and port for clients.
fn place(service: &Service, adapter: &str, pod: Option<&Pod>) -> Option<(String, i32)> {
    let spec = service.spec.as_ref()?;
    let ports = spec.ports.as_deref()?;
    let own = ports
        .iter()
        .find(|port| port.name.as_deref() == Some(adapter));
    let port = own.or_else(|| ports.first())?;
    match spec.type_.as_deref() {
        Some("LoadBalancer") => {
            let status = service.status.as_ref()?.load_balancer.as_ref()?;
            let ingress = status.ingress.as_ref()?.first()?;
            let host = ingress.hostname.as_ref().or(ingress.ip.as_ref())?;
            Some((host.clone(), port.port))
        }
        Some("NodePort") => {
            let host = node_address(pod?, spec.ip_families.as_deref())?;
            Some((host.to_owned(), port.node_port?))
        }
        _ => Some((spec.cluster_ip.clone()?, port.port)),
    }
}

/// The address of the pod's node that is of the Service's first family: node ports are open on no others.
fn node_address<'a>(pod: &'a Pod, families: Option<&[String]>) -> Option<&'a str> {
    let status = pod.status.as_ref()?;
    let family = families.and_then(|families| families.first());
    let fits = |address: &&str| {
        let is_v6 = family.map(|family| family == IpFamily::IPv6.as_str());
        is_v6.is_none_or(|is_v6| address.contains(':') == is_v6)
    };
    let all = status.host_ips.iter().flatten();
    let mut all = all.map(|address| address.ip.as_str());
    all.find(fits).or(status.host_ip.as_deref())
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
                "spec": {"type": kind, "clusterIP": "198.51.100.1", "ports": [
                    {"name": "nfs", "port": 2049, "nodePort": 32049}, {"name": "smb", "port": 445, "nodePort": 30445},
                ]},
                "status": {"loadBalancer": {"ingress": ingress}},
            }))
            .unwrap();
            assert_eq!(
                place(&service, "smb", Some(&pod))
                    .map(|(host, port)| join(&host, port))
                    .as_deref(),
                expected,
                "{kind} {ingress}"
            );
        }
    }

    #[test]
    fn a_node_port_is_reached_at_an_address_of_the_family_of_its_service() {
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "status": {
            "hostIP": "192.0.2.1", "hostIPs": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
        }}))
        .unwrap();
        for (families, expected) in [
            (Some("IPv4"), "192.0.2.1"),
            (Some("IPv6"), "2001:db8::1"),
            (None, "192.0.2.1"),
        ] {
            let families = families.map(|family| [family.to_owned()]);
            let families = families.as_ref().map(<[String; 1]>::as_slice);
            assert_eq!(node_address(&pod, families), Some(expected));
        }
    }
}
