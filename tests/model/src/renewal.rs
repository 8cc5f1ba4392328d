//! The model of a pod and its sidecar: images that run or do not, a kubelet that takes its time, an operator with an old view, and
//! pods that are made anew at any moment. What the operator decides is real: [`decide`](dittofs_operator_core::renewal::decide) and
//! [`choose`](dittofs_operator_core::renewal::choose).

mod action;
mod laws;
mod pod;
mod world;

use crate::Error;
use crate::search::{self, Visited};
use action::Action;
use world::World;

/// What has been done in all worlds together.
#[derive(Debug, Default)]
pub struct Done {
    /// Images of running pods that were changed.
    changed: usize,
    /// Pods that were deleted to be made anew.
    recreated: usize,
}

impl search::World for World {
    type Action = Action;
    type Rules = Done;
    const ACTIONS: &'static [Action] = &Action::ALL;

    fn fingerprint(&self) -> u64 {
        self.hash()
    }

    fn happen(&mut self, action: Action, done: &mut Done) -> Result<bool, String> {
        action.happen(self, done)
    }

    fn follow(&self, done: &mut Done) -> Result<(), String> {
        laws::follow(self, done)
    }
}

/// Visits so many states, the nearest first.
///
/// # Errors
/// A law is broken; the way there is in the text.
pub fn search(states: usize) -> Result<String, Error> {
    let mut done = Done::default();
    let begin = laws::at_rest(&mut done)?;
    let Visited {
        states,
        depth,
        followed,
    } = search::nearest(&begin, &mut done, states)?;
    Ok(format!(
        "torture: model of a pod and its sidecar: {states} states, all of those after {depth} things that have happened, {} images changed, {} pods recreated, {followed} states followed to their end, 0 violations",
        done.changed, done.recreated
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_nearest_states_keep_the_laws() {
        let outcome = super::search(10_000).map_err(|error| error.to_string());
        assert!(
            matches!(&outcome, Ok(line) if line.contains("10000 states")),
            "{outcome:?}"
        );
    }
}
