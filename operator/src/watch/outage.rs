//! An outage of one watch, logged when it begins and when it ends, not on every retry.

use kube::runtime::watcher;

use dittofs_operator_core::outcome::code;
use dittofs_runtime::api_error::WatchError;

pub(super) struct Outage {
    what: String,
    failures: u32,
}

impl Outage {
    /// `what` is watched.
    pub fn of(what: String) -> Self {
        Self { what, failures: 0 }
    }

    /// Takes the next event into account.
    pub fn see<T>(&mut self, event: &watcher::Result<T>) {
        let kind = &self.what;
        match event {
            Ok(_) if self.failures == 0 => {}
            Ok(_) => {
                let failures = std::mem::take(&mut self.failures);
                tracing::info!(kind, failures, "watch recovered");
            }
            Err(error) => {
                if self.failures == 0 {
                    let error = WatchError(error);
                    tracing::warn!(kind, %error, "watch failed; retrying with backoff of up to 30 s");
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}

/// Whether the API server refuses because the operator lacks the right.
pub(super) fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => {
            matches!(error, kube::Error::Api(status) if status.code == code::FORBIDDEN)
        }
        watcher::Error::WatchError(status) => status.code == code::FORBIDDEN,
        watcher::Error::NoResourceVersion => false,
    }
}
