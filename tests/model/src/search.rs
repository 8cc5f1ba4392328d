//! All short interleavings of what can happen in a world, the nearest first.

use std::collections::HashMap;
use std::fmt::Debug;

/// Of so many states, one is followed to its end.
const FOLLOWED: u64 = 8;

/// A world that things happen in.
pub trait World: Clone {
    /// One thing that happens.
    type Action: Copy + Debug + 'static;
    /// What decides in it, and what it remembers of all worlds.
    type Rules;
    /// All that can happen.
    const ACTIONS: &'static [Self::Action];

    /// Equal worlds have equal ones.
    fn fingerprint(&self) -> u64;

    /// Lets it happen. `Ok(false)`: it makes no difference here.
    ///
    /// # Errors
    /// A law is broken.
    fn happen(&mut self, action: Self::Action, rules: &mut Self::Rules) -> Result<bool, String>;

    /// From here on nothing bad happens.
    ///
    /// # Errors
    /// It does not become what it should.
    fn follow(&self, rules: &mut Self::Rules) -> Result<(), String>;
}

/// What was visited.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visited {
    /// Different states.
    pub states: usize,
    /// None is left out to which at most so many things lead.
    pub depth: usize,
    /// States that were followed to their end.
    pub followed: usize,
}

/// Visits so many states, the nearest first.
///
/// # Errors
/// A law is broken; the way there is in the text.
pub fn nearest<W: World>(
    begin: &W,
    rules: &mut W::Rules,
    states: usize,
) -> Result<Visited, String> {
    let mut visited = Visited::default();
    for depth in 1.. {
        let mut search = Search::<W> {
            rules,
            visited: HashMap::new(),
            path: Vec::new(),
            most: states,
            followed: 0,
        };
        search.from(begin, depth)?;
        let found = search.visited.len();
        if found == visited.states {
            visited.depth = depth - 1;
            break;
        }
        visited = Visited {
            states: found,
            depth: depth - 1,
            followed: search.followed,
        };
        if found >= states {
            break;
        }
    }
    Ok(visited)
}

/// A search to a certain depth.
struct Search<'a, W: World> {
    rules: &'a mut W::Rules,
    /// By fingerprint: how many more actions were tried from there.
    visited: HashMap<u64, usize>,
    path: Vec<W::Action>,
    most: usize,
    followed: usize,
}

impl<W: World> Search<'_, W> {
    fn from(&mut self, world: &W, left: usize) -> Result<(), String> {
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
                let followed = world.follow(self.rules);
                followed.map_err(|broken| self.tell(&broken))?;
            }
        }
        self.visited.insert(fingerprint, left);
        if left == 0 {
            return Ok(());
        }
        for action in W::ACTIONS {
            let mut next = world.clone();
            self.path.push(*action);
            let happened = next.happen(*action, self.rules);
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
