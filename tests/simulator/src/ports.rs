//! Free ports for tests.

use std::{io, net::TcpListener};

/// Ports that nothing listens on right now. Another process may take one before you do.
pub fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    // All are held until the last one is found, so that they differ.
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("0.0.0.0:0"))
        .collect::<io::Result<_>>()?;
    held.iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}
