//! Properties over random histories.

use super::*;
use proptest::prelude::*;

const TYPES: [&str; 3] = ["nfs", "smb", "x"];

fn any_list() -> impl Strategy<Value = Outcome> {
    let adapter = proptest::option::of((1..4_i64, any::<bool>(), any::<bool>()));
    [adapter.clone(), adapter.clone(), adapter].prop_map(|adapters| {
        let list = TYPES.into_iter().zip(adapters);
        Outcome::Seen(
            list.filter_map(|(r#type, adapter)| {
                adapter.map(|(port, on, runs)| seen(r#type, port, on, runs))
            })
            .collect(),
        )
    })
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![5 => any_list(), 1 => Just(down()), 1 => Just(garbage()), 2 => Just(nothing())]
}

/// Outcomes, and the milliseconds before each.
fn any_history() -> impl Strategy<Value = Vec<(u64, Outcome)>> {
    proptest::collection::vec((1..20_000_u64, any_outcome()), 1..60)
}

/// The adapters that hold a Service: on, or leaving.
fn exposed(state: &State) -> Vec<String> {
    let adapters = state
        .published()
        .and_then(|published| published.adapters)
        .unwrap_or_default();
    let exposed = adapters
        .into_iter()
        .filter(|adapter| adapter.enabled || adapter.leaving_since.is_some());
    exposed.map(|adapter| adapter.r#type).collect()
}

fn has_on(outcome: &Outcome, r#type: &str) -> bool {
    matches!(outcome, Outcome::Seen(list) if list.iter().any(|seen| seen.r#type == r#type && seen.enabled))
}

proptest! {
    #[test]
    fn no_adapter_is_removed_before_its_hold_or_on_a_failure(history in any_history()) {
        let (mut state, mut now) = (State::default(), 0);
        // When each type was last seen on, or first became exposed.
        let mut last_on = std::collections::BTreeMap::new();
        for (wait, outcome) in history {
            now += wait;
            let next = state.fold(&outcome, at(now), HOLD);
            for r#type in TYPES {
                if has_on(&outcome, r#type) {
                    last_on.insert(r#type.to_owned(), now);
                    prop_assert!(exposed(&next).contains(&r#type.to_owned()));
                }
            }
            for r#type in exposed(&next) {
                last_on.entry(r#type).or_insert(now);
            }
            for r#type in exposed(&state) {
                if !exposed(&next).contains(&r#type) {
                    prop_assert!(matches!(outcome, Outcome::Seen(_)), "{} left on a failure", r#type);
                    prop_assert!(now - last_on[&r#type] >= 30_000, "{} left early", r#type);
                    last_on.remove(&r#type);
                }
            }
            if matches!(outcome, Outcome::Failed(_)) {
                let adapters = |state: &State| state.published().and_then(|published| published.adapters);
                prop_assert_eq!(adapters(&next), adapters(&state));
            }
            state = next;
        }
    }

    #[test]
    fn what_is_on_is_published_as_it_is(history in any_history(), last in any_list()) {
        let mut now = 0;
        let mut state = State::default();
        for (wait, outcome) in history {
            now += wait;
            state = state.fold(&outcome, at(now), HOLD);
        }
        let after = state.fold(&last, at(now + 1), HOLD);
        let Outcome::Seen(list) = last else { return Ok(()) };
        for seen in list.into_iter().filter(|seen| seen.enabled) {
            let adapters = published(&after).adapters.unwrap();
            let adapter = adapters.iter().find(|adapter| adapter.r#type == seen.r#type).unwrap();
            prop_assert!(adapter.enabled && adapter.leaving_since.is_none());
            prop_assert_eq!(adapter.port, seen.port);
            prop_assert!(adapter.running || !seen.running);
        }
    }

    #[test]
    fn the_same_poll_again_changes_nothing_more(history in any_history(), last in any_outcome()) {
        let mut now = 60_000;
        let mut state = State::default();
        for (wait, outcome) in history {
            now += wait;
            state = state.fold(&outcome, at(now), HOLD);
        }
        let later = now + 500;
        let twice = state.fold(&last, at(now), HOLD).fold(&last, at(later), HOLD);
        let thrice = twice.fold(&last, at(later), HOLD);
        prop_assert_eq!(published(&thrice).encode(), published(&twice).encode());
    }

    #[test]
    fn equal_histories_give_equal_bytes_in_whatever_order_the_lists_are(history in any_history()) {
        let (mut one, mut other, mut now) = (State::default(), State::default(), 0);
        for (wait, outcome) in history {
            now += wait;
            one = one.fold(&outcome, at(now), HOLD);
            let reversed = match outcome {
                Outcome::Seen(list) => Outcome::Seen(list.into_iter().rev().collect()),
                failed @ Outcome::Failed(_) => failed,
            };
            other = other.fold(&reversed, at(now), HOLD);
            prop_assert_eq!(published(&one).encode(), published(&other).encode());
        }
    }

    #[test]
    fn a_single_poll_removes_nothing(single in prop_oneof![Just(nothing()), Just(down()), Just(garbage())]) {
        let state = settled();
        let after = play(state.clone(), 100, &[single, smb_on()]);
        prop_assert_eq!(after.published(), state.published());
    }

    #[test]
    fn a_restart_at_any_moment_removes_nothing(history in any_history(), cut in 0..60_usize) {
        let (mut state, mut now) = (State::default(), 0);
        for (n, (wait, outcome)) in history.into_iter().enumerate() {
            now += wait;
            if n == cut {
                let before = state.published();
                state = State::resume(before.clone(), at(now).wall);
                prop_assert_eq!(state.published(), before);
            }
            let next = state.fold(&outcome, at(now), HOLD);
            if n == cut {
                let kept = exposed(&next);
                prop_assert!(exposed(&state).iter().all(|r#type| kept.contains(r#type)));
            }
            state = next;
        }
    }
}
