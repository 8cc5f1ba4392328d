//! The ports of one Service as they are put together: no two collide, and none leads to a reserved port.

use dittofs_shared::AdapterType;
use dittofs_shared::adapter_type::MAX_PORT_NAME;
use dittofs_shared::published_state::shorten;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::live::first_word;
use super::ports::{PlannedPort, PortRole, collide, in_words, protocol, target};
use crate::adapters::reserved::ReservedPorts;

pub(super) struct PortList<'a> {
    ports: Vec<PlannedPort>,
    reserved: &'a ReservedPorts,
}

impl<'a> PortList<'a> {
    pub fn new(reserved: &'a ReservedPorts) -> Self {
        let ports = Vec::new();
        Self { ports, reserved }
    }

    pub fn into_ports(self) -> Vec<PlannedPort> {
        self.ports
    }

    /// Adds a port. Returns what the user must know: that it is left out, or changed. A port that is there
    /// already is not added again.
    pub fn add(&mut self, mut new: PlannedPort) -> Option<String> {
        let name = new.port.name.clone().unwrap_or_default();
        let to = target(&new.port);
        if let Some((to, owner)) = to.and_then(|to| Some((to, self.reserved.owner(to)?))) {
            return Some(format!(
                "port {name} is left out, because its target port {to} is reserved for {owner}: remove it from \
                 adapterServices"
            ));
        }
        let mut ports = self.ports.iter().map(|planned| &planned.port);
        if let Some(other) = ports.find(|other| collide(other, &new.port)) {
            let leads_elsewhere = target(other) != to;
            return leads_elsewhere.then(|| {
                format!(
                    "port {name} is left out, because port {} already uses {}: set another port in \
                     adapterServices.overrides",
                    other.name.as_deref().unwrap_or_default(),
                    in_words(&new.port)
                )
            });
        }
        let taken = new
            .port
            .node_port
            .filter(|_| self.has_node_port_of(&new.port));
        let remark = taken.map(|taken| {
            format!(
                "Kubernetes assigns the node port of port {name}, because another adapter already uses {taken}: set \
                 another nodePort in adapterServices.overrides"
            )
        });
        if taken.is_some() {
            new.port.node_port = None;
        }
        self.ports.push(new);
        remark
    }

    fn has_node_port_of(&self, new: &ServicePort) -> bool {
        let mut ports = self.ports.iter().map(|planned| &planned.port);
        ports.any(|other| other.node_port == new.node_port && protocol(other) == protocol(new))
    }

    /// Merges a port of an overlay: into a port with the same number and protocol, which keeps its name and target, or
    /// as a further port. Returns what the user must know.
    pub fn overlay(&mut self, theirs: &ServicePort) -> Vec<String> {
        let mut ports = self.ports.iter_mut().map(|planned| &mut planned.port);
        if let Some(ours) = ports.find(|ours| collide(ours, theirs)) {
            ours.node_port = theirs.node_port.or(ours.node_port);
            if theirs.app_protocol.is_some() {
                ours.app_protocol.clone_from(&theirs.app_protocol);
            }
            return Vec::new();
        }
        let name = self.free_name(theirs);
        let requested = theirs.name.as_ref().filter(|requested| **requested != name);
        let renamed = requested.map(|requested| {
            format!(
                "port {} of serviceTemplate is named {name} instead of {:?}: choose a unique name of at most \
                 {MAX_PORT_NAME} lower case letters, digits or '-' that does not begin with the type of an adapter",
                in_words(theirs),
                shorten(requested)
            )
        });
        let mut port = ServicePort {
            name: Some(name),
            ..theirs.clone()
        };
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
        port.target_port
            .get_or_insert(IntOrString::Int(theirs.port));
        let added = self.add(PlannedPort {
            adapter: None,
            role: PortRole::Overlay,
            port,
        });
        renamed.into_iter().chain(added).collect()
    }

    /// The name in the overlay if it is allowed and free, and otherwise one of protocol and number.
    fn free_name(&self, theirs: &ServicePort) -> String {
        let taken = |name: &str| {
            let mut ports = self.ports.iter();
            ports.any(|planned| planned.port.name.as_deref() == Some(name))
        };
        let number = format!("{}-{}", protocol(theirs).to_lowercase(), theirs.port);
        let further = (2..).map(|count| format!("{number}-{count}"));
        let own = theirs.name.clone().filter(|name| is_allowed(name));
        let mut candidates = own.into_iter().chain([number.clone()]).chain(further);
        // There is always a free one: the candidates are endless, and the ports are not.
        candidates.find(|name| !taken(name)).unwrap_or(number)
    }
}

/// Whether an overlay may give this name. One that begins with the type of an adapter says that the port leads there.
fn is_allowed(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    first_word(name).parse::<AdapterType>().is_err()
        && name.len() <= MAX_PORT_NAME
        && name.starts_with(inner)
        && name.ends_with(inner)
        && name.chars().all(|c| inner(c) || c == '-')
}
