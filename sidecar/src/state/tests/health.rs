//! What is published of the server.

use super::*;

#[test]
fn nothing_is_published_before_the_first_poll() {
    assert_eq!(State::default().published(), None);
    assert_eq!(State::begin(None, at(0).wall).published(), None);
}

#[test]
fn a_status_is_published_when_it_is_no_hiccup() {
    use ServerStatus::{Invalid, Reachable, Starting, Unreachable};
    let cases: [(&str, State, u64, &[Outcome], ServerStatus); 12] = [
        ("first sight", State::default(), 0, &[smb_on()], Reachable),
        (
            "the server is slow to start",
            State::default(),
            0,
            &[down(), down()],
            Starting,
        ),
        (
            "it takes too long",
            State::default(),
            0,
            &vec![down(); 11],
            Unreachable,
        ),
        (
            "nonsense at the start",
            State::default(),
            0,
            &[garbage()],
            Invalid,
        ),
        ("a hiccup", settled(), 100, &[down()], Reachable),
        (
            "two hiccups with an answer between",
            settled(),
            100,
            &[down(), smb_on(), down()],
            Reachable,
        ),
        ("it lasts", settled(), 100, &[down(), down()], Unreachable),
        (
            "trouble of two kinds",
            settled(),
            100,
            &[garbage(), down()],
            Unreachable,
        ),
        (
            "troubles that take turns",
            settled(),
            100,
            &[down(), down(), garbage(), down(), garbage()],
            Unreachable,
        ),
        (
            "other trouble that lasts",
            settled(),
            100,
            &[down(), down(), garbage(), garbage()],
            Invalid,
        ),
        (
            "recovery",
            settled(),
            100,
            &[down(), down(), smb_on()],
            Reachable,
        ),
        (
            "it was down before this sidecar started",
            State::begin(Some(previous(None, Unreachable)), at(0).wall),
            0,
            &[down(), down()],
            Unreachable,
        ),
    ];
    for (name, state, from, outcomes, expected) in cases {
        assert_eq!(status(&play(state, from, outcomes)), expected, "{name}");
    }
}

#[test]
fn since_moves_only_with_the_status() {
    let down_since = |state: &State| published(state).server.since;
    let state = play(settled(), 100, &[down(), down()]);
    assert_eq!(down_since(&state), at(101_000).wall);
    let longer = play(state.clone(), 102, &vec![down(); 50]);
    assert_eq!(longer.published(), state.published());
    let before = previous(None, ServerStatus::Reachable);
    let again = play(
        State::begin(Some(before.clone()), at(0).wall),
        0,
        &[smb_on()],
    );
    assert_eq!(down_since(&again), before.server.since);
}

#[test]
fn a_stop_keeps_the_adapters() {
    let state = settled();
    let stopping = state.stopping(at(100_000));
    assert_eq!(status(&stopping), ServerStatus::Stopping);
    assert_eq!(published(&stopping).adapters, published(&state).adapters);
}
