//! The published adapters.

use super::*;

#[test]
fn a_disabled_adapter_leaves_after_the_hold_and_stays_listed() {
    let state = play(settled(), 100, &[smb_off()]);
    let leaving = smb(&state).unwrap();
    assert!(!leaving.enabled);
    assert_eq!(leaving.leaving_since, Some(at(100_000).wall));
    let almost = play(state, 129, &[smb_off()]);
    assert_eq!(smb(&almost).unwrap(), leaving);
    let over = play(almost, 130, &[smb_off()]);
    assert_eq!(smb(&over).unwrap().leaving_since, None);
    assert!(!smb(&over).unwrap().enabled);
}

#[test]
fn a_removed_adapter_counts_when_seen_twice_and_leaves_after_the_hold() {
    let before = settled();
    let once = play(before.clone(), 100, &[nothing()]);
    assert_eq!(once.published(), before.published());
    let interrupted = play(once.clone(), 101, &[down(), nothing()]);
    assert_eq!(smb(&interrupted), smb(&before));
    let twice = play(once, 101, &[nothing()]);
    let leaving = smb(&twice).unwrap();
    assert_eq!((leaving.enabled, leaving.running), (false, false));
    assert_eq!(leaving.leaving_since, Some(at(101_000).wall));
    assert!(smb(&play(twice.clone(), 130, &[nothing()])).is_some());
    let gone = play(twice, 131, &[nothing()]);
    assert_eq!(published(&gone).adapters, Some(vec![]));
}

#[test]
fn an_adapter_that_comes_back_stays() {
    for away in [[smb_off(), smb_off()], [nothing(), nothing()]] {
        let state = play(settled(), 100, &away);
        assert!(smb(&state).unwrap().leaving_since.is_some());
        let back = play(state, 102, &[smb_on()]);
        assert_eq!(back.published(), settled().published());
    }
}

#[test]
fn no_adapter_leaves_while_the_server_does_not_answer() {
    let state = play(settled(), 100, &[smb_off()]);
    let unreachable = play(state.clone(), 101, &vec![down(); 100]);
    assert_eq!(smb(&unreachable), smb(&state));
    let reachable = play(unreachable, 201, &[smb_off()]);
    assert_eq!(smb(&reachable).unwrap().leaving_since, None);
    let removed = play(settled(), 100, &[nothing(), nothing(), down()]);
    let once = play(removed, 201, &[nothing()]);
    assert!(
        smb(&once).is_some(),
        "a single poll after a failure drops nothing"
    );
    assert!(smb(&play(once, 202, &[nothing()])).is_none());
}

#[test]
fn an_adapter_whose_hold_has_elapsed_is_dropped_without_another_hold() {
    let state = play(settled(), 100, &[smb_off()]);
    let left = play(state, 130, &[smb_off()]);
    let gone = play(left, 131, &[nothing(), nothing()]);
    assert_eq!(smb(&gone), None);
}

#[test]
fn a_short_stop_is_not_published() {
    let stopped = Outcome::Seen(vec![seen("smb", 1446, true, false)]);
    let once = play(settled(), 100, std::slice::from_ref(&stopped));
    let adapter = smb(&once).unwrap();
    assert_eq!(
        (adapter.port, adapter.running),
        (1446, true),
        "the port is published at once"
    );
    let twice = play(once.clone(), 101, std::slice::from_ref(&stopped));
    assert!(!smb(&twice).unwrap().running);
    let interrupted = play(once, 101, &[down(), stopped]);
    assert!(smb(&interrupted).unwrap().running);
    assert!(smb(&play(twice, 102, &[smb_on()])).unwrap().running);
}

#[test]
fn an_empty_list_at_the_start_is_unknown_until_it_is_seen_twice() {
    let once = play(State::default(), 0, &[nothing()]);
    assert_eq!(published(&once).adapters, None);
    assert_eq!(
        published(&play(once.clone(), 1, &[down(), nothing()])).adapters,
        None
    );
    let twice = play(once, 1, &[nothing()]);
    assert!(published(&twice).adapters.is_some());
}

#[test]
fn where_nothing_is_known_of_before_a_type_that_is_not_listed_is_held_too() {
    let held = |state: &State| {
        let adapters = published(state).adapters.unwrap_or_default();
        let held = adapters
            .into_iter()
            .filter(|one| one.leaving_since.is_some());
        held.map(|one| one.r#type).collect::<Vec<_>>()
    };
    for (list, missing) in [(smb_on(), vec!["nfs"]), (nothing(), vec!["nfs", "smb"])] {
        let state = play(State::default(), 100, &vec![list.clone(); 30]);
        assert_eq!(held(&state), missing);
        let over = play(state, 130, &[list.clone(), list]);
        assert!(held(&over).is_empty());
        let types = published(&over).adapters.unwrap_or_default();
        assert_eq!(types.len(), 2 - missing.len(), "{types:?}");
    }
}

#[test]
fn a_type_that_is_listed_after_all_is_held_no_longer() {
    let both = Outcome::Seen(vec![
        seen("nfs", 12049, true, true),
        seen("smb", 1445, true, true),
    ]);
    let state = play(State::default(), 100, &[smb_on(), both]);
    let nfs = published(&state).adapters.unwrap().remove(0);
    assert_eq!(nfs, adapter("nfs", 12049, (true, true), None));
}

#[test]
fn a_disabled_adapter_gets_a_hold_at_first_unless_its_hold_has_elapsed() {
    let sight = |before: Option<Vec<Adapter>>| {
        let previous = published_state(ServerStatus::Reachable, before);
        smb(&play(
            State::resume(Some(previous), at(0).wall),
            0,
            &[smb_off()],
        ))
        .unwrap()
    };
    assert!(
        smb(&play(State::default(), 0, &[smb_off()]))
            .unwrap()
            .leaving_since
            .is_some()
    );
    assert!(sight(None).leaving_since.is_some());
    assert!(
        sight(Some(vec![published_smb(true, false)]))
            .leaving_since
            .is_some()
    );
    assert!(
        sight(Some(vec![published_smb(false, true)]))
            .leaving_since
            .is_some()
    );
    assert_eq!(
        sight(Some(vec![published_smb(false, false)])).leaving_since,
        None
    );
    assert_eq!(sight(Some(vec![])).leaving_since, None, "it had no Service");
}

#[test]
fn a_restart_starts_holds_again_and_changes_no_times() {
    let before = published_state(
        ServerStatus::Reachable,
        Some(vec![published_smb(false, true)]),
    );
    let begun = State::resume(Some(before.clone()), at(0).wall);
    assert_eq!(begun.published(), Some(before.clone()));
    for gone in [smb_off(), nothing()] {
        let held = play(
            begun.clone(),
            100,
            &[gone.clone(), gone.clone(), gone.clone()],
        );
        let then = smb(&held).unwrap();
        assert_eq!(
            then.leaving_since,
            before.adapters.as_ref().unwrap()[0].leaving_since
        );
        let over = play(held, 132, &[gone]);
        assert!(smb(&over).is_none_or(|smb| smb.leaving_since.is_none()));
    }
}

#[test]
fn a_published_adapter_that_is_not_listed_gets_a_hold() {
    let before = published_state(
        ServerStatus::Stopping,
        Some(vec![published_smb(true, false)]),
    );
    let state = play(
        State::resume(Some(before), at(0).wall),
        0,
        &[nothing(), nothing()],
    );
    assert_eq!(smb(&state).unwrap().leaving_since, Some(at(1000).wall));
    assert_eq!(smb(&play(state, 31, &[nothing()])), None);
}

#[test]
fn ever_new_types_do_not_fill_the_config_map() {
    let lists: Vec<_> = (0..50)
        .map(|n| {
            Outcome::Seen(
                (0..64)
                    .map(|m| seen(&format!("t{}", n * 64 + m), 1, true, true))
                    .collect(),
            )
        })
        .collect();
    let state = play(State::default(), 0, &lists[..20]);
    assert!(published(&state).adapters.unwrap().len() <= 128);
}

#[test]
fn polls_that_follow_each_other_fast_confirm_nothing() {
    let stopped = Outcome::Seen(vec![seen("smb", 1445, true, false)]);
    for outcome in [nothing(), stopped, down()] {
        let mut state = settled();
        for milliseconds in [0, 100, 499] {
            state = state.fold(&outcome, at(100_000 + milliseconds), HOLD);
            assert_eq!(state.published(), settled().published(), "{outcome:?}");
        }
        state = state.fold(&outcome, at(100_500), HOLD);
        assert_ne!(state.published(), settled().published(), "{outcome:?}");
    }
}

#[test]
fn what_is_pending_says_when_a_poll_decides_it() {
    let stopped = Outcome::Seen(vec![seen("smb", 1445, true, false)]);
    let cases: [(&str, State, &[Outcome], Option<u64>); 7] = [
        ("nothing", settled(), &[smb_on()], None),
        ("a hold", settled(), &[smb_off()], Some(130_000)),
        (
            "later in the hold",
            settled(),
            &[smb_off(), smb_off()],
            Some(130_000),
        ),
        ("an absence", settled(), &[nothing()], Some(100_500)),
        ("a stop", settled(), &[stopped], Some(100_500)),
        ("a failure", settled(), &[down()], Some(100_500)),
        (
            "an empty list at the start",
            State::default(),
            &[nothing()],
            Some(100_500),
        ),
    ];
    for (case, state, outcomes, next) in cases {
        let state = play(state, 100, outcomes);
        let last = 100 + outcomes.len() as u64 - 1;
        let pending = state.pending(Duration::from_secs(last), HOLD);
        assert_eq!(pending.exists, next.is_some(), "{case}");
        assert_eq!(pending.next, next.map(Duration::from_millis), "{case}");
    }
}

#[test]
fn a_moment_that_has_passed_is_not_waited_for() {
    let state = play(settled(), 100, &[smb_off(), down()]);
    let pending = state.pending(Duration::from_secs(200), HOLD);
    assert_eq!((pending.exists, pending.next), (true, None));
}
