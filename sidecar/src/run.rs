//! The loop, the publisher and the resets side by side, and the last words at a stop.

use crate::administration::Administration;
use crate::clock::Clock;
use crate::poll::Poller;
use crate::probes::Pulse;
use crate::publish::{Publisher, Target};
use crate::reset::{Answered, Passwords, Resets};
use crate::rounds::Rounds;
use dittofs_shared::settings::Settings;
use tokio::sync::{oneshot, watch};

/// What the sidecar is made of. All of it can be something else in a test.
pub struct Parts<T, C> {
    /// Reads DittoFS.
    pub poller: Poller,
    /// Resets the administrator's password when that is asked for.
    pub administration: Administration,
    /// Where the state is published, and a password is read.
    pub target: T,
    /// What time it is.
    pub clock: C,
    /// What the operator wants.
    pub settings: watch::Receiver<Settings>,
    /// What the probes look at.
    pub pulse: watch::Sender<Pulse>,
}

/// Runs until `stop` ends, then says so, and returns within 700 ms.
pub async fn run<T: Target + Passwords + Clone, C: Clock>(
    parts: Parts<T, C>,
    stop: impl Future<Output = ()>,
) {
    let Parts {
        poller,
        administration,
        target,
        clock,
        settings,
        pulse,
    } = parts;
    let (wanted, wants) = watch::channel(None);
    let (found, previous) = oneshot::channel();
    let (resets, _) = watch::channel(Answered::default());
    let resetter = Resets {
        administration,
        passwords: target.clone(),
        clock: clock.clone(),
        settings: settings.clone(),
        answered: resets.clone(),
    };
    let mut publisher = Publisher::new(target, clock.clone());
    let mut rounds = Rounds::new(poller, clock, settings.clone(), wanted, pulse, resets);
    tokio::select! {
        () = stop => {}
        never = rounds.run(previous) => match never {},
        never = publisher.run(wants, settings, found) => match never {},
        never = resetter.run() => match never {},
    }
    if let Some(data) = rounds.last_words() {
        publisher.last_words(&data).await;
    }
}

#[cfg(test)]
mod tests;
