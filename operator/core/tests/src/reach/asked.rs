//! What a user has asked to be open: the promises of the CRD about NetworkPolicies, once more and by themselves.
//!
//! Nothing of the operator is used here. A new field that opens a port, or says to whom, is a few lines in [`from`] or
//! [`to`].

use dittofs_shared::adapter_type::DiscoveryPort;
use dittofs_shared::crd::{DittoServer, DittoServerSpec, EgressPolicy, Exposure};
use k8s_openapi::api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use serde_json::Value;
use std::collections::BTreeMap;

use super::parties::{Party, selects};
use super::{Error, Port};
use crate::case::{Case, with_identity};

/// What a case asks for.
pub struct Asked {
    pub instance: String,
    pub namespace: String,
    /// Ports of the pod that are open. `None`: no limits.
    pub from: Option<Vec<Opening>>,
    /// Where the pod may connect to. `None`: no limits.
    pub to: Option<Vec<Opening>>,
    /// All ports that the published adapters speak of, open or not.
    pub published: Vec<u16>,
}

/// Ports that are open to peers.
pub struct Opening {
    /// `None`: all ports.
    pub ports: Option<Vec<Range>>,
    /// `None`: everybody.
    pub peers: Option<Vec<NetworkPolicyPeer>>,
}

/// Ports of one protocol.
pub struct Range {
    pub protocol: String,
    pub first: u16,
    pub last: u16,
}

impl Opening {
    /// Whether it lets this party through.
    pub fn admits(&self, party: &Party, (protocol, number): Port, namespace: &str) -> bool {
        let fits = |range: &Range| {
            range.protocol == protocol && (range.first..=range.last).contains(&number)
        };
        let port = self
            .ports
            .as_ref()
            .is_none_or(|ports| ports.iter().any(fits));
        let peers = self.peers.as_ref();
        port && peers.is_none_or(|peers| peers.iter().any(|peer| selects(peer, party, namespace)))
    }

    fn new(protocol: &str, port: i64, peers: Option<Vec<NetworkPolicyPeer>>) -> Self {
        let port = u16::try_from(port).unwrap_or_default();
        let range = Range {
            protocol: protocol.to_owned(),
            first: port,
            last: port,
        };
        Self {
            ports: Some(vec![range]),
            peers,
        }
    }
}

pub fn of(case: &Case) -> Result<Asked, Error> {
    let server: DittoServer = serde_saphyr::from_str(&case.text("in.yaml")?)?;
    let server = with_identity(server);
    let adapters = published(case)?;
    let services: Vec<Value> = case.optional("services.yaml")?;
    let (instance, spec) = (server.name_any(), &server.spec);
    let policy = &spec.network_policy;
    Ok(Asked {
        namespace: server.namespace().unwrap_or_default(),
        from: policy.enabled.then(|| {
            let mut openings = from(spec, &adapters);
            openings.extend(kept(spec, &adapters, &services));
            openings
        }),
        to: policy
            .egress
            .as_ref()
            .filter(|_| policy.enabled)
            .map(|egress| to(&instance, spec, egress))
            .transpose()?,
        published: adapters
            .iter()
            .filter_map(|adapter| u16::try_from(adapter["port"].as_i64()?).ok())
            .collect(),
        instance,
    })
}

/// The adapters as the sidecar has published them; none where that cannot be understood.
fn published(case: &Case) -> Result<Vec<Value>, Error> {
    if !case.folder.join("adapters.yaml").exists() {
        return Ok(Vec::new());
    }
    let data: BTreeMap<String, String> = serde_saphyr::from_str(&case.text("adapters.yaml")?)?;
    let understood = data.get("schema").is_some_and(|schema| schema == "v1");
    let text = data.get("adapters").filter(|_| understood);
    Ok(text.map_or(Ok(Vec::new()), |text| serde_json::from_str(text))?)
}

/// An adapter that is switched on is open on its port, and on the ports by which clients find it.
fn from(spec: &DittoServerSpec, adapters: &[Value]) -> Vec<Opening> {
    let policy = &spec.network_policy;
    let mut openings = Vec::new();
    for adapter in adapters {
        let Some(port) = open_port(spec, adapter) else {
            continue;
        };
        let name = adapter["type"].as_str().unwrap_or_default();
        let peers = match policy.adapters.overrides.get(name) {
            Some(own) => &own.from,
            None => &policy.adapters.from,
        };
        openings.push(Opening::new("TCP", port, peers.clone()));
        let settings = spec.adapter_services.overrides.get(name);
        for found_by in settings
            .iter()
            .flat_map(|settings| &settings.discovery_ports)
        {
            for (protocol, port) in discovery(*found_by) {
                if !taken(spec).contains(port) {
                    openings.push(Opening::new(protocol, *port, peers.clone()));
                }
            }
        }
        for (protocol, port) in added(spec, name, port) {
            openings.push(Opening::new(&protocol, port, peers.clone()));
        }
    }
    if is_api_open(spec) {
        let peers = policy.api.from.clone().unwrap_or_else(|| vec![pods(None)]);
        let port = spec.control_plane.port.into();
        openings.push(Opening::new("TCP", port, Some(peers)));
    }
    if spec.metrics.enabled {
        let everywhere = || vec![pods(Some(LabelSelector::default()))];
        let peers = policy.metrics.from.clone().unwrap_or_else(everywhere);
        let port = spec.metrics.port.into();
        openings.push(Opening::new("TCP", port, Some(peers)));
    }
    openings
}

/// What the user's overlays add to the Service of an adapter. Where its own port leads they cannot change.
fn added(spec: &DittoServerSpec, adapter: &str, own: i64) -> Vec<(String, i64)> {
    let settings = &spec.adapter_services;
    let overrides = settings.overrides.get(adapter);
    let outside = overrides.and_then(|overrides| overrides.port);
    let outside = outside.map_or(own, i64::from);
    let templates = [
        settings.all.service_template.as_ref(),
        overrides.and_then(|overrides| overrides.own.service_template.as_ref()),
    ];
    let specs = templates
        .into_iter()
        .flatten()
        .flat_map(|template| &template.spec);
    let ports = specs.flat_map(|spec| spec.ports.iter().flatten());
    let ports = ports.map(|port| {
        let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        let target = match &port.target_port {
            Some(IntOrString::Int(target)) => *target,
            _ => port.port,
        };
        (protocol, i64::from(port.port), i64::from(target))
    });
    let theirs = ports.filter(|(protocol, port, target)| {
        (protocol != "TCP" || *port != outside) && !taken(spec).contains(target)
    });
    theirs
        .map(|(protocol, _, target)| (protocol, target))
        .collect()
}

/// An adapter that leaves, or of which nothing is known, stays open where its Service leads.
fn kept(spec: &DittoServerSpec, adapters: &[Value], services: &[Value]) -> Vec<Opening> {
    let policy = &spec.network_policy.adapters;
    let mut openings = Vec::new();
    for name in ["nfs", "smb"] {
        let known = adapters.iter().find(|adapter| adapter["type"] == name);
        let stays = known.map_or(adapters.is_empty(), |adapter| {
            !adapter["leavingSince"].is_null()
        });
        let peers = policy
            .overrides
            .get(name)
            .map_or(&policy.from, |own| &own.from);
        for service in services.iter().filter(|_| stays) {
            let whose = &service["metadata"]["labels"]["dittofs.dittofs.com/adapter"];
            for port in service["spec"]["ports"].as_array().into_iter().flatten() {
                let by_name = port["name"].as_str().unwrap_or_default().starts_with(name);
                let target = port["targetPort"].as_i64().unwrap_or_default();
                if (whose == name || (whose == "adapters" && by_name))
                    && !taken(spec).contains(&target)
                {
                    let protocol = port["protocol"].as_str().unwrap_or("TCP");
                    openings.push(Opening::new(protocol, target, peers.clone()));
                }
            }
        }
    }
    openings
}

/// Ports of the pod that are not for clients.
fn taken(spec: &DittoServerSpec) -> Vec<i64> {
    let metrics = spec.metrics.enabled.then_some(i64::from(spec.metrics.port));
    let api = i64::from(spec.control_plane.port);
    [api, 8081].into_iter().chain(metrics).collect()
}

fn is_api_open(spec: &DittoServerSpec) -> bool {
    spec.control_plane.exposure == Exposure::Cluster || spec.service.is_some()
}

/// What is published is not to be trusted: types that DittoFS does not have, ports that are none, and ports of others in
/// the pod stay closed.
fn open_port(spec: &DittoServerSpec, adapter: &Value) -> Option<i64> {
    let known = ["nfs", "smb"].iter().any(|known| adapter["type"] == *known);
    let on = adapter["enabled"] == true && adapter["leavingSince"].is_null();
    let port = adapter["port"].as_i64()?;
    (known && on && (1..=65535).contains(&port) && !taken(spec).contains(&port)).then_some(port)
}

/// Ports of the pod; the portmapper's Service has 111.
fn discovery(port: DiscoveryPort) -> &'static [(&'static str, i64)] {
    match port {
        DiscoveryPort::Portmapper => &[("TCP", 10111), ("UDP", 10111)],
        DiscoveryPort::Mdns => &[("UDP", 5353)],
        DiscoveryPort::Wsd => &[("UDP", 3702), ("TCP", 5357)],
    }
}

/// All pods of the namespaces that are selected; without a selector, of the server's own.
fn pods(namespaces: Option<LabelSelector>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        namespace_selector: namespaces,
        ip_block: None,
    }
}

/// DNS, the API server, the database that belongs to it, and what the user names.
fn to(
    instance: &str,
    spec: &DittoServerSpec,
    egress: &EgressPolicy,
) -> Result<Vec<Opening>, Error> {
    let mut openings = vec![Opening::new("UDP", 53, None), Opening::new("TCP", 53, None)];
    for port in &egress.api_server.ports {
        let peers = egress.api_server.to.clone();
        openings.push(Opening::new("TCP", i64::from(*port), peers));
    }
    if spec.percona.as_ref().is_some_and(|percona| percona.enabled) {
        let mut cluster = pods(None);
        let labels = [(
            "postgres-operator.crunchydata.com/cluster".to_owned(),
            format!("{instance}-postgres"),
        )];
        cluster.pod_selector.get_or_insert_default().match_labels = Some(labels.into());
        openings.push(Opening::new("TCP", 5432, Some(vec![cluster])));
    }
    for rule in &egress.rules {
        let ports = rule
            .ports
            .as_ref()
            .map(|ports| ports.iter().map(range).collect());
        openings.push(Opening {
            ports: ports.transpose()?,
            peers: rule.to.clone(),
        });
    }
    Ok(openings)
}

fn range(port: &NetworkPolicyPort) -> Result<Range, Error> {
    let number = |number: i32| u16::try_from(number).map_err(|_| format!("port {number} is none"));
    let (first, last) = match &port.port {
        None => (0, u16::MAX),
        Some(IntOrString::Int(first)) => {
            (number(*first)?, number(port.end_port.unwrap_or(*first))?)
        }
        Some(IntOrString::String(name)) => {
            return Err(format!("the pods that are tried have no port named {name}").into());
        }
    };
    Ok(Range {
        protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
        first,
        last,
    })
}
