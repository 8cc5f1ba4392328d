//! An outage of one watch: told when it begins and when it ends, not on every try.

use kube::runtime::watcher;

pub(super) struct Outage {
    what: String,
    failures: u32,
}

impl Outage {
    /// `what` is watched.
    pub fn of(what: String) -> Self {
        Self { what, failures: 0 }
    }

    /// What has come of it now.
    pub fn see<T>(&mut self, event: &watcher::Result<T>) {
        let kind = &self.what;
        match event {
            Ok(_) if self.failures == 0 => {}
            Ok(_) => {
                let failures = std::mem::take(&mut self.failures);
                tracing::info!(kind, failures, "watch is back");
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::warn!(kind, %error, "watch failed, trying again with growing delays of up to 30 s");
                }
                self.failures = self.failures.saturating_add(1);
            }
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
