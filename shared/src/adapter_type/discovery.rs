//! The ports by which clients find an adapter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ports that clients use to discover an adapter.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryPort {
    /// The portmapper for NFSv3: 111/TCP and 111/UDP, to port 10111 of the pod.
    Portmapper,
    /// Multicast DNS: 5353/UDP.
    Mdns,
    /// Web Services Dynamic Discovery, with which Windows finds SMB servers: 3702/UDP and 5357/TCP.
    Wsd,
}

/// A port of a Service by which clients find an adapter. Its name is the name of the type, `-` and the suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortOfDiscovery {
    /// End of the name.
    pub suffix: &'static str,
    /// Port of the Service.
    pub port: u16,
    /// Port of the pod that it leads to.
    pub target: u16,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
}

impl DiscoveryPort {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Portmapper, Self::Mdns, Self::Wsd];

    /// Its ports in a Service.
    pub const fn ports(self) -> &'static [PortOfDiscovery] {
        const fn row(
            suffix: &'static str,
            port: u16,
            target: u16,
            protocol: &'static str,
        ) -> PortOfDiscovery {
            PortOfDiscovery {
                suffix,
                port,
                target,
                protocol,
            }
        }
        const PORTMAPPER: &[PortOfDiscovery] = &[
            row("portmap", 111, 10111, "TCP"),
            row("portmap-udp", 111, 10111, "UDP"),
        ];
        const MDNS: &[PortOfDiscovery] = &[row("mdns", 5353, 5353, "UDP")];
        const WSD: &[PortOfDiscovery] = &[
            row("wsd", 3702, 3702, "UDP"),
            row("wsd-tcp", 5357, 5357, "TCP"),
        ];
        match self {
            Self::Portmapper => PORTMAPPER,
            Self::Mdns => MDNS,
            Self::Wsd => WSD,
        }
    }
}
