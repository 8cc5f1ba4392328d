//! The loop: reads the ports and the adapters when the schedule says so.

use super::Poller;
use crate::channel::changed;
use crate::clock::{Clock, Now};
use crate::diff;
use crate::listening::{self, Ports};
use crate::log_limit::LogLimit;
use crate::outcome::{Failure, Outcome};
use crate::probes::Heartbeat;
use crate::publish::{Data, Previous};
use crate::reset::LastReset;
use crate::schedule::{Finding, Pace, Schedule};
use crate::state::{Pending, State};
use crate::version::Version;
use dittofs_shared::published_state::PublishedState;
use dittofs_shared::reports::Reports;
use dittofs_shared::settings::Settings;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The channels that connect the poll loop with the rest of the sidecar.
pub struct Channels {
    /// The settings of the operator.
    pub settings: watch::Receiver<Settings>,
    /// What should be published.
    pub desired: watch::Sender<Option<Data>>,
    /// What the probes answer from.
    pub heartbeat: watch::Sender<Heartbeat>,
    /// How the last reset of the administrator's password ended.
    pub resets: watch::Sender<LastReset>,
}

/// The poll loop and what it remembers.
pub struct PollLoop<C> {
    poller: Poller,
    clock: C,
    channels: Channels,
    schedule: Schedule,
    /// The settings that the last poll used. Others are a reason to poll.
    timing: Timing,
    /// Sees every new result of a reset.
    resets: watch::Receiver<LastReset>,
    /// The outcome of the last poll.
    last: Option<Outcome>,
    /// `None` until it is known what was published before: until then outcomes are not folded.
    state: Option<State>,
    log_limit: LogLimit,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Timing {
    pace: Pace,
    hold: Duration,
}

impl Timing {
    fn of(settings: &Settings) -> Self {
        Self {
            pace: Pace {
                polling: settings.polling_interval,
                resync: settings.resync_interval,
            },
            hold: settings.removal_hold,
        }
    }
}

impl<C: Clock> PollLoop<C> {
    /// A loop that has not started.
    pub fn new(poller: Poller, clock: C, channels: Channels) -> Self {
        let timing = Timing::of(&channels.settings.borrow());
        Self {
            schedule: Schedule::new(poller.api_port()),
            poller,
            clock,
            timing,
            resets: channels.resets.subscribe(),
            channels,
            last: None,
            state: None,
            log_limit: LogLimit::default(),
            version: Version::default(),
        }
    }

    /// Polls until it is dropped.
    pub async fn run(&mut self, previous: oneshot::Receiver<Previous>) -> Infallible {
        let mut previous = Some(previous);
        loop {
            if (self.clock)().steady >= self.schedule.poll_due(self.timing.pace) {
                self.poll().await;
            } else {
                let (_, now) = self.look();
                self.beat(|heartbeat| heartbeat.beat(now));
            }
            self.wait(&mut previous).await;
        }
    }

    /// The state to publish when the sidecar stops. `None` while no state is known.
    pub fn final_state(&mut self) -> Option<Data> {
        let state = self.state.take()?;
        let before = state.published();
        let after = state.stopping((self.clock)()).published()?;
        log_changes(before.as_ref(), &after);
        Some(after.encode())
    }

    /// Reads the ports. Returns also when that was.
    fn look(&mut self) -> (Option<Ports>, Duration) {
        let ports = self.poller.ports();
        let now = (self.clock)().steady;
        self.schedule.looked(ports.clone(), now);
        (ports, now)
    }

    async fn poll(&mut self) {
        self.timing = Timing::of(&self.channels.settings.borrow_and_update());
        // A port that opens or closes from here on may have been missed by this poll, and causes another one.
        self.look();
        self.schedule.poll_begins();
        let outcome = self.poller.poll((self.clock)()).await;
        let (ports, _) = self.look();
        let outcome = match outcome {
            Outcome::Seen(adapters) => Outcome::Seen(listening::correct(adapters, ports.as_ref())),
            failed @ Outcome::Failed(_) => failed,
        };
        let settings = self.channels.settings.borrow().clone();
        // Until the operator's settings have arrived, it is not known whether there are metrics.
        if settings.publish_to.is_some() {
            let metrics = settings.metrics_url.as_deref();
            self.version.follow(&outcome, metrics).await;
        }
        let now = (self.clock)();
        self.process(&outcome, now);
        let finding = self.finding(&outcome, now.steady);
        self.schedule.polled(finding, now.steady);
        self.beat(|heartbeat| *heartbeat = Heartbeat::after(&outcome, now.steady));
        self.last = Some(outcome);
    }

    fn beat(&self, change: impl FnOnce(&mut Heartbeat)) {
        self.channels.heartbeat.send_modify(change);
    }

    /// What the schedule is to know of a poll.
    fn finding(&self, outcome: &Outcome, now: Duration) -> Finding {
        let hold = self.timing.hold;
        let pending = self
            .state
            .as_ref()
            .map_or_else(Pending::default, |state| state.pending(now, hold));
        let (is_unfinished, listed) = match outcome {
            Outcome::Failed(_) => (true, None),
            Outcome::Seen(adapters) => {
                let starts = adapters.iter().any(|one| one.enabled && !one.running);
                let ports = adapters.iter().map(|one| u16::try_from(one.port));
                (starts, Some(ports.flatten().collect()))
            }
        };
        Finding {
            is_new: self.last.as_ref() != Some(outcome),
            in_motion: is_unfinished || pending.exists || self.poller.is_access_in_motion(),
            next: pending.next,
            listed,
        }
    }

    fn process(&mut self, outcome: &Outcome, now: Now) {
        match outcome {
            Outcome::Seen(_) => {
                if let Some(times) = self.log_limit.succeeded() {
                    tracing::debug!(times, "polling recovered");
                }
            }
            Outcome::Failed(failure) => self.log_failure(failure, now),
        }
        let Some(before) = &self.state else {
            return;
        };
        let reports = Reports {
            access: self.poller.access(),
            password_reset: self.resets.borrow_and_update().result().cloned(),
            server_version: self.version.known(),
        };
        let state = before
            .fold(outcome, now, self.timing.hold)
            .with_reports(reports);
        if let Some(after) = state.published() {
            log_changes(before.published().as_ref(), &after);
            let data = Some(after.encode());
            self.channels.desired.send_if_modified(|desired| {
                let modified = *desired != data;
                *desired = data;
                modified
            });
        }
        self.state = Some(state);
    }

    /// A change of status is logged as a change of the state. A failure that lasts is logged once a minute.
    fn log_failure(&mut self, failure: &Failure, now: Now) {
        let kind = failure.kind.status().to_string();
        match self.log_limit.failed(&kind, now.steady) {
            Some(tries) if tries > 1 => {
                tracing::warn!(
                    status = kind,
                    tries,
                    "still cannot read the adapters: {failure}"
                );
            }
            _ => tracing::debug!(status = kind, "cannot read the adapters: {failure}"),
        }
    }

    /// Waits until the next look or poll is due, or until there is a reason to poll at once.
    async fn wait(&mut self, previous: &mut Option<oneshot::Receiver<Previous>>) {
        let due = self
            .schedule
            .poll_due(self.timing.pace)
            .min(self.schedule.look_due(self.poller.is_look_costly()));
        let sleep = tokio::time::sleep(due.saturating_sub((self.clock)().steady));
        tokio::pin!(sleep);
        loop {
            let arrival = async {
                match previous.as_mut() {
                    Some(receiver) => receiver.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut sleep => return,
                arrived = arrival => {
                    *previous = None;
                    // The publisher ends only together with this loop.
                    let Ok(published) = arrived else { continue };
                    self.resume(published);
                    break;
                }
                () = changed(&mut self.resets) => break,
                () = changed(&mut self.channels.settings) => {
                    if Timing::of(&self.channels.settings.borrow_and_update()) != self.timing {
                        break;
                    }
                }
            }
        }
        self.schedule.poll_at_once();
    }

    /// Starts from what the previous sidecar has published.
    fn resume(&mut self, published: Previous) {
        let reset = published
            .as_ref()
            .and_then(|state| state.reports.password_reset.clone());
        self.channels.resets.send_replace(LastReset::known(reset));
        let version = published
            .as_ref()
            .and_then(|state| state.reports.server_version.clone());
        self.version.resume(version);
        self.state = Some(State::resume(published, (self.clock)().wall));
    }
}

fn log_changes(before: Option<&PublishedState>, after: &PublishedState) {
    for change in diff::changes(before, after) {
        match (change.adapter, change.is_warning) {
            (Some((adapter, port)), false) => tracing::info!(adapter, port, "{}", change.text),
            (Some((adapter, port)), true) => tracing::warn!(adapter, port, "{}", change.text),
            (None, false) => tracing::info!("{}", change.text),
            (None, true) => tracing::warn!("{}", change.text),
        }
    }
}
