//! The addresses of a cluster: ranges that are set aside for documentation and benchmarks (RFC 5737 and RFC 2544, RFC
//! 3849 and RFC 5180), so they can be nobody's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The node's name.
pub const NODE_NAME: &str = "node0";
/// Port of the API server in a network of its own.
pub const API_PORT: u16 = 6443;

/// The families of addresses that a cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Families {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
    /// Both. A Service that asks for nothing else gets IPv4.
    Both,
}

/// The addresses of one family.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// What Kubernetes calls it.
    pub name: &'static str,
    /// The node of a cluster that has one.
    pub node: IpAddr,
    /// The length of the prefix of the node's network.
    pub node_prefix: u8,
    /// Pods.
    pub pods: &'static str,
    /// Services. Many: `cargo xtask bench` makes three for each instance.
    pub services: &'static str,
    /// The address of the Service `kubernetes`: the first of the Services.
    pub api_service: IpAddr,
    /// What pods are told to use as DNS server. Nothing answers there: the rig has no cluster DNS.
    pub dns: IpAddr,
    /// Every address.
    pub everything: &'static str,
}

const V4: Family = Family {
    name: "IPv4",
    node: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)),
    node_prefix: 24,
    pods: "198.18.0.0/24",
    services: "198.19.0.0/16",
    api_service: IpAddr::V4(Ipv4Addr::new(198, 19, 0, 1)),
    dns: IpAddr::V4(Ipv4Addr::new(198, 19, 0, 10)),
    everything: "0.0.0.0/0",
};

/// The API server takes no range of Services that is larger.
const V6: Family = Family {
    name: "IPv6",
    node: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)),
    node_prefix: 64,
    pods: "2001:2:0:1::/64",
    services: "2001:2:0:2::/108",
    api_service: IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, 2, 0, 0, 0, 1)),
    dns: IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, 2, 0, 0, 0, 0xa)),
    everything: "::/0",
};

impl Families {
    /// Each of them, the one that is used by default first.
    pub fn each(self) -> &'static [Family] {
        match self {
            Self::V4 => const { &[V4] },
            Self::V6 => const { &[V6] },
            Self::Both => const { &[V4, V6] },
        }
    }

    /// The one that is used by default.
    pub fn first(self) -> &'static Family {
        match self {
            Self::V4 | Self::Both => const { &V4 },
            Self::V6 => const { &V6 },
        }
    }

    /// Whether IPv6 is among them.
    pub fn have_v6(self) -> bool {
        self != Self::V4
    }

    /// Something of each of them, as the programs of Kubernetes take a list.
    pub fn list<T: ToString>(self, of: impl Fn(&Family) -> T) -> String {
        let all = self.each().iter().map(|family| of(family).to_string());
        all.collect::<Vec<_>>().join(",")
    }
}

impl FromStr for Families {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ipv4" => Ok(Self::V4),
            "ipv6" => Ok(Self::V6),
            "both" => Ok(Self::Both),
            _ => Err("must be ipv4, ipv6 or both".to_owned()),
        }
    }
}

/// An address of a LoadBalancer Service: 203.0.113.1 to 203.0.113.254, and `2001:db8:1::1` to `2001:db8:1::fe`.
pub(crate) fn load_balancer(family: &str, byte: u8) -> IpAddr {
    if family == V6.name {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, byte.into()))
    } else {
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_with_the_family_that_is_used_by_default() {
        assert_eq!(
            Families::Both.list(|family| family.node),
            "192.0.2.10,2001:db8::10"
        );
        for families in [Families::V4, Families::V6, Families::Both] {
            assert_eq!(families.first(), &families.each()[0]);
        }
    }

    #[test]
    fn the_api_and_the_name_server_are_among_the_services() {
        for family in Families::Both.each() {
            let (network, _) = family.services.split_once('/').unwrap();
            let network = network.trim_end_matches(':').trim_end_matches(".0");
            for address in [family.api_service, family.dns] {
                let address = address.to_string();
                assert!(address.starts_with(network), "{address}");
            }
        }
    }
}
