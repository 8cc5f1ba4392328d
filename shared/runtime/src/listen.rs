//! Listening on an address, or on all of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

/// Every address of both families at this port, or of IPv4 where the kernel has no IPv6.
pub const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

/// Listens on an address as it is given. Only [`everywhere`] is IPv4 alone where the kernel has no IPv6.
///
/// # Errors
/// The operating system refuses.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    match (bound, instead(address)) {
        // Whatever it is, such as a port that is taken: the first error says it.
        (Err(error), Some(other)) => TcpListener::bind(other).await.map_err(|_| error),
        (bound, _) => bound,
    }
}

/// The address that says the same without IPv6.
fn instead(address: SocketAddr) -> Option<SocketAddr> {
    let everywhere = address.is_ipv6() && address.ip().is_unspecified();
    everywhere.then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn everywhere_is_each_family_that_there_is() {
        let listener = listen(everywhere(0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut loopbacks = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        // A machine may have no IPv6.
        if TcpListener::bind((v6, 0)).await.is_ok() {
            loopbacks.push(v6);
        }
        for loopback in loopbacks {
            assert!(
                TcpStream::connect((loopback, port)).await.is_ok(),
                "{loopback}"
            );
        }
    }

    #[test]
    fn only_every_address_may_become_another_one() {
        for (address, expected) in [
            ("[::]:8080", Some("0.0.0.0:8080")),
            ("0.0.0.0:8080", None),
            ("[::1]:8080", None),
            ("192.0.2.1:8080", None),
        ] {
            let expected = expected.map(|expected| expected.parse().unwrap());
            assert_eq!(instead(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error() {
        let taken = listen(everywhere(0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(everywhere(port)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
