//! A port of a Service, and what it is for.

use dittofs_shared::AdapterType;
use dittofs_shared::crd::DittoServerSpec;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::fmt;

use crate::adapters::reserved::ReservedPorts;

/// Transport protocols of Kubernetes, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Protocol {
    Sctp,
    Tcp,
    Udp,
}

impl Protocol {
    /// The spelling that Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sctp => "SCTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// Of a port. `None`: Kubernetes does not have it, and refuses the port.
    pub fn of(port: &ServicePort) -> Option<Self> {
        let all = [Self::Sctp, Self::Tcp, Self::Udp];
        all.into_iter()
            .find(|known| known.as_str() == protocol(port))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A port of the pod that is open to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// Its number.
    pub port: u16,
    /// Its transport protocol.
    pub protocol: Protocol,
}

/// What a port of a Service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRole {
    /// The adapter itself.
    Main,
    /// By it, clients find the adapter.
    Discovery {
        /// End of its name.
        suffix: &'static str,
    },
    /// Something that only the user knows: an overlay has added it.
    Overlay,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedPort {
    /// The adapter that it leads to. `None`: no adapter in particular.
    pub adapter: Option<AdapterType>,
    /// What it is for.
    pub role: PortRole,
    /// The port as Kubernetes gets it.
    pub port: ServicePort,
}

impl PlannedPort {
    /// Whether it is open to the clients of an adapter. A port that leads to no adapter in particular is open to those
    /// of each.
    pub fn is_for(&self, adapter: AdapterType) -> bool {
        self.adapter.is_none_or(|own| own == adapter)
    }

    /// What it opens. `None`: it leads nowhere, or to a port that is not for clients.
    pub(super) fn opening(&self, reserved: &ReservedPorts) -> Option<Opening> {
        let port = target(&self.port).filter(|target| reserved.owner(*target).is_none())?;
        let protocol = Protocol::of(&self.port)?;
        Some(Opening { port, protocol })
    }
}

/// The adapter's own port.
pub(super) fn main(adapter: AdapterType, published: u16, spec: &DittoServerSpec) -> PlannedPort {
    let own = spec.adapter_services.overrides.get(adapter.name());
    let number = own.and_then(|own| own.port);
    let number = number.unwrap_or_else(|| i32::from(published));
    PlannedPort {
        adapter: Some(adapter),
        role: PortRole::Main,
        port: ServicePort {
            node_port: own.and_then(|own| own.node_port),
            ..service_port(adapter.name(), number, published.into(), "TCP")
        },
    }
}

/// The further ports by which clients find the adapter.
pub(super) fn discovery(adapter: AdapterType, spec: &DittoServerSpec) -> Vec<PlannedPort> {
    let own = spec.adapter_services.overrides.get(adapter.name());
    let requested = own.map_or(&[][..], |own| own.discovery_ports.as_slice());
    let ports = requested.iter().flat_map(|requested| requested.ports());
    let planned = ports.map(|found| PlannedPort {
        adapter: Some(adapter),
        role: PortRole::Discovery {
            suffix: found.suffix,
        },
        port: service_port(
            &format!("{adapter}-{}", found.suffix),
            found.port.into(),
            found.target.into(),
            found.protocol,
        ),
    });
    planned.collect()
}

/// A port with this name and number that leads to a port of the pod.
pub fn service_port(name: &str, port: i32, target: i32, protocol: &str) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port,
        target_port: Some(IntOrString::Int(target)),
        protocol: Some(protocol.to_owned()),
        ..ServicePort::default()
    }
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

/// Transport protocol of a port as spelled in the Service. Defaults to TCP.
pub fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

/// Whether two ports cannot be in one Service.
pub(super) fn collide(a: &ServicePort, b: &ServicePort) -> bool {
    a.port == b.port && protocol(a) == protocol(b)
}

/// A port in words: `111/UDP`.
pub(super) fn in_words(port: &ServicePort) -> String {
    format!("{}/{}", port.port, protocol(port))
}
