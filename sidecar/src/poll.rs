//! The poll loop: reads the adapters, folds the outcome into the state, logs what changed, and hands over what should
//! be published.

use crate::channel::changed;
use crate::clock::{Clock, Now};
use crate::diff;
use crate::http::Answer;
use crate::listening::Listening;
use crate::log_limit::LogLimit;
use crate::outcome::{Failure, FailureKind, Outcome, Seen};
use crate::ports;
use crate::probes::Heartbeat;
use crate::publish::{Data, Previous};
use crate::reset::LastReset;
use crate::session::Session;
use crate::state::{STARTUP_PERIOD, State};
use dittofs_runtime::backoff::Backoff;
use dittofs_shared::published_state::{PublishedState, ServerStatus};
use dittofs_shared::reports::{Access, Reports};
use dittofs_shared::settings::Settings;
use hyper::StatusCode;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Cheap for the server: it runs no health checks and reads no configuration for it.
const PATH: &str = "/api/v1/adapters/ports";

/// Reads the adapters of a DittoFS server.
#[derive(Debug)]
pub struct Poller {
    session: Session,
    listening: Listening,
}

impl Poller {
    /// A poller that uses a session of the REST API and the kernel's socket tables.
    pub fn new(session: Session, listening: Listening) -> Self {
        Self { session, listening }
    }

    /// Polls once.
    pub async fn poll(&mut self, now: Now) -> Outcome {
        match self.list(now).await {
            Ok(adapters) => Outcome::Seen(self.listening.correct(adapters)),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// What is wrong with the sidecar's access to the REST API, if anything is.
    pub fn access(&self) -> Option<Access> {
        self.session.access()
    }

    async fn list(&mut self, now: Now) -> Result<Vec<Seen>, Failure> {
        let answer = self.session.get(PATH, now).await?;
        evaluate(&answer)
    }
}

fn evaluate(answer: &Answer) -> Result<Vec<Seen>, Failure> {
    let status = answer.status.as_u16();
    match answer.status {
        StatusCode::OK => ports::parse(&answer.body),
        error if error.is_server_error() || error == StatusCode::TOO_MANY_REQUESTS => Err(
            Failure::unreachable(format!("DittoFS answered {PATH} with status {status}")),
        ),
        _ => Err(Failure::invalid(format!(
            "DittoFS answered {PATH} with status {status}; check that the server is DittoFS in a supported version"
        ))),
    }
}

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
    /// `None` until it is known what was published before: until then outcomes are not folded.
    state: Option<State>,
    backoff: Option<Backoff>,
    log_limit: LogLimit,
}

impl<C: Clock> PollLoop<C> {
    /// A loop that has not started.
    pub fn new(poller: Poller, clock: C, channels: Channels) -> Self {
        Self {
            poller,
            clock,
            channels,
            state: None,
            backoff: None,
            log_limit: LogLimit::default(),
        }
    }

    /// Polls until it is dropped.
    pub async fn run(&mut self, previous: oneshot::Receiver<Previous>) -> Infallible {
        let mut previous = Some(previous);
        loop {
            let started = (self.clock)();
            let outcome = self.poller.poll(started).await;
            let now = (self.clock)();
            self.process(&outcome, now);
            let delay = self.delay_after(&outcome, now);
            let heartbeat = Heartbeat::after(&outcome, now.steady, delay);
            self.channels.heartbeat.send_replace(heartbeat);
            self.wait(delay, &mut previous).await;
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
        let hold = self.channels.settings.borrow().removal_hold;
        let reports = Reports {
            access: self.poller.access(),
            password_reset: self.channels.resets.borrow().result().cloned(),
        };
        let state = before.fold(outcome, now, hold).with_reports(reports);
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

    fn delay_after(&mut self, outcome: &Outcome, now: Now) -> Duration {
        let interval = self.channels.settings.borrow().polling_interval;
        match outcome {
            Outcome::Failed(failure) if !self.is_starting(failure, now) => self
                .backoff
                .get_or_insert_with(|| Backoff::new(interval))
                .next()
                .unwrap_or(interval),
            _ => {
                self.backoff = None;
                interval
            }
        }
    }

    /// A server that is starting is polled without backoff: a refused connection is cheap, and the start is noticed at
    /// once.
    fn is_starting(&self, failure: &Failure, now: Now) -> bool {
        let status = self.state.as_ref().and_then(State::published);
        let status = status.map(|published| published.server.status);
        failure.kind == FailureKind::Unreachable
            && now.steady < STARTUP_PERIOD
            && matches!(status, None | Some(ServerStatus::Starting))
    }

    /// Waits for the delay, or until there is a reason to poll earlier.
    async fn wait(&mut self, delay: Duration, previous: &mut Option<oneshot::Receiver<Previous>>) {
        let timing = |settings: &Settings| (settings.polling_interval, settings.removal_hold);
        let before = timing(&self.channels.settings.borrow());
        let mut resets = self.channels.resets.subscribe();
        let sleep = tokio::time::sleep(delay);
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
                    return;
                }
                () = changed(&mut resets) => return,
                () = changed(&mut self.channels.settings) => {
                    if timing(&self.channels.settings.borrow_and_update()) != before {
                        self.backoff = None;
                        return;
                    }
                }
            }
        }
    }

    /// Starts from what the previous sidecar has published.
    fn resume(&mut self, published: Previous) {
        let reset = published
            .as_ref()
            .and_then(|state| state.reports.password_reset.clone());
        self.channels.resets.send_replace(LastReset::known(reset));
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
