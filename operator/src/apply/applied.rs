//! What came of writing.

use std::time::Duration;

use super::{Change, Failure};
use dittofs_operator_core::contest::Contested;

/// What was written, and what could not be.
#[derive(Debug, Default)]
pub struct Applied {
    /// Objects that changed.
    pub changes: Vec<Change>,
    /// Objects that could not be written.
    pub failures: Vec<Failure>,
    /// Claims that the API server does not allow to grow. They do not fail the reconcile.
    pub refused_growth: Vec<Failure>,
    /// Claims whose owners the API server does not allow to change. They do not fail the reconcile either.
    pub refused_owners: Vec<Failure>,
    /// Objects that others change again and again.
    pub contested: Vec<Contested>,
    /// The next pod would differ from one of the observed StatefulSet. The next reconcile decides whether the pod is
    /// recreated.
    pub template_changed: bool,
    /// When something that was put off is due.
    pub due_in: Option<Duration>,
}

/// How soon what was overtaken is looked at again.
const OVERTAKEN: Duration = Duration::from_secs(2);

impl Applied {
    /// The API server says that an object is no longer what was seen. Its event mostly leads to another reconcile before this. But whatever
    /// stands between may answer with a conflict of its own, which no event follows.
    pub fn overtaken(&mut self) {
        self.due_within(OVERTAKEN);
    }

    /// Something that was put off is due then, or sooner.
    pub fn due_within(&mut self, time: Duration) {
        self.due_in = Some(self.due_in.map_or(time, |due| due.min(time)));
    }

    /// Whether nothing was written and nothing has failed.
    pub fn is_nothing(&self) -> bool {
        let Self {
            changes,
            failures,
            refused_growth,
            refused_owners,
            contested,
            template_changed: _,
            due_in: _,
        } = self;
        changes.is_empty()
            && contested.is_empty()
            && [failures, refused_growth, refused_owners]
                .iter()
                .all(|failures| failures.is_empty())
    }

    pub(super) fn record(&mut self, result: Result<Option<Change>, Failure>) {
        match result {
            Ok(change) => self.changes.extend(change),
            Err(failure) => self.failures.push(failure),
        }
    }

    pub(super) fn record_growth(&mut self, result: Result<Option<Change>, Failure>) {
        match result {
            Err(failure) if failure.error.is_refusal() => self.refused_growth.push(failure),
            result => self.record(result),
        }
    }

    /// Adds what was done beside it.
    pub fn extend(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
        self.failures.append(&mut other.failures);
        self.refused_growth.append(&mut other.refused_growth);
        self.refused_owners.append(&mut other.refused_owners);
        self.contested.append(&mut other.contested);
        self.template_changed |= other.template_changed;
        if let Some(due) = other.due_in {
            self.due_within(due);
        }
    }

    /// What has been done, after the same was tried once more: what failed or is due is as the last attempt found it.
    #[must_use]
    pub fn followed_by(self, mut last: Self) -> Self {
        let mut changes = self.changes;
        changes.append(&mut last.changes);
        Self {
            changes,
            template_changed: self.template_changed || last.template_changed,
            ..last
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_times_the_soonest_counts() {
        let [soon, late] = [1, 600].map(Duration::from_secs);
        let mut applied = Applied::default();
        applied.due_within(late);
        applied.overtaken();
        applied.due_within(late);
        assert_eq!(applied.due_in, Some(OVERTAKEN));
        let mut beside = Applied::default();
        beside.due_within(soon);
        applied.extend(beside);
        applied.extend(Applied::default());
        assert_eq!(applied.due_in, Some(soon));
    }
}
