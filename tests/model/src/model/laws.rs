//! What must hold.

use super::action::Action;
use super::rules::Rules;
use super::world::{ADAPTERS, Answers, HOLD, Stored, World};

/// A Service may only be deleted when polls had shown its adapter as off for the whole hold, as far as they were published, and the
/// last of them included.
pub(super) fn may_delete(decided_by: Option<&Stored>, adapter: usize) -> Result<(), String> {
    let shown = decided_by.and_then(|published| published.shown[adapter].off);
    let held = shown.map(|(since, last)| last.saturating_sub(since));
    if held.is_some_and(|held| held >= HOLD) {
        return Ok(());
    }
    Err(format!(
        "the Service of {} is deleted, although polls had shown it as off for {held:?} only",
        ADAPTERS[adapter].0
    ))
}

/// What happens when all faults are over: polls at their pace, and an operator that hears of each.
const RECOVERY: [Action; 10] = [
    Action::Hear,
    Action::Reconcile,
    Action::Hear,
    Action::Poll,
    Action::Wait,
    Action::Poll,
    Action::WaitLong,
    Action::Poll,
    Action::Hear,
    Action::Reconcile,
];

/// From here on, nothing bad happens: the Services must become what the server asks for, and stay so.
pub(super) fn follow(rules: &mut Rules, world: &World) -> Result<World, String> {
    let mut world = world.clone();
    world.answers = Answers::Truth;
    for _ in 0..2 {
        for action in RECOVERY {
            action.happen(&mut world, rules)?;
        }
    }
    for (number, real) in world.real.iter().enumerate() {
        let (r#type, ..) = ADAPTERS[number];
        let wanted = (real.listed && real.enabled).then_some(real.port);
        let found = world
            .services
            .get(&number)
            .map(|live| i64::from(live.target));
        if wanted != found && (real.running || wanted.is_none()) {
            return Err(format!(
                "in the end, {type} should be reached on {wanted:?}, and its Service leads to {found:?}",
                r#type = r#type
            ));
        }
    }
    if Action::Reconcile.happen(&mut world, rules)? {
        return Err("there is always something to write".to_owned());
    }
    Ok(world)
}

/// The world to begin with: both adapters are served, and nothing is to be done.
pub(super) fn at_rest(rules: &mut Rules) -> Result<World, String> {
    follow(rules, &World::new())
}
