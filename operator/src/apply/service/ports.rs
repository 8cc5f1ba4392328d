//! The ports of a live Service, and which of them are ours.

use k8s_openapi::api::core::v1::{Service, ServicePort};

fn ports(service: &Service) -> &[ServicePort] {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default()
}

/// Whether there is a port that is not desired.
pub(super) fn has_other_ports(live: &Service, desired: &Service) -> bool {
    let wanted = |port: &ServicePort| {
        ports(desired)
            .iter()
            .any(|wanted| wanted.port == port.port && wanted.protocol == port.protocol)
    };
    !ports(live).iter().all(wanted)
}

pub(super) fn keep_node_ports(live: &Service, sent: &mut Service) {
    let has_node_ports = |service: &Service| {
        let r#type = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
        matches!(r#type, Some("NodePort" | "LoadBalancer"))
    };
    if !has_node_ports(live) || !has_node_ports(sent) {
        return;
    }
    let Some(spec) = sent.spec.as_mut() else {
        return;
    };
    if spec.allocate_load_balancer_node_ports == Some(false) {
        return;
    }
    let wanted = spec.ports.get_or_insert_default();
    let asked: Vec<_> = wanted.iter().filter_map(|port| port.node_port).collect();
    for port in wanted.iter_mut().filter(|port| port.node_port.is_none()) {
        let same = ports(live)
            .iter()
            .find(|live| live.name == port.name && live.protocol == port.protocol);
        let has = same.and_then(|live| live.node_port);
        // A node port that is requested for one port cannot be kept by another.
        port.node_port = has.filter(|has| !asked.contains(has));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(r#type: &str, port: i32, node_port: Option<i32>) -> Service {
        let mut entry = json!({"name": "smb", "port": port, "protocol": "TCP"});
        if let Some(node_port) = node_port {
            entry["nodePort"] = node_port.into();
        }
        serde_json::from_value(json!({"metadata": {}, "spec": {"type": r#type, "ports": [entry]}}))
            .unwrap()
    }

    #[test]
    fn a_node_port_outlives_a_change_of_its_port_unless_the_type_has_none() {
        let live = service("LoadBalancer", 1445, Some(30001));
        for (wanted, expected) in [
            ("LoadBalancer", Some(30001)),
            ("NodePort", Some(30001)),
            ("ClusterIP", None),
        ] {
            let mut sent = service(wanted, 1446, None);
            keep_node_ports(&live, &mut sent);
            assert_eq!(ports(&sent)[0].node_port, expected, "{wanted}");
        }
    }

    #[test]
    fn a_node_port_that_is_asked_for_wins() {
        let live = service("NodePort", 1445, Some(30001));
        let mut sent = service("NodePort", 1445, Some(30002));
        keep_node_ports(&live, &mut sent);
        assert_eq!(ports(&sent)[0].node_port, Some(30002));
        let mut other: ServicePort = ports(&sent)[0].clone();
        other.name = Some("nfs".to_owned());
        other.node_port = Some(30001);
        sent.spec.as_mut().unwrap().ports = Some(vec![
            ports(&service("NodePort", 1445, None))[0].clone(),
            other,
        ]);
        keep_node_ports(&live, &mut sent);
        assert_eq!(ports(&sent)[0].node_port, None, "another port has it now");
    }

    #[test]
    fn no_node_port_is_kept_where_none_are_allocated() {
        let live = service("LoadBalancer", 1445, Some(30001));
        let mut sent = service("LoadBalancer", 1445, None);
        sent.spec
            .as_mut()
            .unwrap()
            .allocate_load_balancer_node_ports = Some(false);
        keep_node_ports(&live, &mut sent);
        assert_eq!(ports(&sent)[0].node_port, None);
    }

    #[test]
    fn a_port_of_another_number_is_not_desired() {
        let desired = service("ClusterIP", 1445, None);
        assert!(!has_other_ports(&desired, &desired));
        assert!(!has_other_ports(&Service::default(), &desired));
        assert!(has_other_ports(&service("ClusterIP", 999, None), &desired));
        assert!(has_other_ports(&desired, &Service::default()));
    }
}
