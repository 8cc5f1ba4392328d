//! The model: a server with two adapters, its sidecar, the published state, the operator and the Services, and everything that can
//! happen to them. The sidecar's [`State`](dittofs_sidecar::state::State) and the operator's
//! [`Desired`](dittofs_operator_core::desired::Desired) are the real ones; the rest is as little as they need.

mod action;
mod laws;
mod rules;
mod world;

use std::collections::HashMap;

use crate::Error;
use action::Action;
use rules::Rules;
use world::World;

/// Of so many states, one is followed to its end: whether the objects become what the server asks for.
const FOLLOWED: u64 = 8;

/// A search to a certain depth.
struct Search<'a> {
    rules: &'a mut Rules,
    /// By fingerprint: how many more actions were tried from there.
    visited: HashMap<u64, usize>,
    path: Vec<Action>,
    most: usize,
    followed: usize,
}

impl Search<'_> {
    fn from(&mut self, world: &World, left: usize) -> Result<(), String> {
        let fingerprint = world.fingerprint();
        let tried = self.visited.get(&fingerprint);
        if tried.is_some_and(|tried| *tried >= left) {
            return Ok(());
        }
        if tried.is_none() {
            if self.visited.len() >= self.most {
                return Ok(());
            }
            if fingerprint.is_multiple_of(FOLLOWED) {
                self.followed += 1;
                laws::follow(self.rules, world).map_err(|broken| self.tell(&broken))?;
            }
        }
        self.visited.insert(fingerprint, left);
        if left == 0 {
            return Ok(());
        }
        for action in Action::ALL {
            let mut next = world.clone();
            self.path.push(action);
            let happened = action.happen(&mut next, self.rules);
            if happened.map_err(|broken| self.tell(&broken))? {
                self.from(&next, left - 1)?;
            }
            self.path.pop();
        }
        Ok(())
    }

    fn tell(&self, broken: &str) -> String {
        format!("{broken}, after {:?}", self.path)
    }
}

/// Visits so many states, the nearest first.
///
/// # Errors
/// A law is broken; the way there is in the text.
pub fn search(states: usize) -> Result<String, Error> {
    let mut rules = Rules::new()?;
    let begin = laws::at_rest(&mut rules)?;
    let (mut depth, mut visited, mut followed) = (0, 0, 0);
    while visited < states {
        depth += 1;
        let mut search = Search {
            rules: &mut rules,
            visited: HashMap::new(),
            path: Vec::new(),
            most: states,
            followed: 0,
        };
        search.from(&begin, depth)?;
        if search.visited.len() == visited {
            break;
        }
        (visited, followed) = (search.visited.len(), search.followed);
    }
    Ok(format!(
        "torture: model of sidecar and operator: {visited} states, all of those after {} things that have happened, {} Services deleted, {followed} states followed to their end, 0 violations",
        depth - 1,
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
