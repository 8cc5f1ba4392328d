//! The kernel's tables of TCP sockets, as text. Each look walks the whole table of connections.

use super::Ports;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::Path;

/// The ports that are listened on, from the tables in a directory.
///
/// # Errors
/// A table cannot be read.
pub(super) fn ports(directory: &Path) -> io::Result<Ports> {
    let mut ports = Ports::new();
    for table in ["tcp", "tcp6"] {
        match File::open(directory.join(table)) {
            Ok(file) => insert_listening(&mut ports, BufReader::new(file))?,
            // A kernel without IPv6 has no such table, and no such sockets.
            Err(error) if table == "tcp6" && error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ports)
}

/// Adds the ports that a socket in the table listens on. Linux lists these sockets first, other kernels anywhere.
fn insert_listening(ports: &mut Ports, table: impl BufRead) -> io::Result<()> {
    for line in table.lines() {
        ports.extend(listening_port(&line?));
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
    use proptest::prelude::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:2F11 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 1 1 0 100 0 0 10 0
   1: 0100007F:05A5 0100007F:C350 01 00000000:00000000 00:00000000 00000000 65532        0 3 1 0 100 0 0 10 0
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 2 1 0 100 0 0 10 0
";

    #[test]
    fn only_listening_sockets_count() {
        let mut ports = Ports::from([80]);
        insert_listening(&mut ports, TABLE.as_bytes()).unwrap();
        assert_eq!(ports, Ports::from([80, 8080, 12049]));
    }

    #[test]
    fn both_families_are_read_and_other_lines_are_skipped() {
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

    proptest! {
        #[test]
        fn no_line_panics(line in ".*") {
            let _ = listening_port(&line);
        }
    }
}
