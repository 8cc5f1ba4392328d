//! What must hold.

use dittofs_operator_core::renewal::Chosen;
use dittofs_shared::labels;

use super::Done;
use super::action::{Action, happen_all};
use super::pod::Program;
use super::world::{DEMANDING, IMAGES, World, number_of};

/// What happens when all faults are over.
const RECOVERY: [Action; 9] = [
    Action::MakePod,
    Action::Run,
    Action::Hear,
    Action::Reconcile,
    Action::MakePod,
    Action::Run,
    Action::Hear,
    Action::Wait(1),
    Action::Reconcile,
];
/// So often until it must be at rest.
const ROUNDS: usize = 8;
/// How a server begins.
const BEGINNING: [Action; 7] = [
    Action::Reconcile,
    Action::MakePod,
    Action::Run,
    Action::Hear,
    Action::Wait(1),
    Action::Reconcile,
    Action::Hear,
];

/// If the pod shows an image that has run, the next pod begins with one that has, or knows one to go back to.
pub(super) fn may_offer(world: &World, chosen: &Chosen) -> Result<(), String> {
    let has_run = |image: &String| number_of(image).is_some_and(|number| world.ran[number]);
    let shows_one = world.seen.as_ref().is_some_and(|seen| {
        let previous = seen.annotations.get(labels::SIDECAR_PREVIOUS_IMAGE);
        previous.is_some_and(has_run) || (seen.has_run && has_run(&seen.image))
    });
    if !shows_one || has_run(&chosen.image) || chosen.previous.as_ref().is_some_and(has_run) {
        return Ok(());
    }
    Err(format!(
        "the next pod gets image {}, which has never run, and none to go back to",
        chosen.image
    ))
}

/// Whether a sidecar runs that must run in the end, too. One on probation may be given up for the one before it, if that is there.
fn must_run(world: &World) -> bool {
    let Some(pod) = &world.pod else {
        return false;
    };
    let previous = pod.annotations.get(labels::SIDECAR_PREVIOUS_IMAGE);
    let before_runs = previous
        .and_then(|image| number_of(image))
        .is_none_or(|image| world.programs[image] == Program::Runs);
    let is_demanding = number_of(&pod.image) == Some(DEMANDING);
    pod.runs() && world.program(pod) == Program::Runs && before_runs && !is_demanding
}

/// From here on, nothing bad happens: the requested image must run if it can, a sidecar that ran must run again, and nothing must be
/// left to do.
pub(super) fn follow(world: &World, done: &mut Done) -> Result<(), String> {
    let mut world = world.clone();
    let must_run = must_run(&world);
    for _ in 0..ROUNDS {
        happen_all(&RECOVERY, &mut world, done)?;
    }
    let Some(pod) = world.pod.clone() else {
        return Err("in the end, there is no pod".to_owned());
    };
    if must_run && !pod.runs() {
        return Err(format!("a sidecar that ran does not run any more: {pod:?}"));
    }
    let refused = pod.annotations.get(labels::SIDECAR_REFUSED_IMAGE);
    let requested = IMAGES[world.requested];
    let is_refused = refused.is_some_and(|refused| refused == requested);
    let is_offered = pod.made_from.contract == world.contract;
    let would_run = world.program_of(world.requested, &pod) == Program::Runs;
    if is_offered && !is_refused && would_run && pod.image != requested {
        return Err(format!("{requested} is requested and would run: {pod:?}"));
    }
    let quiet = [Action::Run, Action::Hear, Action::Wait(2)];
    happen_all(&quiet, &mut world, done)?;
    if Action::Reconcile.happen(&mut world, done)? {
        return Err("there is always something to write".to_owned());
    }
    Ok(())
}

/// The world to begin with: a pod whose sidecar runs, and nothing to be done.
pub(super) fn at_rest(done: &mut Done) -> Result<World, String> {
    let mut world = World::new();
    happen_all(&BEGINNING, &mut world, done)?;
    Ok(world)
}
