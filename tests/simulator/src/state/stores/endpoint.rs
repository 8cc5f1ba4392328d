//! Where an S3 store may be: not inside the server's own network, unless its configuration allows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::go::quoted;

/// The server's words why a store cannot be at this address. A name is taken to be a public one:
/// the simulator does not resolve it.
pub(super) fn check(endpoint: &str, private: bool) -> Result<(), String> {
    if endpoint.is_empty() {
        return Ok(());
    }
    unsafe_because(endpoint, private).map_or(Ok(()), |why| {
        Err(format!("s3 block store: unsafe endpoint: {why}"))
    })
}

fn unsafe_because(endpoint: &str, private: bool) -> Option<String> {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    if !matches!(scheme, "http" | "https") {
        return Some(format!("scheme {} must be http or https", quoted(scheme)));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host(authority);
    if host.is_empty() {
        return Some(format!("missing host in {}", quoted(endpoint)));
    }
    let address: IpAddr = match host {
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        host => host.parse().ok()?,
    };
    let name = quoted(host);
    if address.is_unspecified() {
        return Some(format!("host {name} resolves to unspecified address"));
    }
    if address.is_multicast() {
        return Some(format!("host {name} resolves to multicast address"));
    }
    if is_link_local(address) {
        return Some(format!(
            "host {name} resolves to link-local address {address} (cloud metadata)"
        ));
    }
    (!private && is_private(address)).then(|| {
        format!(
            "host {name} resolves to private/internal address {address} (set allow_private_endpoint=true to permit)"
        )
    })
}

fn host(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address == Ipv4Addr::BROADCAST
        }
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST || address.is_unique_local(),
    }
}
