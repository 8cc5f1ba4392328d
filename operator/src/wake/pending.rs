//! What the next reconcile of one instance has to take into account, and when it may begin.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Causes, Mark, Weight};

/// More changes than this, above those that come steadily, are a flood. What belongs to one instance changes in bursts
/// of fewer.
pub(super) const FLOOD: u64 = 8;
/// So many changes a second are no flood, however long they go on. Between two reconciles there may be few even of many
/// changes a second, so that it is the rate that counts.
pub(super) const STEADY: u64 = 30;
/// Shortest and longest time between the beginnings of two reconciles during a flood, and by how much it grows.
pub(super) const MIN_PACE: Duration = Duration::from_millis(100);
pub(super) const MAX_PACE: Duration = Duration::from_secs(1);
pub(super) const GROWTH: u32 = 3;
/// Parts of a change, so that a short time takes something away, too.
pub(super) const PARTS: u64 = 1000;

/// What the next reconcile of an instance has to take into account.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// What has changed.
    pub(super) changes: HashMap<Mark, Weight>,
    /// A reconcile was asked for.
    pub(super) is_asked: bool,
    /// When the next reconcile is due. `None`: there was none yet.
    pub(super) due: Option<Instant>,
    /// The last reconcile has failed, and the next one is its retry.
    pub(super) is_retry: bool,
    /// When the last reconcile began, if there was one.
    pub(super) began: Option<Instant>,
    /// Changes above those that come steadily, in parts.
    excess: u64,
    /// Shortest time between the beginnings of two reconciles.
    pace: Duration,
    /// Its first reconcile is queued.
    pub(super) is_first_queued: bool,
    /// It was just new: until then, first reconciles of others go first.
    pub(super) deferred_until: Option<Instant>,
}

impl Pending {
    /// Before this moment no reconcile may begin.
    fn not_before(&self, now: Instant) -> Option<Instant> {
        let next = self.began? + self.pace;
        (now < next).then_some(next)
    }

    /// Whether there is a reason not to wait until a reconcile is due.
    pub(super) fn is_pressing(&self) -> bool {
        let least = if self.is_retry {
            Weight::Urgent
        } else {
            Weight::Ordinary
        };
        self.is_asked || self.changes.values().any(|weight| *weight >= least)
    }

    /// Until when what has changed can wait for the first reconciles of others. What users ask for and retries do not wait.
    pub(super) fn deferral(&self, now: Instant) -> Option<Instant> {
        let is_asked = self.is_asked || self.changes.values().any(|one| *one == Weight::Whole);
        let until = self.deferred_until.filter(|until| now < *until)?;
        (!is_asked && !self.is_retry).then_some(until)
    }

    /// Counts the changes since the last reconcile. What is counted is limited, so that the end of a flood is soon seen.
    fn count(&mut self, now: Instant) -> u64 {
        let since = self.began.map_or(Duration::MAX, |began| now - began);
        let steady = u64::try_from(since.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(STEADY * PARTS / 1000);
        let new = self.changes.len() as u64 * PARTS;
        let left = self.excess.saturating_sub(steady);
        self.excess = (left + new).min(2 * FLOOD * PARTS);
        self.excess
    }

    /// What the reconcile that begins now has to take into account. `Err`: there is nothing before this moment.
    pub(super) fn take(&mut self, now: Instant) -> Result<Causes, Instant> {
        let is_first = self.due.is_none();
        if let Some(due) = self.due
            && now < due
            && !self.is_pressing()
        {
            return Err(due);
        }
        if let Some(next) = self.not_before(now) {
            return Err(next);
        }
        self.pace = if self.count(now) > FLOOD * PARTS {
            (self.pace * GROWTH).clamp(MIN_PACE, MAX_PACE)
        } else {
            Duration::ZERO
        };
        self.began = Some(now);
        // What changes while it runs is a reason for another one, unless this one fails, too.
        self.is_retry = false;
        let is_asked = std::mem::take(&mut self.is_asked);
        let changes = std::mem::take(&mut self.changes);
        Ok(Causes {
            is_whole: is_first || is_asked || changes.values().any(|one| *one == Weight::Whole),
        })
    }
}
