//! The ports of a Service: whose they are, what they are called, and that no two of them are the same.

use dittofs_shared::crd::DittoServerSpec;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::adapters::KNOWN_ADAPTERS;
use crate::adapters::reserved::ReservedPorts;

pub use dittofs_shared::adapter_type::LONGEST_PORT_NAME;

/// The adapter whose port this is: names begin with the type of the adapter.
pub fn adapter_of_port(port: &ServicePort) -> &str {
    let name = port.name.as_deref().unwrap_or_default();
    name.split('-').next().unwrap_or_default()
}

/// Port of the pod that a port of a Service leads to. `None` when it leads nowhere.
pub fn target(port: &ServicePort) -> Option<u16> {
    match &port.target_port {
        Some(IntOrString::Int(target)) => u16::try_from(*target).ok(),
        Some(IntOrString::String(_)) => None,
        None => u16::try_from(port.port).ok(),
    }
    .filter(|target| *target != 0)
}

/// Transport protocol of a port, which is TCP where nothing is said.
pub fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

/// The adapter's own port.
pub(super) fn main(adapter: &str, published: u16, spec: &DittoServerSpec) -> ServicePort {
    let own = spec.adapter_services.overrides.get(adapter);
    ServicePort {
        node_port: own.and_then(|own| own.node_port),
        ..port(
            adapter.to_owned(),
            own.and_then(|own| own.port)
                .unwrap_or_else(|| i32::from(published)),
            published,
            "TCP",
        )
    }
}

/// The further ports by which clients find the adapter.
pub(super) fn discovery(adapter: &str, spec: &DittoServerSpec) -> Vec<ServicePort> {
    let own = spec.adapter_services.overrides.get(adapter);
    let asked = own.map_or(&[][..], |own| own.discovery_ports.as_slice());
    let ports = asked.iter().flat_map(|asked| asked.ports()).map(|found| {
        let name = format!("{adapter}-{}", found.suffix);
        port(name, found.port.into(), found.target, found.protocol)
    });
    ports.collect()
}

fn port(name: String, port: i32, target: u16, protocol: &str) -> ServicePort {
    ServicePort {
        name: Some(name),
        port,
        target_port: Some(IntOrString::Int(i32::from(target))),
        protocol: Some(protocol.to_owned()),
        ..ServicePort::default()
    }
}

/// Whether two ports cannot be in one Service.
pub(super) fn collide(a: &ServicePort, b: &ServicePort) -> bool {
    a.port == b.port && protocol(a) == protocol(b)
}

/// A port in words: `111/UDP`.
pub(super) fn in_words(port: &ServicePort) -> String {
    format!("{}/{}", port.port, protocol(port))
}

/// A list of ports as it grows. What cannot be added is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    pub all: Vec<ServicePort>,
    pub remarks: Vec<String>,
}

impl Ports {
    /// Adds a port of an adapter. One that leads where another one of this number leads already is there already.
    pub fn add(&mut self, mut port: ServicePort, reserved: &ReservedPorts) {
        let name = port.name.clone().unwrap_or_default();
        if let Some(whose) = target(&port).and_then(|target| reserved.owner(target)) {
            self.remarks.push(format!(
                "port {name} is left out: it would lead to port {} of the pod, which belongs to {whose} and is not for \
                 clients. Take the port out of adapterServices",
                target(&port).unwrap_or_default()
            ));
            return;
        }
        if let Some(there) = self.all.iter().find(|there| collide(there, &port)) {
            if target(there) != target(&port) {
                self.remarks.push(format!(
                    "port {name} is left out: {} is taken by port {}. Choose another number in adapterServices.overrides",
                    in_words(&port),
                    there.name.as_deref().unwrap_or_default()
                ));
            }
            return;
        }
        let same = |there: &ServicePort| {
            there.node_port == port.node_port && protocol(there) == protocol(&port)
        };
        if port.node_port.is_some() && self.all.iter().any(same) {
            self.remarks.push(format!(
                "port {name} gets a node port that Kubernetes chooses: {} is taken by another adapter",
                port.node_port.unwrap_or_default()
            ));
            port.node_port = None;
        }
        self.all.push(port);
    }

    /// Merges a port of the user's overlay: into ours when number and protocol are the same, as a further one otherwise. Where ours lead
    /// and what they are called stays.
    pub fn overlay(&mut self, theirs: &ServicePort, reserved: &ReservedPorts) {
        if let Some(ours) = self.all.iter_mut().find(|ours| collide(ours, theirs)) {
            ours.node_port = theirs.node_port.or(ours.node_port);
            if theirs.app_protocol.is_some() {
                ours.app_protocol.clone_from(&theirs.app_protocol);
            }
            return;
        }
        let mut port = theirs.clone();
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
        let name = self.free_name(theirs);
        if theirs.name.as_ref().is_some_and(|asked| *asked != name) {
            self.remarks.push(format!(
                "serviceTemplate: port {} is called {name}: names of ports have at most {LONGEST_PORT_NAME} characters, lower case \
                 letters, digits and '-', no two ports have the same, and those that begin with the type of an adapter are ours",
                in_words(theirs)
            ));
        }
        port.name = Some(name);
        port.target_port
            .get_or_insert(IntOrString::Int(theirs.port));
        self.add(port, reserved);
    }

    fn free_name(&self, theirs: &ServicePort) -> String {
        let taken = |name: &str| {
            self.all
                .iter()
                .any(|port| port.name.as_deref() == Some(name))
        };
        let number = format!("{}-{}", protocol(theirs).to_lowercase(), theirs.port);
        let further = (2..).map(|count| format!("{number}-{count}"));
        let own = theirs.name.clone().filter(|name| is_name(name));
        let mut candidates = own.into_iter().chain([number.clone()]).chain(further);
        // The list of candidates has no end and the list of ports has one.
        candidates.find(|name| !taken(name)).unwrap_or(number)
    }
}

fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    // A name that begins with the type of an adapter says whose port it is.
    let whose = name.split('-').next().unwrap_or_default();
    !KNOWN_ADAPTERS.contains(&whose)
        && name.len() <= LONGEST_PORT_NAME
        && name.starts_with(inner)
        && name.ends_with(inner)
        && name.chars().all(|c| inner(c) || c == '-')
}
