//! Runs the poll loop, the publisher and the password resets concurrently, and publishes the final state when stopped.

use crate::administration::Administration;
use crate::clock::Clock;
use crate::poll::{Channels, PollLoop, Poller};
use crate::probes::Heartbeat;
use crate::publish::{Publisher, Target};
use crate::reset::{LastReset, Passwords, Resetter};
use dittofs_shared::settings::Settings;
use tokio::sync::{oneshot, watch};

/// The parts of the sidecar. Tests replace any of them.
pub struct Parts<T, C> {
    /// Reads DittoFS.
    pub poller: Poller,
    /// Resets the administrator's password on request.
    pub administration: Administration,
    /// Where the state is published, and where a password is read.
    pub target: T,
    /// The current time.
    pub clock: C,
    /// The settings of the operator.
    pub settings: watch::Receiver<Settings>,
    /// What the probes answer from.
    pub heartbeat: watch::Sender<Heartbeat>,
}

/// Runs until `stop` completes, then publishes that the server is stopping. Returns within 700 ms after `stop`.
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
        heartbeat,
    } = parts;
    let (desired_sender, desired) = watch::channel(None);
    let (previous_sender, previous) = oneshot::channel();
    let (resets, _) = watch::channel(LastReset::default());
    let resetter = Resetter {
        administration,
        passwords: target.clone(),
        clock: clock.clone(),
        settings: settings.clone(),
        last: resets.clone(),
    };
    let mut publisher = Publisher::new(target, clock.clone());
    let channels = Channels {
        settings: settings.clone(),
        desired: desired_sender,
        heartbeat,
        resets,
    };
    let mut poll_loop = PollLoop::new(poller, clock, channels);
    tokio::select! {
        () = stop => {}
        never = poll_loop.run(previous) => match never {},
        never = publisher.run(desired, settings, previous_sender) => match never {},
        never = resetter.run() => match never {},
    }
    if let Some(data) = poll_loop.final_state() {
        publisher.publish_final(&data).await;
    }
}

#[cfg(test)]
mod tests;
