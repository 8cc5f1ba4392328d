//! What can happen.

use dittofs_operator_core::renewal::{Renewal, choose, decide};
use std::time::Duration;

use super::Done;
use super::laws;
use super::pod::Program;
use super::world::{World, contract};

/// Shorter and longer than a new sidecar is on probation, and longer than it may take to start.
const WAITS: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(40),
    Duration::from_secs(150),
];

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// This image is requested.
    Request(usize),
    /// This becomes of containers with an image from now on.
    Turn(usize, Program),
    /// Another release of the operator offers something else to the sidecar.
    Offer,
    /// The spec changes, so that the pod has to be made anew.
    Change,
    /// Somebody deletes the pod.
    LosePod,
    /// The controller of the StatefulSet makes it anew.
    MakePod,
    /// The kubelet does what the pod says.
    Run,
    /// It has begun with it.
    BeginToRun,
    /// The operator hears of the pod as it is now.
    Hear,
    /// It does all that is to be done.
    Reconcile,
    /// It is killed after it has written the template.
    ReconcileKilled,
    /// Time passes.
    Wait(usize),
}

/// Lets all of this happen.
pub(super) fn happen_all(
    actions: &[Action],
    world: &mut World,
    done: &mut Done,
) -> Result<(), String> {
    for action in actions {
        action.happen(world, done)?;
    }
    Ok(())
}

impl Action {
    pub(super) const ALL: [Self; 19] = [
        Self::Request(0),
        Self::Request(1),
        Self::Request(2),
        Self::Turn(0, Program::Missing),
        Self::Turn(1, Program::Missing),
        Self::Turn(1, Program::Crashes),
        Self::Turn(1, Program::Runs),
        Self::Offer,
        Self::Change,
        Self::LosePod,
        Self::MakePod,
        Self::Run,
        Self::BeginToRun,
        Self::Hear,
        Self::Reconcile,
        Self::ReconcileKilled,
        Self::Wait(0),
        Self::Wait(1),
        Self::Wait(2),
    ];

    /// Does it. `Ok(false)`: it makes no difference here.
    ///
    /// # Errors
    /// A law is broken.
    pub(super) fn happen(self, world: &mut World, done: &mut Done) -> Result<bool, String> {
        match self {
            Self::Request(image) if world.requested == image => return Ok(false),
            Self::Request(image) => world.requested = image,
            Self::Turn(image, program) if world.programs[image] == program => return Ok(false),
            Self::Turn(image, program) => world.programs[image] = program,
            Self::Offer => world.contract = 1 - world.contract,
            Self::Change => world.inputs = 1 - world.inputs,
            Self::LosePod => return Ok(world.pod.take().is_some()),
            Self::MakePod => return Ok(world.make_pod()),
            Self::Run => return Ok(world.run(false)),
            Self::BeginToRun => return Ok(world.run(true)),
            Self::Hear if world.seen == world.pod => return Ok(false),
            Self::Hear => world.seen.clone_from(&world.pod),
            Self::Reconcile => return reconcile(world, done, false),
            Self::ReconcileKilled => return reconcile(world, done, true),
            Self::Wait(which) => {
                world.crash();
                world.now += WAITS[which];
            }
        }
        Ok(true)
    }
}

/// In the order of the operator: the template, then the pod. Says whether anything was written.
fn reconcile(world: &mut World, done: &mut Done, is_killed: bool) -> Result<bool, String> {
    let sidecar = world.sidecar();
    let offered = contract(world.contract);
    let chosen = choose(&sidecar, &offered);
    laws::may_offer(world, &chosen)?;
    let is_offered = world.offer(&chosen);
    if is_killed {
        return Ok(is_offered);
    }
    let Some(seen) = &world.seen else {
        return Ok(is_offered);
    };
    if seen.made_from.inputs != world.inputs {
        let is_there = world.pod.as_ref().is_some_and(|pod| pod.uid == seen.uid);
        if is_there {
            done.recreated += 1;
            world.pod = None;
        }
        return Ok(is_there || is_offered);
    }
    let (Renewal::Replace(edit) | Renewal::PutBack(edit, _) | Renewal::Settle(edit)) =
        decide(&sidecar, &offered)
    else {
        return Ok(is_offered);
    };
    let is_edited = world.edit(&edit);
    done.changed += usize::from(is_edited && edit.image.is_some());
    Ok(is_offered || is_edited)
}
