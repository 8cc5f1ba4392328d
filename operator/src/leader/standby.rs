//! What a standby knows of the Lease, and what it waits for until it looks at the Lease again.
//!
//! A standby watches the Lease, so that one that is released is taken at once. Nothing is concluded from the watch but
//! when to look: the Lease is read and written as without a watch. While the watch is silent or refused, the standby
//! polls.

use futures::StreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{LEASE_DEADLINE, RENEWAL, is_free};
use dittofs_runtime::api_error::ApiError;

/// Time between two polls of a standby without a watch.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// A watch that shows no renewal for this long may be broken, or the holder is.
const SILENCE: Duration = RENEWAL.saturating_add(POLL);

/// What a standby has seen of the Lease, by its own clock.
pub(super) struct Seen {
    resource_version: Option<String>,
    /// When it was first seen like that.
    at: Instant,
    /// How long it is valid from then on, unless it changes.
    valid: Duration,
    /// Whether that the Lease cannot be watched has been logged.
    is_refused: bool,
}

/// What came of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// The Lease may be free.
    MayBeFree,
    /// It showed nothing for too long, or ended.
    Silent,
}

impl Seen {
    /// Before the first look.
    pub(super) fn nothing() -> Self {
        Self {
            resource_version: None,
            at: Instant::now(),
            valid: Duration::ZERO,
            is_refused: false,
        }
    }

    /// Notes what the Lease is at this moment.
    pub(super) fn see(&mut self, lease: &Lease, now: Instant) {
        if self.resource_version != lease.metadata.resource_version {
            self.resource_version
                .clone_from(&lease.metadata.resource_version);
            self.at = now;
        }
        self.valid = valid_for(lease);
    }

    /// Whether the Lease has not changed for as long as it is valid.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= self.valid
    }

    /// When the Lease is polled next. One that expires earlier is looked at when it does.
    fn next_poll(&self, now: Instant) -> Instant {
        let (poll, expiry) = (now + POLL, self.at + self.valid);
        if expiry > now { poll.min(expiry) } else { poll }
    }

    /// Until when a watch is relied on.
    fn end_of_trust(&self) -> Instant {
        self.at + SILENCE.min(self.valid)
    }

    /// Returns when the Lease is to be looked at again.
    pub(super) async fn wait(&mut self, api: &Api<Lease>, name: &str) {
        if let Some(version) = self.resource_version.clone()
            && Instant::now() < self.end_of_trust()
        {
            match self.watch(api, name, &version).await {
                Ok(Watched::MayBeFree) => return,
                Ok(Watched::Silent) => {}
                Err(error) => self.refused(name, &error),
            }
        }
        sleep_until(self.next_poll(Instant::now())).await;
    }

    async fn watch(
        &mut self,
        api: &Api<Lease>,
        name: &str,
        version: &str,
    ) -> kube::Result<Watched> {
        let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
        let Ok(events) = timeout(LEASE_DEADLINE, api.watch(&parameters, version)).await else {
            return Ok(Watched::Silent);
        };
        let mut events = pin!(events?);
        self.is_refused = false;
        while let Ok(Some(event)) = timeout_at(self.end_of_trust(), events.next()).await {
            match event? {
                WatchEvent::Added(lease) | WatchEvent::Modified(lease) => {
                    self.see(&lease, Instant::now());
                    if is_free(&lease) {
                        return Ok(Watched::MayBeFree);
                    }
                }
                WatchEvent::Deleted(_) => return Ok(Watched::MayBeFree),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
            }
        }
        Ok(Watched::Silent)
    }

    /// Logged once: a standby may be one for months.
    fn refused(&mut self, lease: &str, error: &kube::Error) {
        if !self.is_refused {
            let error = ApiError(error);
            tracing::info!(%error, lease, "cannot watch the Lease: reading it every {POLL:?}");
            self.is_refused = true;
        }
    }
}

/// How long a Lease is valid that does not change.
fn valid_for(lease: &Lease) -> Duration {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn lease(version: &str, seconds: Option<i32>) -> Lease {
        Lease {
            metadata: ObjectMeta {
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some("operator-1".to_owned()),
                lease_duration_seconds: seconds,
                ..LeaseSpec::default()
            }),
        }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_expires_when_it_has_not_changed_for_its_duration() {
        for (seconds, unchanged, expected) in [
            (Some(15), 0, false),
            (Some(15), 14, false),
            (Some(15), 15, true),
            (Some(1), 1, true),
            (None, 0, true),
            (Some(-1), 0, true),
        ] {
            let (mut seen, began) = (Seen::nothing(), Instant::now());
            seen.see(&lease("1", seconds), began);
            seen.see(&lease("1", seconds), began + secs(unchanged));
            let expired = seen.has_expired(began + secs(unchanged));
            assert_eq!(expired, expected, "{seconds:?} {unchanged}");
        }
    }

    #[test]
    fn a_renewal_begins_the_duration_anew_by_the_own_clock() {
        let (mut seen, began) = (Seen::nothing(), Instant::now());
        seen.see(&lease("1", Some(15)), began);
        seen.see(&lease("2", Some(15)), began + secs(14));
        assert!(!seen.has_expired(began + secs(28)));
        assert!(seen.has_expired(began + secs(29)));
    }

    #[test]
    fn an_expiry_before_the_next_poll_is_waited_for_exactly() {
        let (mut seen, began) = (Seen::nothing(), Instant::now());
        seen.see(&lease("1", Some(15)), began);
        for (at, next) in [(0, 2), (12, 14), (14, 15), (15, 17), (20, 22)] {
            let found = seen.next_poll(began + secs(at));
            assert_eq!(found, began + secs(next), "at {at}");
        }
    }

    #[test]
    fn a_watch_is_relied_on_until_a_renewal_is_overdue_and_never_past_the_expiry() {
        for (seconds, trusted) in [(15, 7), (7, 7), (3, 3), (0, 0)] {
            let (mut seen, began) = (Seen::nothing(), Instant::now());
            seen.see(&lease("1", Some(seconds)), began);
            assert_eq!(seen.end_of_trust(), began + secs(trusted), "{seconds}");
        }
    }
}
