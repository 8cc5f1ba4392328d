//! Reading a watch for ever.

use futures::{Stream, StreamExt as _};
use kube::runtime::watcher;
use std::time::Duration;

/// How long to wait before asking again for what we may not read. Rights change rarely, and nobody is served by asking
/// often.
pub(super) const FORBIDDEN_RETRY: Duration = Duration::from_mins(10);

/// An outage of one watch: told when it begins and when it ends, not on every try.
pub(super) struct Outage {
    kind: String,
    failures: u32,
}

impl Outage {
    pub fn of(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            failures: 0,
        }
    }

    /// The watch works.
    pub fn over(&mut self) {
        if self.failures > 0 {
            let (kind, failures) = (&self.kind, self.failures);
            tracing::info!(kind, failures, "watch is back");
            self.failures = 0;
        }
    }

    /// The watch does not work.
    pub fn failed(&mut self, error: &watcher::Error) {
        let kind = &self.kind;
        if self.failures == 0 {
            tracing::warn!(kind, %error, "watch failed, trying again with growing delays");
        }
        self.failures = self.failures.saturating_add(1);
    }
}

/// Reads a watch for ever.
pub(super) async fn drain<K, S>(
    kind: String,
    stream: S,
    mut act: impl FnMut(watcher::Event<K>) + Send,
) where
    K: Send,
    S: Stream<Item = watcher::Result<watcher::Event<K>>> + Send,
{
    let mut stream = std::pin::pin!(stream);
    let mut outage = Outage::of(&kind);
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => {
                outage.over();
                act(event);
            }
            Err(error) => outage.failed(&error),
        }
    }
}

/// Whether the API server has refused because we have no right to ask.
pub(super) fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => {
            matches!(error, kube::Error::Api(status) if status.code == 403)
        }
        watcher::Error::WatchError(status) => status.code == 403,
        watcher::Error::NoResourceVersion => false,
    }
}
