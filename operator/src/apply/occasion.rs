//! Why an object is sent.

use dittofs_shared::labels;
use kube::ResourceExt as _;

use super::difference::Difference;
use super::overruled;
use super::request::Put;
use crate::kind::NamespacedKind;
use dittofs_operator_core::outcome::Action;

/// Why an object is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Missing,
    /// Something else was applied before.
    Outdated,
    /// By the annotation.
    Requested,
    /// Others have changed it since.
    Changed,
}

impl Occasion {
    /// Why to send it, unless there is no reason to.
    /// `force`: see [`Writer::force`](super::write::Writer::force).
    pub fn of<K: NamespacedKind>(
        put: &Put<'_, K>,
        live: Option<&K>,
        before: &[Difference],
        force: bool,
    ) -> Option<Self> {
        let Some(live) = live else {
            return Some(Self::Missing);
        };
        let applied = live.annotations().get(labels::APPLIED_HASH);
        let is_ours = applied == Some(put.hash());
        if applied.is_none() && !before.is_empty() {
            // Whoever replaces the whole object takes the annotation off as well.
            Some(Self::Changed)
        } else if !is_ours {
            Some(Self::Outdated)
        } else if force {
            Some(Self::Requested)
        } else if !overruled::is_settled(live, before) {
            Some(Self::Changed)
        } else {
            None
        }
    }

    /// What sending does.
    pub fn action(self) -> Action {
        match self {
            Self::Missing => Action::Created,
            Self::Outdated | Self::Requested | Self::Changed => Action::Updated,
        }
    }

    /// Shown where no field is missing: a field that is says more.
    pub fn reason<K: NamespacedKind>(self, put: &Put<'_, K>) -> &'static str {
        match self {
            Self::Missing => "did not exist",
            // The hash differs because of fields that were desired before.
            Self::Outdated => put.outdated,
            Self::Requested => "re-applied because of the reconcile-now annotation",
            // What is remembered of rewritten fields no longer holds.
            Self::Changed => "no longer rewritten by an admission policy or webhook",
        }
    }
}
