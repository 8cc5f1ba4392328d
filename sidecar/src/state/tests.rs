//! Histories of polls that are folded, for tables of cases and for properties.

mod adapters;
mod health;
mod properties;

use super::*;
use crate::fake::{adapter, published_state, seen};
use crate::outcome::Failure;
use dittofs_shared::published_state::Adapter;

const HOLD: Duration = Duration::from_secs(30);

fn at(milliseconds: u64) -> Now {
    Now {
        wall: Timestamp::from_millisecond(1_800_000_000_000 + i64::try_from(milliseconds).unwrap())
            .unwrap(),
        steady: Duration::from_millis(milliseconds),
    }
}

fn smb_on() -> Outcome {
    Outcome::Seen(vec![seen("smb", 1445, true, true)])
}

fn smb_off() -> Outcome {
    Outcome::Seen(vec![seen("smb", 1445, false, false)])
}

fn nothing() -> Outcome {
    Outcome::Seen(vec![])
}

fn down() -> Outcome {
    Outcome::Failed(Failure::unreachable("nothing listens"))
}

fn garbage() -> Outcome {
    Outcome::Failed(Failure::invalid("odd"))
}

/// Folds outcomes, one a second, beginning at second `from`.
fn play(state: State, from: u64, outcomes: &[Outcome]) -> State {
    (from..)
        .zip(outcomes)
        .fold(state, |state, (second, outcome)| {
            state.fold(outcome, at(second * 1000), HOLD)
        })
}

fn published(state: &State) -> PublishedState {
    state.published().unwrap()
}

fn smb(state: &State) -> Option<Adapter> {
    let adapters = published(state).adapters?;
    adapters.into_iter().find(|adapter| adapter.r#type == "smb")
}

fn status(state: &State) -> ServerStatus {
    published(state).server.status
}

/// A state with smb on, 100 s after the start, of a server that has no other adapter.
fn settled() -> State {
    let previous = published_state(
        ServerStatus::Reachable,
        Some(vec![published_smb(true, false)]),
    );
    play(State::resume(Some(previous), at(0).wall), 99, &[smb_on()])
}

fn published_smb(enabled: bool, leaving: bool) -> Adapter {
    let leaving_since = leaving.then(|| "2020-01-01T00:00:00Z".parse().unwrap());
    adapter("smb", 1445, (enabled, enabled), leaving_since)
}
