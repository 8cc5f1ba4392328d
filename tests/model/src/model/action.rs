//! What can happen.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::laws;
use super::rules::Rules;
use super::world::{ADAPTERS, ADAPTERS_KEY, Answers, HOLD, Live, Shown, Stored, World};

/// Longer than something must be seen to be confirmed, and shorter than the hold.
const SHORT: Duration = Duration::from_millis(600);

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// An administrator switches SMB on or off.
    SwitchSmb,
    /// And NFS.
    SwitchNfs,
    /// SMB is removed, or added again.
    ListSmb,
    /// SMB gets its other port.
    MoveSmb,
    /// SMB fails to run, or runs again.
    RunSmb,
    /// The server answers otherwise from now on.
    Answer(Answers),
    /// The sidecar asks, and publishes.
    Poll,
    /// The sidecar asks, and cannot publish.
    PollOnly,
    /// The sidecar publishes what it knows.
    Publish,
    /// Time passes.
    Wait,
    /// As much as a hold.
    WaitLong,
    /// The sidecar ends, and another one starts.
    RestartSidecar,
    /// The operator hears of the published state as it is now.
    Hear,
    /// The operator does all that is to be done.
    Reconcile,
    /// It is killed after its first write, and starts again.
    ReconcileKilled,
    /// Somebody empties the list in the published state.
    EditState,
    /// Somebody deletes the published state.
    DeleteState,
}

impl Action {
    pub(super) const ALL: [Self; 20] = [
        Self::SwitchSmb,
        Self::SwitchNfs,
        Self::ListSmb,
        Self::MoveSmb,
        Self::RunSmb,
        Self::Answer(Answers::Truth),
        Self::Answer(Answers::Nothing),
        Self::Answer(Answers::Refusal),
        Self::Answer(Answers::EmptyList),
        Self::Poll,
        Self::PollOnly,
        Self::Publish,
        Self::Wait,
        Self::WaitLong,
        Self::RestartSidecar,
        Self::Hear,
        Self::Reconcile,
        Self::ReconcileKilled,
        Self::EditState,
        Self::DeleteState,
    ];

    /// Does it. `Ok(false)`: it makes no difference here.
    ///
    /// # Errors
    /// A law is broken.
    pub(super) fn happen(self, world: &mut World, rules: &mut Rules) -> Result<bool, String> {
        let [nfs, smb] = &mut world.real;
        match self {
            Self::SwitchSmb => smb.enabled = !smb.enabled,
            Self::SwitchNfs => nfs.enabled = !nfs.enabled,
            Self::ListSmb => smb.listed = !smb.listed,
            Self::MoveSmb => {
                let (_, port, other) = ADAPTERS[1];
                smb.port = if smb.port == port { other } else { port };
            }
            Self::RunSmb => smb.running = !smb.running,
            Self::Answer(answers) if answers == world.answers => return Ok(false),
            Self::Answer(answers) => world.answers = answers,
            Self::Poll => {
                world.poll();
                world.publish();
            }
            Self::PollOnly => world.poll(),
            Self::Publish => world.publish(),
            Self::Wait => world.now += SHORT,
            Self::WaitLong => world.now += HOLD,
            Self::RestartSidecar => world.restart_sidecar(),
            Self::Hear if world.seen == world.stored => return Ok(false),
            Self::Hear => world.seen.clone_from(&world.stored),
            Self::Reconcile => return reconcile(world, rules, usize::MAX),
            Self::ReconcileKilled => {
                let has_written = reconcile(world, rules, 1)?;
                let has_heard = world.seen != world.stored;
                // It lists anew.
                world.seen.clone_from(&world.stored);
                return Ok(has_written || has_heard);
            }
            Self::EditState => {
                let Some(stored) = &world.stored else {
                    return Ok(false);
                };
                let mut edited = Stored::clone(stored);
                edited.is_edited = true;
                edited.data.insert(ADAPTERS_KEY.to_owned(), "[]".to_owned());
                world.stored = Some(Rc::new(edited));
            }
            Self::DeleteState => return Ok(world.stored.take().is_some()),
        }
        Ok(true)
    }
}

/// The writes of one reconcile, up to so many. Says whether there were any.
fn reconcile(world: &mut World, rules: &mut Rules, most: usize) -> Result<bool, String> {
    let decision = rules.decide(world)?;
    let decided_by = world.seen.clone();
    let mut left = most;
    let mut has_written = false;
    let mut may = || {
        let may = left > 0;
        left = left.saturating_sub(1);
        has_written |= may;
        may
    };
    // In the order of the operator: what the sidecar needs, then Services, then what is not wanted any more.
    if world.stored.is_none() && may() {
        let made = Rc::new(Stored {
            is_edited: false,
            data: BTreeMap::new(),
            shown: [Shown::default(); 2],
        });
        world.stored = Some(Rc::clone(&made));
        // The answer is put into the cache.
        world.seen = Some(made);
    }
    for (adapter, target, service) in &decision.applied {
        let live = world.services.get(adapter);
        if live.is_some_and(|live| live.target == *target) || !may() {
            continue;
        }
        let live = Live {
            target: *target,
            service: Arc::clone(service),
        };
        world.services.insert(*adapter, live);
    }
    for adapter in &decision.deleted {
        if may() {
            laws::may_delete(decided_by.as_deref(), *adapter)?;
            world.services.remove(adapter);
            rules.deleted += 1;
        }
    }
    Ok(has_written)
}
