//! The loop: poll, fold, tell, say what should be published, rest.

use crate::clock::{Clock, Now};
use crate::complaints::Complaints;
use crate::outcome::{Failure, FailureKind, Outcome};
use crate::poll::Poller;
use crate::probes::Pulse;
use crate::publish::{Data, Previous};
use crate::reset::Answered;
use crate::settings::changed;
use crate::state::State;
use crate::story;
use dittofs_runtime::backoff::Backoff;
use dittofs_shared::published_state::{PublishedState, ServerStatus};
use dittofs_shared::reports::Reports;
use dittofs_shared::settings::Settings;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The loop and what it remembers.
pub struct Rounds<C> {
    poller: Poller,
    clock: C,
    settings: watch::Receiver<Settings>,
    wanted: watch::Sender<Option<Data>>,
    pulse: watch::Sender<Pulse>,
    /// How the last reset of the administrator's password ended.
    resets: watch::Sender<Answered>,
    /// `None` until it is known what was published before: until then nothing is judged, only polled.
    state: Option<State>,
    backoff: Option<Backoff>,
    complaints: Complaints,
}

impl<C: Clock> Rounds<C> {
    /// A loop that has not begun.
    pub fn new(
        poller: Poller,
        clock: C,
        settings: watch::Receiver<Settings>,
        wanted: watch::Sender<Option<Data>>,
        pulse: watch::Sender<Pulse>,
        resets: watch::Sender<Answered>,
    ) -> Self {
        Self {
            poller,
            clock,
            settings,
            wanted,
            pulse,
            resets,
            state: None,
            backoff: None,
            complaints: Complaints::default(),
        }
    }

    /// Goes round and round.
    pub async fn run(&mut self, previous: oneshot::Receiver<Previous>) -> Infallible {
        let mut previous = Some(previous);
        loop {
            let begun = (self.clock)();
            let outcome = self.poller.poll(begun).await;
            let now = (self.clock)();
            self.judge(&outcome, now);
            let wait = self.wait_after(&outcome, now);
            self.pulse
                .send_replace(Pulse::after(&outcome, now.steady, wait));
            self.rest(wait, &mut previous).await;
        }
    }

    /// What is to be published last of all. `None` while nothing has been judged yet.
    pub fn last_words(&mut self) -> Option<Data> {
        let state = self.state.take()?;
        let before = state.published();
        let after = state.stopping((self.clock)()).published()?;
        tell(before.as_ref(), &after);
        Some(after.encode())
    }

    fn judge(&mut self, outcome: &Outcome, now: Now) {
        match outcome {
            Outcome::Seen(_) => {
                if let Some(times) = self.complaints.over() {
                    tracing::debug!(times, "polls succeed again");
                }
            }
            Outcome::Failed(failure) => self.complain(failure, now),
        }
        let Some(before) = &self.state else {
            return;
        };
        let hold = self.settings.borrow().removal_hold;
        let reports = Reports {
            access: self.poller.access(),
            password_reset: self.resets.borrow().last().cloned(),
        };
        let state = before.fold(outcome, now, hold).reporting(reports);
        if let Some(after) = state.published() {
            tell(before.published().as_ref(), &after);
            let data = Some(after.encode());
            self.wanted.send_if_modified(|wanted| {
                let news = *wanted != data;
                *wanted = data;
                news
            });
        }
        self.state = Some(state);
    }

    /// The change of status is told by the story; what lasts is told once a minute.
    fn complain(&mut self, failure: &Failure, now: Now) {
        let kind = failure.kind.status().to_string();
        match self.complaints.again(&kind, now.steady) {
            Some(tries) if tries > 1 => {
                tracing::warn!(status = kind, tries, "no list of adapters still: {failure}");
            }
            _ => tracing::debug!(status = kind, "no list of adapters: {failure}"),
        }
    }

    fn wait_after(&mut self, outcome: &Outcome, now: Now) -> Duration {
        let interval = self.settings.borrow().polling_interval;
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

    /// A server that is about to start is asked at the usual pace: that costs nothing, and it is seen at once.
    fn is_starting(&self, failure: &Failure, now: Now) -> bool {
        let status = self.state.as_ref().and_then(State::published);
        let status = status.map(|published| published.server.status);
        failure.kind == FailureKind::Unreachable
            && now.steady < crate::state::START
            && matches!(status, None | Some(ServerStatus::Starting))
    }

    /// Waits; ends early when the loop has something to do.
    async fn rest(&mut self, wait: Duration, previous: &mut Option<oneshot::Receiver<Previous>>) {
        let paces = |settings: &Settings| (settings.polling_interval, settings.removal_hold);
        let pace = paces(&self.settings.borrow());
        let mut resets = self.resets.subscribe();
        let sleep = tokio::time::sleep(wait);
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
                    // The publisher goes away only together with this loop.
                    let Ok(published) = arrived else { continue };
                    let reset = published.as_ref().and_then(|state| state.reports.password_reset.clone());
                    self.resets.send_replace(Answered::since(reset));
                    self.state = Some(State::begin(published, (self.clock)().wall));
                    return;
                }
                () = changed(&mut resets) => return,
                () = changed(&mut self.settings) => {
                    if paces(&self.settings.borrow_and_update()) != pace {
                        self.backoff = None;
                        return;
                    }
                }
            }
        }
    }
}

fn tell(before: Option<&PublishedState>, after: &PublishedState) {
    for change in story::changes(before, after) {
        match (change.adapter, change.alarming) {
            (Some((adapter, port)), false) => tracing::info!(adapter, port, "{}", change.text),
            (Some((adapter, port)), true) => tracing::warn!(adapter, port, "{}", change.text),
            (None, false) => tracing::info!("{}", change.text),
            (None, true) => tracing::warn!("{}", change.text),
        }
    }
}
