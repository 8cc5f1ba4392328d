//! Answers that the kernel gives, and answers that it never gives.

use super::*;
use netlink_packet_core::{DoneMessage, ErrorMessage};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, TCP_ESTABLISHED};
use netlink_packet_sock_diag::inet::{InetResponse, SocketId};
use proptest::prelude::*;
use std::num::NonZeroI32;

const SEQUENCE: u32 = 7;

fn message(sequence: u32, payload: NetlinkPayload<SockDiagMessage>) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn socket(sequence: u32, family: u8, state: u8, port: u16) -> Vec<u8> {
    let id = if family == AF_INET {
        SocketId::new_v4()
    } else {
        SocketId::new_v6()
    };
    let header = InetResponseHeader {
        family,
        state,
        timer: None,
        socket_id: SocketId {
            source_port: port,
            ..id
        },
        recv_queue: 0,
        send_queue: 128,
        uid: 65532,
        inode: 1,
    };
    let response = InetResponse {
        header,
        nlas: [].into_iter().collect(),
    };
    let payload = SockDiagMessage::InetResponse(Box::new(response));
    let mut bytes = message(sequence, payload.into());
    // The library knows only the later form of the interface. Nothing else differs.
    bytes[4..6].copy_from_slice(&GET_SOCKETS.to_ne_bytes());
    bytes
}

fn done(code: i32) -> Vec<u8> {
    let mut done = DoneMessage::default();
    done.code = code;
    message(SEQUENCE, NetlinkPayload::Done(done))
}

/// The ports, and whether the answer has ended.
fn parsed(messages: &[Vec<u8>]) -> Result<(Vec<u16>, bool), String> {
    let mut ports = Ports::new();
    let ended =
        parse(&messages.concat(), SEQUENCE, &mut ports).map_err(|error| error.to_string())?;
    Ok((ports.into_iter().collect(), ended))
}

#[test]
fn listening_sockets_of_both_families_are_found() {
    let (four, six) = (
        socket(SEQUENCE, AF_INET, TCP_LISTEN, 12049),
        socket(SEQUENCE, AF_INET6, TCP_LISTEN, 1445),
    );
    assert_eq!(
        parsed(&[four.clone(), six.clone()]),
        Ok((vec![1445, 12049], false))
    );
    assert_eq!(parsed(&[four, done(0), six]), Ok((vec![12049], true)));
}

#[test]
fn other_states_and_answers_to_other_requests_do_not_count() {
    let parts = [
        socket(SEQUENCE, AF_INET, TCP_ESTABLISHED, 1),
        socket(SEQUENCE, AF_INET, TCP_LISTEN, 0),
        socket(SEQUENCE - 1, AF_INET, TCP_LISTEN, 2),
        socket(SEQUENCE, AF_INET, TCP_LISTEN, 3),
    ];
    assert_eq!(parsed(&parts), Ok((vec![3], false)));
}

#[test]
fn attributes_are_not_read() {
    let mut listener = socket(SEQUENCE, AF_INET, TCP_LISTEN, 2049);
    // An attribute that claims to be longer than the message.
    listener.extend([0xff; 8]);
    let length = u32::try_from(listener.len()).unwrap();
    listener[..4].copy_from_slice(&length.to_ne_bytes());
    assert_eq!(parsed(&[listener, done(0)]), Ok((vec![2049], true)));
}

#[test]
fn a_refusal_is_an_error_with_its_reason() {
    const NO_ENTRY: i32 = -2;
    let mut error = ErrorMessage::default();
    error.code = NonZeroI32::new(NO_ENTRY);
    for refusal in [
        message(SEQUENCE, NetlinkPayload::Error(error)),
        done(NO_ENTRY),
    ] {
        let message = parsed(&[refusal]).unwrap_err();
        assert!(message.starts_with("No such file"), "{message}");
    }
}

#[test]
fn what_is_cut_off_is_an_error() {
    let whole = socket(SEQUENCE, AF_INET, TCP_LISTEN, 2049);
    for length in 1..whole.len() {
        assert!(parsed(&[whole[..length].to_vec()]).is_err(), "{length}");
    }
}

#[test]
fn a_message_without_a_length_is_an_error() {
    assert!(parsed(&[vec![0; 64]]).is_err());
}

#[test]
fn the_kernel_answers_for_both_families_at_once() {
    let listen = |address: &str| {
        let listener = std::net::TcpListener::bind(address).ok()?;
        let port = listener.local_addr().unwrap().port();
        Some((listener, port))
    };
    // A kernel may have no IPv6.
    let listeners = ["127.0.0.1:0", "[::1]:0", "[::]:0"].map(listen);
    let ports = Netlink::default().ports().unwrap();
    for (_, port) in listeners.iter().flatten() {
        assert!(ports.contains(port), "{port} is not among {ports:?}");
    }
}

#[test]
fn a_socket_is_opened_again_after_a_failure() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut netlink = Netlink::default();
    assert!(netlink.ports().unwrap().contains(&port));
    netlink.socket = None;
    assert!(netlink.ports().unwrap().contains(&port));
    assert!(netlink.socket.is_some());
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, SEQUENCE, &mut Ports::new());
    }

    #[test]
    fn no_altered_answer_panics(at in 0..160_usize, byte in any::<u8>()) {
        let mut bytes = [
            socket(SEQUENCE, AF_INET, TCP_LISTEN, 1),
            socket(SEQUENCE, AF_INET6, TCP_LISTEN, 2),
            done(0),
        ].concat();
        let last = bytes.len() - 1;
        bytes[at.min(last)] = byte;
        let _ = parse(&bytes, SEQUENCE, &mut Ports::new());
    }
}
