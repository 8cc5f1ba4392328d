mod families;

use super::*;
use crate::adapters::Verdict;
use crate::exposure::live::OwnFields;
use crate::exposure::ports::{Protocol, protocol, target};
use AdapterType::{Nfs, Smb};
use dittofs_shared::adapter_type::MAX_PORT_NAME;
use dittofs_shared::published_state::Adapter;
use k8s_openapi::api::core::v1::Service;
use proptest::prelude::*;
use serde_json::{Value, json};

#[allow(clippy::needless_pass_by_value)] // The macro makes a value.
fn spec(adapter_services: Value) -> DittoServerSpec {
    serde_json::from_value(json!({
        "storage": {"metadataSize": "1Gi"}, "metrics": {"enabled": true}, "adapterServices": adapter_services,
    }))
    .unwrap()
}

fn evaluated(spec: &DittoServerSpec, adapters: &[(&str, i64)]) -> Adapters {
    let running = |(r#type, port): &(&str, i64)| Adapter::running(*r#type, *port);
    let reserved = ReservedPorts::of(spec, None);
    Adapters::of(adapters.iter().map(running), &reserved)
}

#[allow(clippy::needless_pass_by_value)] // The macro makes a value.
fn live(name: &str, adapter: &str, spec: Value) -> LiveService {
    let service = json!({
        "metadata": {"name": name, "labels": {labels::ADAPTER: adapter}}, "spec": spec,
    });
    let service: Service = serde_json::from_value(service).unwrap();
    LiveService::of(&service).unwrap()
}

/// The plan, and the adapters without those that collide.
fn planned(
    spec: &DittoServerSpec,
    live: &[LiveService],
    adapters: Adapters,
) -> (Exposure, Adapters) {
    let inputs = Inputs {
        instance: "files",
        spec,
        reserved: &ReservedPorts::of(spec, None),
        live,
    };
    let adapters = inputs.refuse_collisions(adapters);
    (plan(inputs, &adapters), adapters)
}

/// The plan for an adapter of type `nfs`.
fn planned_nfs(spec: &DittoServerSpec, live: &[LiveService]) -> Exposure {
    planned(spec, live, evaluated(spec, &BOTH[..1])).0
}

const BOTH: [(&str, i64); 2] = [("nfs", 12049), ("smb", 1445)];

#[test]
fn a_new_load_balancer_gets_policy_local_and_one_that_exists_keeps_its_policy() {
    let policy = |settings: Value, live: &[LiveService]| {
        let spec = spec(settings);
        let made = planned_nfs(&spec, live);
        made.services[0].spec.external_traffic_policy.clone()
    };
    let theirs = || {
        live(
            "files-nfs",
            "nfs",
            json!({"type": "LoadBalancer", "externalTrafficPolicy": "Cluster"}),
        )
    };
    let ours = || LiveService {
        owns: OwnFields {
            traffic_policy: true,
            ..OwnFields::default()
        },
        ..theirs()
    };
    let node_port = || {
        live(
            "files-nfs",
            "nfs",
            json!({"type": "NodePort", "externalTrafficPolicy": "Cluster"}),
        )
    };
    let local = Some("Local".to_owned());
    assert_eq!(policy(json!({}), &[]), local);
    assert_eq!(policy(json!({}), &[theirs()]), None);
    assert_eq!(policy(json!({}), &[ours()]), local);
    assert_eq!(policy(json!({}), &[node_port()]), local);
    assert_eq!(
        policy(json!({"externalTrafficPolicy": "Local"}), &[theirs()]),
        local
    );
    let template = json!({"serviceTemplate": {"spec": {"externalTrafficPolicy": "Local"}}});
    assert_eq!(policy(template, &[theirs()]), local);
    assert_eq!(policy(json!({"type": "NodePort"}), &[]), None);
    let all = json!({"type": "ClusterIP", "externalTrafficPolicy": "Local", "loadBalancerSourceRanges": ["192.0.2.0/24"]});
    assert_eq!(policy(all, &[ours()]), None);
}

#[test]
fn what_is_immutable_stays_and_is_reported() {
    let spec = spec(json!({"loadBalancerClass": "a/new", "ipFamilies": ["IPv6"]}));
    let has = json!({
        "type": "LoadBalancer", "loadBalancerClass": "a/old", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
    });
    let ours = LiveService {
        owns: OwnFields {
            class: true,
            ..OwnFields::default()
        },
        ..live("files-nfs", "nfs", has)
    };
    let made = planned_nfs(&spec, &[ours]);
    let service = &made.services[0].spec;
    assert_eq!(service.load_balancer_class.as_deref(), Some("a/old"));
    assert_eq!(service.ip_families, Some(vec!["IPv4".to_owned()]));
    let remarks = made.remarks[&Nfs].join(" ");
    for word in [
        "loadBalancerClass of Service files-nfs is immutable and stays a/old",
        "ipFamilies of Service files-nfs is immutable and stays IPv4",
        "delete the Service",
    ] {
        assert!(remarks.contains(word), "{remarks:?} does not say {word:?}");
    }
    let other = live(
        "files-nfs",
        "nfs",
        json!({"type": "ClusterIP", "ipFamilies": ["IPv6"]}),
    );
    let made = planned_nfs(&spec, &[other]);
    assert_eq!(made.remarks, BTreeMap::new(), "the type was another one");
}

#[test]
fn a_class_that_a_webhook_has_set_is_worth_a_remark_only_where_another_one_is_named() {
    let has = json!({"type": "LoadBalancer", "loadBalancerClass": "a/theirs"});
    for (settings, class, sent, is_told) in [
        (json!({}), false, None, false),
        (
            json!({"loadBalancerClass": "a/theirs"}),
            false,
            Some("a/theirs"),
            false,
        ),
        (json!({"loadBalancerClass": "a/other"}), false, None, true),
        // Earlier versions sent back what they saw. The API server refuses to have it removed.
        (json!({}), true, Some("a/theirs"), false),
        (
            json!({"loadBalancerClass": "a/other"}),
            true,
            Some("a/theirs"),
            true,
        ),
    ] {
        let spec = spec(settings);
        let live = LiveService {
            owns: OwnFields {
                class,
                ..OwnFields::default()
            },
            ..live("files-nfs", "nfs", has.clone())
        };
        let made = planned_nfs(&spec, &[live]);
        let has = made.services[0].spec.load_balancer_class.as_deref();
        assert_eq!(has, sent, "{:?}", spec.adapter_services);
        assert_eq!(!made.remarks.is_empty(), is_told, "{:?}", made.remarks);
    }
}

#[test]
fn the_adapter_that_has_a_port_of_the_shared_service_keeps_it() {
    let spec =
        spec(json!({"mode": "Shared", "overrides": {"nfs": {"port": 445}, "smb": {"port": 445}}}));
    let refused = |live: &[LiveService]| {
        let (made, adapters) = planned(&spec, live, evaluated(&spec, &BOTH));
        let led: Vec<_> = made.services[0].adapters.clone();
        let reasons = adapters
            .known()
            .iter()
            .filter_map(|adapter| match &adapter.verdict {
                Verdict::Refused(reason) => Some(reason.clone()),
                _ => None,
            });
        (led, reasons.collect::<Vec<_>>())
    };
    let (led, reasons) = refused(&[]);
    assert_eq!(led, [Nfs]);
    assert!(
        reasons[0].contains("adapter nfs already uses"),
        "{reasons:?}"
    );
    let ports = json!([{"name": "smb", "port": 445, "targetPort": 1445}]);
    let (led, reasons) = refused(&[live(
        "files-adapters",
        labels::ALL_ADAPTERS,
        json!({"ports": ports}),
    )]);
    assert_eq!(led, [Smb]);
    assert!(reasons[0].contains("overrides.nfs.port"), "{reasons:?}");
}

#[test]
fn a_node_port_moves_to_the_new_service_when_the_old_one_is_gone() {
    let spec = spec(json!({
        "type": "NodePort", "nameTemplate": "new-{adapter}", "overrides": {"nfs": {"nodePort": 30049}},
    }));
    let node_port =
        |live: &[LiveService]| planned_nfs(&spec, live).services[0].ports[0].port.node_port;
    let ports = json!([{"name": "nfs", "port": 12049, "nodePort": 30049}]);
    let old = live(
        "files-nfs",
        "nfs",
        json!({"type": "NodePort", "ports": ports}),
    );
    assert_eq!(node_port(&[old]), None);
    assert_eq!(node_port(&[]), Some(30049));
}

#[test]
fn while_adapters_are_unknown_live_services_stay_open_and_none_is_created() {
    let spec = spec(json!({"mode": "Shared"}));
    let ports = json!([
        {"name": "nfs", "port": 2049, "targetPort": 12049}, {"name": "smb", "port": 445, "targetPort": 8080},
    ]);
    let shared = live(
        "files-adapters",
        labels::ALL_ADAPTERS,
        json!({"ports": ports}),
    );
    let unknown = Adapters::Unknown(crate::adapters::Unknown::NothingPublished);
    let (made, _) = planned(&spec, &[shared], unknown);
    assert_eq!(made.services, []);
    let opening = Opening {
        port: 12049,
        protocol: Protocol::Tcp,
    };
    let openings = BTreeMap::from([(Nfs, BTreeSet::from([opening]))]);
    assert_eq!(made.openings, openings);
}

fn any_settings() -> impl Strategy<Value = Value> {
    let discovery = prop::sample::subsequence(vec!["Portmapper", "Mdns", "Wsd"], 0..=3);
    let port = prop_oneof![
        Just(None),
        prop::sample::select(vec![111, 445, 2049, 3702, 5353, 5357]).prop_map(Some)
    ];
    let own = (port, prop::option::of(30000..30003), discovery).prop_map(
        |(port, node_port, discovery)| {
            let mut own = json!({"discoveryPorts": discovery});
            if let Some::<i32>(port) = port {
                own["port"] = port.into();
            }
            if let Some::<i32>(port) = node_port {
                own["nodePort"] = port.into();
            }
            own
        },
    );
    let theirs = (
        prop::sample::select(vec![22, 111, 445, 8080, 9090, 5353]),
        prop::option::of(prop::sample::select(vec![8080, 8081, 9090, 22, 10111])),
        prop::option::of(prop::sample::select(vec![
            "nfs",
            "tcp-22",
            "Ünlike",
            "much-too-long-a-name",
            "ssh",
        ])),
        prop::option::of(prop::sample::select(vec!["TCP", "UDP"])),
    );
    let theirs = theirs.prop_map(|(port, target, name, protocol)| {
        json!({"port": port, "targetPort": target, "name": name, "protocol": protocol})
    });
    let theirs = prop::collection::vec(theirs, 0..4);
    let mode = prop::sample::select(vec!["PerAdapter", "Shared"]);
    let r#type = prop::sample::select(vec!["ClusterIP", "NodePort", "LoadBalancer"]);
    (mode, r#type, own.clone(), own, theirs).prop_map(|(mode, r#type, nfs, smb, theirs)| {
        json!({
            "mode": mode, "type": r#type, "overrides": {"nfs": nfs, "smb": smb},
            "serviceTemplate": {"spec": {"ports": theirs}},
        })
    })
}

fn any_live() -> impl Strategy<Value = Vec<LiveService>> {
    let port = (
        prop::sample::select(vec!["nfs", "smb", "nfs-portmap", "ssh"]),
        prop::sample::select(vec![111, 445, 2049]),
        prop::sample::select(vec![10111, 1445, 12049, 8080]),
    );
    let ports = prop::collection::vec(port, 0..3).prop_map(|ports| {
        let mut seen = BTreeSet::new();
        let fresh = |(name, port, _): &(&str, i32, i32)| seen.insert(name.to_string()) && seen.insert(port.to_string());
        let ports: Vec<_> = ports.into_iter().filter(fresh).collect();
        let port = |(name, port, target)| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"});
        ports.into_iter().map(port).collect::<Vec<_>>()
    });
    let service = (
        prop::sample::select(vec!["nfs", "smb", labels::ALL_ADAPTERS]),
        ports,
    );
    let service = service.prop_map(|(adapter, ports)| {
        live(
            &format!("files-{adapter}"),
            adapter,
            json!({"ports": ports}),
        )
    });
    prop::collection::vec(service, 0..3)
}

proptest! {
    #[test]
    fn ports_are_unique_named_and_open_and_lead_to_nothing_reserved(
        settings in any_settings(),
        live in any_live(),
        ports in prop::collection::vec(prop_oneof![0..70_000_i64, prop::sample::select(vec![8080, 8081, 9090, 445, 12049])], 2),
        leaving in any::<(bool, bool)>(),
    ) {
        let spec = spec(settings);
        let mut adapters = evaluated(&spec, &[("nfs", ports[0]), ("smb", ports[1])]);
        if let Adapters::Known(known) = &mut adapters {
            for (adapter, leaves) in known.iter_mut().zip([leaving.0, leaving.1]) {
                if leaves { adapter.verdict = Verdict::Leaving; }
            }
        }
        let (made, _) = planned(&spec, &live, adapters);
        let reserved = ReservedPorts::of(&spec, None);
        for plan in &made.services {
            let all: Vec<_> = plan.ports.iter().map(|planned| &planned.port).collect();
            let names: BTreeSet<_> = all.iter().map(|port| port.name.clone().unwrap_or_default()).collect();
            prop_assert_eq!(names.len(), all.len(), "names of {:?}", all);
            prop_assert!(names.iter().all(|name| !name.is_empty() && name.len() <= MAX_PORT_NAME));
            let numbers: BTreeSet<_> = all.iter().map(|port| (port.port, protocol(port))).collect();
            prop_assert_eq!(numbers.len(), all.len(), "numbers of {:?}", all);
            for port in all {
                let Some(to) = target(port) else { continue };
                prop_assert_eq!(reserved.owner(to), None, "{:?} leads to {}", port, to);
                let opening = Opening { port: to, protocol: Protocol::of(port).unwrap() };
                prop_assert!(made.openings.values().any(|open| open.contains(&opening)), "{:?} is closed", port);
            }
        }
        let mut open = made.openings.values().flatten();
        prop_assert!(open.all(|opening| reserved.owner(opening.port).is_none()));
    }

    #[test]
    fn an_adapter_that_is_kept_keeps_its_ports_of_the_shared_service(
        settings in any_settings(), live in any_live(), port in 1..9_i64, nfs_leaves: bool,
    ) {
        let mut settings = settings;
        settings["mode"] = json!("Shared");
        let spec = spec(settings);
        let mut adapters = evaluated(&spec, &[("nfs", port), ("smb", 1445)]);
        if let (Adapters::Known(known), true) = (&mut adapters, nfs_leaves) {
            known[0].verdict = Verdict::Leaving;
        }
        let (made, adapters) = planned(&spec, &live, adapters);
        let Some(plan) = made.services.first() else { return Ok(()) };
        let Some(shared) = live.iter().find(|live| live.name == plan.name && live.is_shared()) else { return Ok(()) };
        for adapter in adapters.kept() {
            for port in shared.ports_of(adapter).map(|planned| &planned.port) {
                let there = plan.ports.iter().map(|planned| &planned.port);
                let stays = target(port).is_some_and(|target| ReservedPorts::of(&spec, None).owner(target).is_some())
                    || there.into_iter().any(|there| ports::collide(there, port) && target(there) == target(port));
                prop_assert!(stays, "{:?} is not in {:?}", port, plan.ports);
            }
        }
    }
}
