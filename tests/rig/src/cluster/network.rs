//! The addresses of a cluster: ranges that RFC 5737 and RFC 2544 set aside, so they can be nobody's.

use std::net::Ipv4Addr;

/// The node of a cluster that has one.
pub const NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
/// The node's name.
pub const NODE_NAME: &str = "node0";
/// Pods.
pub const POD_RANGE: &str = "198.18.0.0/24";
/// Services. Many: `cargo xtask bench` makes three for each instance.
pub const SERVICE_RANGE: &str = "198.19.0.0/16";
/// The address of the Service `kubernetes`.
pub const API_SERVICE_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);
/// What pods are told to use as DNS server. Nothing answers there: the rig has no cluster DNS.
pub const DNS_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 10);
/// Addresses of LoadBalancer Services are 203.0.113.1 to 203.0.113.254.
pub const LOAD_BALANCER_PREFIX: [u8; 3] = [203, 0, 113];
/// Port of the API server in a network of its own.
pub const API_PORT: u16 = 6443;
