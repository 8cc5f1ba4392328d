//! Where an S3 store may be: not inside the server's own network, unless its configuration allows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::go::quoted;

/// What a service of a cluster may have for an address.
const OF_A_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// How names end that lead to where the server itself is.
const INSIDE: [&str; 4] = [".svc", ".cluster.local", ".local", ".internal"];

/// The server's words why a store cannot be at this address. The simulator resolves no names: those
/// that are usual inside a cluster lead to a private address, all others to a public one.
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
        host if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
        host if is_inside(host) => OF_A_SERVICE.into(),
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

/// Whether a name is one that only a cluster or a local network knows.
fn is_inside(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_lowercase();
    let ends = INSIDE.into_iter().any(|end| name.ends_with(end));
    let is_address = host.parse::<IpAddr>().is_ok();
    !is_address && (!name.contains('.') || name.contains(".svc.") || ends)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_cluster_are_private() {
        for host in [
            "minio",
            "minio.storage.svc",
            "minio.storage.svc.cluster.local",
            "MinIO.Storage.SVC.example.org.",
            "nas.local",
            "s3.corp.internal",
            "LocalHost",
        ] {
            let endpoint = format!("http://{host}:9000");
            let why = check(&endpoint, false).unwrap_err();
            assert!(why.contains("private/internal address"), "{why}");
            assert_eq!(check(&endpoint, true), Ok(()), "{host}");
        }
        for host in [
            "s3.example.com",
            "svc.example.com",
            "1.2.3.4",
            "[2001:db8::1]",
        ] {
            assert_eq!(check(&format!("https://{host}"), false), Ok(()), "{host}");
        }
    }
}
