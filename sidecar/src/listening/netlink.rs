//! The listening sockets by sock_diag: the kernel walks only these, however many connections there are. It needs no
//! privileges.
//!
//! The request has the first form of this interface (`TCPDIAG_GETSOCK`), which asks for both families at once. In the
//! later one (`SOCK_DIAG_BY_FAMILY`) each family is a request of its own, and the kernel walks its whole table for each.
//!
//! Only the fixed part of an answer is parsed, and not the attributes after it: the port is in the fixed part.
#![expect(clippy::disallowed_types, reason = "this asks the kernel")]

use super::Ports;
use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable, Parseable,
};
use netlink_packet_sock_diag::constants::TCP_LISTEN;
use netlink_packet_sock_diag::inet::{InetResponseHeader, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use std::io;

/// `TCPDIAG_GETSOCK` of `linux/inet_diag.h`: the type of the request and of what answers it.
const GET_SOCKETS: u16 = 18;
/// Length of `struct inet_diag_req`, and where its states are.
const REQUEST: usize = 60;
const STATES: std::ops::Range<usize> = 52..56;
/// A part of an answer never exceeds the buffer that it is received into, or 8 KiB.
const BUFFER: usize = 16 * 1024;
/// The most parts of one answer, each of 30 sockets and more.
const MOST_PARTS: usize = 256;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NetlinkError {
    /// The kernel refuses, or has no answer ready.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not have the form that it should have.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// It does not end.
    #[error("the answer has more than {MOST_PARTS} parts")]
    Endless,
}

/// A netlink socket, opened when it is first needed, and again after a failure.
#[derive(Debug, Default)]
pub(super) struct Netlink {
    socket: Option<Socket>,
    buffer: Vec<u8>,
    /// Number of the last request, which its answer repeats.
    sequence: u32,
}

impl Netlink {
    /// The ports that are listened on. Never waits: the kernel writes each part of the answer when it is received.
    ///
    /// # Errors
    /// The kernel does not answer, or not as it should.
    pub fn ports(&mut self) -> Result<Ports, NetlinkError> {
        // What remains of a failed answer is gone with the socket.
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => open()?,
        };
        let mut ports = Ports::new();
        self.dump(&socket, &mut ports)?;
        self.socket = Some(socket);
        Ok(ports)
    }

    fn dump(&mut self, socket: &Socket, ports: &mut Ports) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        self.buffer.resize(BUFFER, 0);
        socket.send(&request(self.sequence), 0)?;
        for _ in 0..MOST_PARTS {
            let length = socket.recv(&mut &mut self.buffer[..], 0)?;
            let part = self.buffer.get(..length).unwrap_or_default();
            if parse(part, self.sequence, ports)? {
                return Ok(());
            }
        }
        Err(NetlinkError::Endless)
    }
}

fn open() -> io::Result<Socket> {
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    // Nobody but the kernel can send to it then.
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_non_blocking(true)?;
    Ok(socket)
}

/// Asks for all listening TCP sockets. All other fields of `struct inet_diag_req` are zero: the kernel does not look at the
/// family.
struct AllListening;

impl NetlinkSerializable for AllListening {
    fn message_type(&self) -> u16 {
        GET_SOCKETS
    }

    fn buffer_len(&self) -> usize {
        REQUEST
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.fill(0);
        if let Some(states) = buffer.get_mut(STATES) {
            states.copy_from_slice(&StateFlags::LISTEN.bits().to_ne_bytes());
        }
    }
}

fn request(sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(AllListening));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Adds the ports in one part of an answer. Returns whether it was the last part.
fn parse(bytes: &[u8], sequence: u32, ports: &mut Ports) -> Result<bool, NetlinkError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let message = NetlinkMessage::<Listener>::deserialize(rest)
            .map_err(|error| NetlinkError::Malformed(error.to_string()))?;
        // Messages begin at multiples of four bytes.
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        if message.header.sequence_number != sequence {
            continue;
        }
        match message.payload {
            NetlinkPayload::InnerMessage(Listener(found)) => ports.extend(found),
            NetlinkPayload::Done(done) if done.code == 0 => return Ok(true),
            NetlinkPayload::Done(done) => return Err(refused(done.code)),
            NetlinkPayload::Error(error) => return Err(refused(error.raw_code())),
            _ => {}
        }
    }
    Ok(false)
}

/// The kernel says why as a negative number.
fn refused(code: i32) -> NetlinkError {
    io::Error::from_raw_os_error(code.saturating_abs()).into()
}

/// The port of a socket, if it is one that listens.
struct Listener(Option<u16>);

impl NetlinkDeserializable for Listener {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        if header.message_type != GET_SOCKETS {
            return Err(format!("unexpected type {}", header.message_type).into());
        }
        let socket = InetResponseHeader::parse(payload)?;
        let listens = socket.state == TCP_LISTEN && socket.socket_id.source_port != 0;
        Ok(Self(listens.then_some(socket.socket_id.source_port)))
    }
}

#[cfg(test)]
mod tests;
