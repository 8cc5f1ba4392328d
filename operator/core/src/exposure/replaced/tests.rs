use super::*;
use crate::adapters::reserved::ReservedPorts;
use crate::exposure::plan;
use crate::exposure::ports::Protocol;
use AdapterType::{Nfs, Smb};
use dittofs_shared::crd::DittoServerSpec;
use dittofs_shared::labels;
use dittofs_shared::published_state::Adapter;
use serde_json::{Value, json};

#[allow(clippy::needless_pass_by_value)] // The macro makes a value.
fn spec(adapter_services: Value) -> DittoServerSpec {
    let spec = json!({"storage": {"metadataSize": "1Gi"}, "adapterServices": adapter_services});
    serde_json::from_value(spec).unwrap()
}

/// A Service of an adapter, with its type, its address and its ports.
#[allow(clippy::needless_pass_by_value)] // The macro makes a value.
fn live(
    name: &str,
    adapter: &str,
    r#type: &str,
    address: Option<&str>,
    ports: Value,
) -> LiveService {
    let ingress = address.map(|address| json!([{"ip": address}]));
    let service = json!({
        "metadata": {"name": name, "labels": {labels::ADAPTER: adapter}},
        "spec": {"type": r#type, "ports": ports},
        "status": {"loadBalancer": {"ingress": ingress}},
    });
    LiveService::of(&serde_json::from_value(service).unwrap()).unwrap()
}

fn nfs(name: &str, r#type: &str, address: Option<&str>) -> LiveService {
    let ports = json!([{"name": "nfs", "port": 2049, "targetPort": 12049}]);
    live(name, "nfs", r#type, address, ports)
}

fn shared(name: &str, address: Option<&str>) -> LiveService {
    let ports = json!([
        {"name": "nfs", "port": 2049, "targetPort": 12049},
        {"name": "smb", "port": 445, "targetPort": 1445},
        {"name": "ssh", "port": 22, "targetPort": 2222},
    ]);
    live(name, labels::ALL_ADAPTERS, "LoadBalancer", address, ports)
}

fn planned(spec: &DittoServerSpec, live: &[LiveService]) -> Exposure {
    let running = [("nfs", 12049), ("smb", 1445)];
    planned_with(
        spec,
        live,
        running.map(|(r#type, port)| Adapter::running(r#type, port)),
    )
}

fn planned_with(
    spec: &DittoServerSpec,
    live: &[LiveService],
    adapters: impl IntoIterator<Item = Adapter>,
) -> Exposure {
    let reserved = ReservedPorts::of(spec, None);
    let inputs = Inputs {
        instance: "files",
        spec,
        reserved: &reserved,
        live,
    };
    plan(inputs, &Adapters::of(adapters, &reserved))
}

/// What stays, and what it waits for.
fn staying(spec: &DittoServerSpec, live: &[LiveService]) -> Vec<(String, Vec<String>)> {
    let replaced = planned(spec, live).replaced.into_iter();
    replaced.map(|one| (one.name, one.waits_for)).collect()
}

fn waits(old: &str, new: &[&str]) -> Vec<(String, Vec<String>)> {
    let new = new.iter().map(|name| (*name).to_owned()).collect();
    vec![(old.to_owned(), new)]
}

const OLD: Option<&str> = Some("203.0.113.1");
const NEW: Option<&str> = Some("203.0.113.2");

#[test]
fn a_renamed_load_balancer_stays_until_the_new_one_has_an_address() {
    let renamed = spec(json!({"nameTemplate": "new-{adapter}"}));
    let balancer = |name: &str, address| nfs(name, "LoadBalancer", address);
    let old = || balancer("files-nfs", OLD);
    for (live, expected) in [
        (vec![old()], waits("files-nfs", &["new-nfs"])),
        (
            vec![old(), balancer("new-nfs", None)],
            waits("files-nfs", &["new-nfs"]),
        ),
        (vec![old(), balancer("new-nfs", NEW)], vec![]),
        // Its type is about to change, and its address with it.
        (
            vec![old(), nfs("new-nfs", "ClusterIP", None)],
            waits("files-nfs", &["new-nfs"]),
        ),
        // There is no address that clients could lose.
        (vec![balancer("files-nfs", None)], vec![]),
        // It had an address inside the cluster, and is to get one outside.
        (
            vec![nfs("files-nfs", "ClusterIP", None)],
            waits("files-nfs", &["new-nfs"]),
        ),
    ] {
        assert_eq!(staying(&renamed, &live), expected, "{live:?}");
    }
    let being_deleted = LiveService {
        has_address: false,
        ..balancer("new-nfs", NEW)
    };
    assert_eq!(
        staying(&renamed, &[old(), being_deleted]),
        waits("files-nfs", &["new-nfs"])
    );
}

#[test]
fn other_types_have_their_address_at_once() {
    for r#type in ["ClusterIP", "NodePort"] {
        let renamed = spec(json!({"nameTemplate": "new-{adapter}", "type": r#type}));
        for old in ["ClusterIP", "LoadBalancer"] {
            assert_eq!(staying(&renamed, &[nfs("files-nfs", old, OLD)]), vec![]);
        }
    }
    // Each Service has its own type.
    let one = spec(json!({
        "nameTemplate": "new-{adapter}", "overrides": {"nfs": {"type": "ClusterIP"}},
    }));
    assert_eq!(
        staying(&one, &[nfs("files-nfs", "LoadBalancer", OLD)]),
        vec![]
    );
}

#[test]
fn a_change_of_the_mode_waits_for_every_service_that_takes_a_part() {
    let per_adapter = spec(json!({}));
    let old = || shared("files-adapters", OLD);
    let all = waits("files-adapters", &["files-nfs", "files-smb"]);
    assert_eq!(staying(&per_adapter, &[old()]), all);
    let with_nfs = [old(), nfs("files-nfs", "LoadBalancer", NEW)];
    let rest = waits("files-adapters", &["files-smb"]);
    assert_eq!(staying(&per_adapter, &with_nfs), rest);
    let to_shared = spec(json!({"mode": "Shared"}));
    let old = || nfs("files-nfs", "LoadBalancer", OLD);
    assert_eq!(
        staying(&to_shared, &[old()]),
        waits("files-nfs", &["files-adapters"])
    );
    assert_eq!(
        staying(&to_shared, &[old(), shared("files-adapters", NEW)]),
        vec![]
    );
}

#[test]
fn what_a_service_that_stays_leads_to_stays_open() {
    let per_adapter = spec(json!({}));
    let made = planned(&per_adapter, &[shared("files-adapters", OLD)]);
    let open = |adapter: AdapterType, port: u16| {
        let protocol = Protocol::Tcp;
        made.openings[&adapter].contains(&Opening { port, protocol })
    };
    // The port that the user has added is for the clients of each adapter.
    for (adapter, port, expected) in [
        (Nfs, 12049, true),
        (Nfs, 2222, true),
        (Nfs, 1445, false),
        (Smb, 1445, true),
        (Smb, 2222, true),
        (Smb, 12049, false),
    ] {
        assert_eq!(open(adapter, port), expected, "{adapter} {port}");
    }
    let moved = json!([{"name": "nfs", "port": 2049, "targetPort": 12050}]);
    let moved = live("files-old", "nfs", "LoadBalancer", OLD, moved);
    let made = planned(&per_adapter, &[moved]);
    let ports: Vec<_> = made.openings[&Nfs].iter().map(|open| open.port).collect();
    assert_eq!(ports, [12049, 12050]);
    let reserved = json!([{"name": "nfs", "port": 2049, "targetPort": 8080}]);
    let reserved = live("files-old", "nfs", "LoadBalancer", OLD, reserved);
    let made = planned(&per_adapter, &[reserved]);
    assert!(made.openings[&Nfs].iter().all(|open| open.port != 8080));
}

#[test]
fn the_predecessor_is_the_service_that_has_the_address() {
    let per_adapter = spec(json!({}));
    let made = planned(&per_adapter, &[shared("files-adapters", OLD)]);
    let predecessor = |service: &str, adapter: AdapterType| {
        let found = made.predecessor(service, adapter);
        found.map(|replaced| replaced.name.clone())
    };
    assert_eq!(
        predecessor("files-nfs", Nfs).as_deref(),
        Some("files-adapters")
    );
    assert_eq!(predecessor("other", Nfs), None);
    assert!(made.stays("files-adapters") && !made.stays("files-nfs"));
}

#[test]
fn node_ports_of_a_service_that_stays_are_left_to_it() {
    let asked =
        json!([{"port": 12049, "nodePort": 30049}, {"name": "ssh", "port": 22, "nodePort": 30022}]);
    let renamed = spec(json!({
        "nameTemplate": "new-{adapter}", "overrides": {"nfs": {"serviceTemplate": {"spec": {"ports": asked}}}},
    }));
    let held = json!([{"name": "nfs", "port": 12049, "targetPort": 12049, "nodePort": 30049}]);
    let old = live("files-nfs", "nfs", "LoadBalancer", OLD, held);
    let node_ports = |live: &[LiveService]| {
        let made = planned(&renamed, live);
        let ports = made.services[0].ports.iter();
        ports
            .map(|planned| planned.port.node_port)
            .collect::<Vec<_>>()
    };
    assert_eq!(node_ports(&[old]), [None, Some(30022)]);
    assert_eq!(node_ports(&[]), [Some(30049), Some(30022)]);
}

#[test]
fn nothing_stays_for_an_adapter_that_is_not_exposed() {
    let renamed = spec(json!({"nameTemplate": "new-{adapter}"}));
    let live = [nfs("files-nfs", "LoadBalancer", OLD)];
    let disabled = Adapter {
        enabled: false,
        running: false,
        ..Adapter::running("nfs", 12049)
    };
    let made = planned_with(&renamed, &live, [disabled]);
    assert_eq!(made.replaced, []);
}
