//! Which TCP ports are listened on in the pod.
//!
//! DittoFS keeps reporting `running: true` for an adapter whose port was already in use. The kernel is reliable, and
//! since the containers of a pod share one network namespace, it knows the server's sockets. A port that opens or closes
//! is also the earliest sign of a change, long before the next poll.

mod netlink;
mod tables;

use crate::outcome::Seen;
use netlink::Netlink;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The ports with a listening TCP socket, of either family and at any address.
pub type Ports = BTreeSet<u16>;

/// The view of the current thread, which is right even when only this thread is in another network namespace.
const TABLES: &str = "/proc/thread-self/net";
/// After so many failures in a row the kernel is not asked by netlink any more. A single one may be a lack of memory.
const MOST_FAILURES: u8 = 2;

/// Asks the kernel by netlink, or reads its tables where netlink is not available, as in gVisor.
#[derive(Debug)]
pub struct Listening {
    netlink: Netlink,
    /// Failures of netlink in a row, up to [`MOST_FAILURES`].
    failures: u8,
    tables: PathBuf,
    error_logged: bool,
    /// Ports below are not seen.
    #[cfg(test)]
    least: u16,
}

impl Default for Listening {
    fn default() -> Self {
        Self {
            netlink: Netlink::default(),
            failures: 0,
            tables: TABLES.into(),
            error_logged: false,
            #[cfg(test)]
            least: 0,
        }
    }
}

impl Listening {
    /// Reads the tables `tcp` and `tcp6` in a directory, and does not use netlink.
    pub fn at(tables: &Path) -> Self {
        Self {
            failures: MOST_FAILURES,
            tables: tables.to_owned(),
            ..Self::default()
        }
    }

    /// Sees only ports that nobody asks for by number: other programs of the machine open and close the others during a test.
    #[cfg(test)]
    pub fn of_this_test() -> Self {
        Self {
            least: 32_768,
            ..Self::default()
        }
    }

    /// The ports that are listened on now. `None` when that cannot be known. Takes much less than a millisecond, or
    /// several where [`Listening::is_costly`].
    pub fn ports(&mut self) -> Option<Ports> {
        let ports = self.ask()?;
        #[cfg(test)]
        let ports = ports
            .into_iter()
            .filter(|port| *port >= self.least)
            .collect();
        Some(ports)
    }

    fn ask(&mut self) -> Option<Ports> {
        if !self.is_costly() {
            match self.netlink.ports() {
                Ok(ports) => {
                    self.failures = 0;
                    return Some(ports);
                }
                Err(error) => self.netlink_failed(&error.to_string()),
            }
        }
        match tables::ports(&self.tables) {
            Ok(ports) => Some(ports),
            Err(error) => {
                self.log_error(&error.to_string());
                None
            }
        }
    }

    /// Whether each look walks all connections of the pod, because netlink is not available.
    pub fn is_costly(&self) -> bool {
        self.failures >= MOST_FAILURES
    }

    fn netlink_failed(&mut self, error: &str) {
        self.failures += 1;
        if self.is_costly() {
            tracing::warn!(
                error,
                "cannot get the listening ports by netlink (sock_diag), which some container runtimes and seccomp profiles \
                 refuse; reading /proc/net/tcp every 2 s instead, so changes of adapters are noticed up to 2 s later"
            );
        }
    }

    fn log_error(&mut self, error: &str) {
        if self.error_logged {
            return;
        }
        self.error_logged = true;
        tracing::warn!(
            tables = %self.tables.display(),
            error,
            "cannot read the socket tables; reporting adapters as running when DittoFS does"
        );
    }
}

/// Corrects `running` of adapters on whose port nothing listens. Where the ports are not known, the server is trusted.
pub fn correct(mut adapters: Vec<Seen>, ports: Option<&Ports>) -> Vec<Seen> {
    if let Some(ports) = ports {
        for adapter in &mut adapters {
            let listens = |port: u16| ports.contains(&port);
            adapter.running &= u16::try_from(adapter.port).is_ok_and(listens);
        }
    }
    adapters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::seen;
    use std::net::TcpListener;

    fn listener(address: &str) -> (TcpListener, u16) {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn a_port_is_there_while_it_is_listened_on() {
        for mut listening in [Listening::default(), Listening::at(Path::new(TABLES))] {
            let (open, port) = listener("127.0.0.1:0");
            let (_, closed) = listener("127.0.0.1:0");
            let ports = listening.ports().unwrap();
            assert!(ports.contains(&port), "{listening:?}");
            assert!(!ports.contains(&closed), "{listening:?}");
            drop(open);
            assert!(!listening.ports().unwrap().contains(&port), "{listening:?}");
        }
    }

    #[test]
    fn a_listener_of_the_other_family_counts() {
        // A machine may have no IPv6.
        let Ok(open) = TcpListener::bind("[::]:0") else {
            return;
        };
        let port = open.local_addr().unwrap().port();
        for mut listening in [Listening::default(), Listening::at(Path::new(TABLES))] {
            assert!(listening.ports().unwrap().contains(&port), "{listening:?}");
        }
    }

    #[test]
    fn a_connection_is_no_listener() {
        for mut listening in [Listening::default(), Listening::at(Path::new(TABLES))] {
            let (server, _) = listener("127.0.0.1:0");
            let client = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            let port = client.local_addr().unwrap().port();
            assert!(!listening.ports().unwrap().contains(&port), "{listening:?}");
        }
    }

    #[test]
    fn after_two_failures_in_a_row_the_tables_are_read() {
        let mut listening = Listening::default();
        listening.netlink_failed("no memory");
        assert!(!listening.is_costly());
        listening.ports().unwrap();
        listening.netlink_failed("no memory");
        assert!(!listening.is_costly(), "there was a success in between");
        listening.netlink_failed("no memory");
        assert!(listening.is_costly());
        assert!(listening.ports().is_some());
    }

    #[test]
    fn a_port_that_nothing_listens_on_is_not_running() {
        let on_port = |port, running| seen(&format!("{port}"), port, true, running);
        let reported = vec![
            on_port(1445, true),
            on_port(2049, true),
            on_port(70000, true),
            on_port(0, false),
        ];
        let corrected = correct(reported, Some(&Ports::from([1445])));
        let expected = [
            on_port(1445, true),
            on_port(2049, false),
            on_port(70000, false),
            on_port(0, false),
        ];
        assert_eq!(corrected, expected);
    }

    #[test]
    fn without_tables_the_server_is_trusted() {
        let mut listening = Listening::at(Path::new("/nonexistent"));
        let ports = listening.ports();
        assert_eq!(ports, None);
        assert!(listening.error_logged);
        for running in [true, false] {
            let reported = vec![seen("nfs", 1, true, running)];
            assert_eq!(correct(reported.clone(), ports.as_ref()), reported);
        }
    }
}
