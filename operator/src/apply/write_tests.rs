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
        assert_eq!(
            sent.spec.unwrap().ports.unwrap()[0].node_port,
            expected,
            "{wanted}"
        );
    }
}
