//! How the rig's own tasks watch: after an outage they are back at once, however long it was.

use kube::runtime::controller::Action;
use kube::runtime::utils::Backoff;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(250);

/// The same short pause each time: there is one client and the API server is ours.
#[derive(Clone, Debug)]
pub(crate) struct FixedDelay;

impl Iterator for FixedDelay {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(PAUSE)
    }
}

impl Backoff for FixedDelay {
    fn reset(&mut self) {}
}

/// What to do after any error: say nothing (the log would drown during outages on purpose) and try
/// again.
pub(crate) fn retry<Object, Problem, Context>(
    _: std::sync::Arc<Object>,
    _: &Problem,
    _: std::sync::Arc<Context>,
) -> Action {
    Action::requeue(PAUSE)
}
