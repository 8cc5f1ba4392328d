//! The published status of the server.

use super::*;

#[test]
fn nothing_is_published_before_the_first_poll() {
    assert_eq!(State::default().published(), None);
    assert_eq!(State::resume(None, at(0).wall).published(), None);
}

#[test]
fn a_status_is_published_when_it_lasts() {
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
            "an invalid answer at the start",
            State::default(),
            0,
            &[garbage()],
            Invalid,
        ),
        ("a single failure", settled(), 100, &[down()], Reachable),
        (
            "two failures with an answer between them",
            settled(),
            100,
            &[down(), smb_on(), down()],
            Reachable,
        ),
        ("it lasts", settled(), 100, &[down(), down()], Unreachable),
        (
            "failures of two kinds",
            settled(),
            100,
            &[garbage(), down()],
            Unreachable,
        ),
        (
            "alternating failures",
            settled(),
            100,
            &[down(), down(), garbage(), down(), garbage()],
            Unreachable,
        ),
        (
            "another failure that lasts",
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
            State::resume(Some(published_state(Unreachable, None)), at(0).wall),
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
    let before = published_state(ServerStatus::Reachable, None);
    let again = play(
        State::resume(Some(before.clone()), at(0).wall),
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
