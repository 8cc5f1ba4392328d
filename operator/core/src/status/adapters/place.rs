//! Where clients reach an adapter.

use dittofs_shared::crd::{AdapterStatus, IpFamily};
use k8s_openapi::api::core::v1::{Pod, Service};

/// The host and port for clients.
pub(super) fn place(service: &Service, adapter: &str, pod: Option<&Pod>) -> Option<(String, i32)> {
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

pub(super) fn join(host: &str, port: i32) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The host of an adapter's address.
pub(in crate::status) fn host(adapter: &AdapterStatus) -> Option<String> {
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
