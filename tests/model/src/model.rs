//! The model: a server with two adapters, its sidecar, the published state, the operator and the Services, and everything that can
//! happen to them. The sidecar's [`State`](dittofs_sidecar::state::State) and the operator's
//! [`Desired`](dittofs_operator_core::desired::Desired) are the real ones; the rest is as little as they need.

mod action;
mod laws;
mod rules;
mod world;

use crate::Error;
use crate::search::{self, Visited};
use action::Action;
use rules::Rules;
use world::World;

impl search::World for World {
    type Action = Action;
    type Rules = Rules;
    const ACTIONS: &'static [Action] = &Action::ALL;

    fn fingerprint(&self) -> u64 {
        self.hash()
    }

    fn happen(&mut self, action: Action, rules: &mut Rules) -> Result<bool, String> {
        action.happen(self, rules)
    }

    fn follow(&self, rules: &mut Rules) -> Result<(), String> {
        laws::follow(rules, self).map(drop)
    }
}

/// Visits so many states, the nearest first.
///
/// # Errors
/// A law is broken; the way there is in the text.
pub fn search(states: usize) -> Result<String, Error> {
    let mut rules = Rules::new()?;
    let begin = laws::at_rest(&mut rules)?;
    let Visited {
        states,
        depth,
        followed,
    } = search::nearest(&begin, &mut rules, states)?;
    Ok(format!(
        "torture: model of sidecar and operator: {states} states, all of those after {depth} things that have happened, {} Services deleted, {followed} states followed to their end, 0 violations",
        rules.deleted
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_nearest_states_keep_the_laws() {
        let outcome = super::search(3_000).map_err(|error| error.to_string());
        assert!(
            matches!(&outcome, Ok(line) if line.contains("3000 states")),
            "{outcome:?}"
        );
    }
}
