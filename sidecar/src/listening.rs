//! Whether something listens on a port.
//!
//! DittoFS keeps reporting `running: true` for an adapter whose port was already in use. The kernel's socket tables are
//! reliable, and since the containers of a pod share one network namespace, they show the server's sockets.

use crate::outcome::Seen;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

/// The view of the current thread, which is right even when only this thread is in another network namespace.
const TABLES: &str = "/proc/thread-self/net";

/// The kernel's tables of TCP sockets.
#[derive(Debug)]
pub struct Listening {
    tables: PathBuf,
    error_logged: bool,
}

impl Default for Listening {
    fn default() -> Self {
        Self::at(Path::new(TABLES))
    }
}

impl Listening {
    /// Reads the tables `tcp` and `tcp6` in another directory.
    pub fn at(tables: &Path) -> Self {
        Self {
            tables: tables.to_owned(),
            error_logged: false,
        }
    }

    /// Corrects `running` of adapters on whose port nothing listens.
    pub fn correct(&mut self, mut adapters: Vec<Seen>) -> Vec<Seen> {
        let reported: BTreeSet<i64> = adapters
            .iter()
            .filter(|adapter| adapter.enabled && adapter.running)
            .map(|adapter| adapter.port)
            .collect();
        let silent = match self.silent(reported) {
            Ok(silent) => silent,
            Err(error) => {
                if !self.error_logged {
                    let tables = self.tables.display();
                    tracing::warn!(
                        %tables,
                        %error,
                        "cannot read the socket tables; reporting adapters as running when DittoFS does"
                    );
                    self.error_logged = true;
                }
                return adapters;
            }
        };
        for adapter in &mut adapters {
            adapter.running &= !silent.contains(&adapter.port);
        }
        adapters
    }

    /// The ports that nothing listens on.
    fn silent(&self, mut ports: BTreeSet<i64>) -> io::Result<BTreeSet<i64>> {
        for table in ["tcp", "tcp6"] {
            if ports.is_empty() {
                break;
            }
            match File::open(self.tables.join(table)) {
                Ok(file) => remove_listening(&mut ports, BufReader::new(file))?,
                // A kernel without IPv6 has no such table, and no such sockets.
                Err(error) if table == "tcp6" && error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ports)
    }
}

/// Removes the ports that a socket in the table listens on. Linux lists listening sockets first, so this ends after a
/// few lines, however many clients are connected.
fn remove_listening(ports: &mut BTreeSet<i64>, table: impl BufRead) -> io::Result<()> {
    for line in table.lines() {
        if let Some(port) = listening_port(&line?) {
            ports.remove(&i64::from(port));
        }
        if ports.is_empty() {
            break;
        }
    }
    Ok(())
}

/// The port of a line that describes a listening socket: `sl local_address rem_address st …`, numbers in hex.
fn listening_port(line: &str) -> Option<u16> {
    const LISTEN: &str = "0A";
    let mut columns = line.split_ascii_whitespace().skip(1);
    let local = columns.next()?;
    let state = columns.nth(1)?;
    if state != LISTEN {
        return None;
    }
    u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::seen;
    use proptest::prelude::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:2F11 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 2 1 0 100 0 0 10 0
   2: 0100007F:05A5 0100007F:C350 01 00000000:00000000 00:00000000 00000000 65532        0 3 1 0 100 0 0 10 0
";

    fn on_port(port: i64, running: bool) -> Seen {
        seen(&port.to_string(), port, true, running)
    }

    #[test]
    fn only_listening_sockets_count() {
        let ports: Vec<_> = TABLE.lines().map(listening_port).collect();
        assert_eq!(ports, [None, Some(12049), Some(8080), None]);
        let six = "   0: 00000000000000000000000000000000:05A5 00000000000000000000000000000000:0000 0A 0 0";
        assert_eq!(listening_port(six), Some(1445));
        for invalid in [
            "",
            "0:",
            "0: x y 0A",
            "0: 1:XYZ 2:0 0A",
            "0: 1:1FFFF 2:0 0A",
        ] {
            assert_eq!(listening_port(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn ports_that_are_listened_on_are_removed() {
        let mut ports = BTreeSet::from([12049, 1445, 0, 70000]);
        remove_listening(&mut ports, TABLE.as_bytes()).unwrap();
        assert_eq!(ports, BTreeSet::from([1445, 0, 70000]));
    }

    #[test]
    fn a_port_that_nothing_listens_on_is_not_running() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = i64::from(taken.local_addr().unwrap().port());
        let mut listening = Listening::default();
        let corrected = listening.correct(vec![
            on_port(port, true),
            on_port(70000, true),
            on_port(0, false),
        ]);
        assert_eq!(
            corrected,
            [
                on_port(port, true),
                on_port(70000, false),
                on_port(0, false)
            ]
        );
    }

    #[test]
    fn without_tables_the_server_is_trusted() {
        let mut listening = Listening::at(Path::new("/nonexistent"));
        assert_eq!(
            listening.correct(vec![on_port(1, true)]),
            [on_port(1, true)]
        );
        assert!(listening.error_logged);
        assert_eq!(
            listening.correct(vec![on_port(1, false)]),
            [on_port(1, false)]
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in ".*") {
            let _ = listening_port(&line);
        }
    }
}
