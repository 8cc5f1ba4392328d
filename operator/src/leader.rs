//! Who may write: the holder of a Lease.
//!
//! # Guarantees
//! * Work begins only while the Lease is held, and is dropped before another candidate can take it: the holder gives up
//!   [`GIVE_UP`] after the moment *before* its last successful renewal, and others wait for [`DURATION`] after they
//!   last saw a change. The clocks of two machines are never compared.
//! * A candidate that loses the Lease becomes a standby again. It does not exit.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the Lease is written here, with the time of its renewal"
)]

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use dittofs_operator_core::outcome::code;
use dittofs_runtime::api_error::ApiError;

/// How long a Lease is valid without renewal.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long after its last renewal the holder stops writing.
pub const GIVE_UP: Duration = Duration::from_secs(10);
/// Time between two renewals.
pub const RENEWAL: Duration = Duration::from_secs(5);
/// Time between two polls of a standby.
const POLL: Duration = Duration::from_secs(2);
/// Deadline of one request for the Lease. Shorter than [`RENEWAL`]: a request that hangs must not cost the next renewal.
const LEASE_DEADLINE: Duration = Duration::from_secs(4);

/// A candidate for the Lease.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
}

/// What a standby has seen of the Lease, by its own clock.
struct Seen {
    resource_version: Option<String>,
    at: Instant,
}

impl Candidate {
    /// `identity` must be unlike that of every other candidate, such as the name of the pod.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity,
        }
    }

    /// Waits for the Lease, works, and returns to standby when the Lease is lost. Ends when the work ends by itself.
    pub async fn lead<W>(&self, mut work: impl FnMut() -> W) -> W::Output
    where
        W: Future,
    {
        loop {
            let (lease, renewed) = self.acquire().await;
            tracing::info!(lease = self.name, identity = self.identity, "became leader");
            tokio::select! {
                output = work() => return output,
                () = self.hold(lease, renewed) => {
                    tracing::warn!(lease = self.name, "lost the Lease: standing by");
                }
            }
        }
    }

    /// Releases the Lease, so that a standby need not wait. Does nothing when another candidate holds it.
    pub async fn release(&self) {
        let released = async {
            let mut lease = self.api.get(&self.name).await?;
            if holder(&lease) != Some(&self.identity) {
                return Ok(());
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
                spec.renew_time = Some(MicroTime(jiff::Timestamp::now()));
            }
            self.api
                .replace(&self.name, &PostParams::default(), &lease)
                .await
                .map(drop)
        };
        if let Ok(Err(error)) = timeout(Duration::from_millis(700), released).await {
            let error: kube::Error = error;
            tracing::warn!(error = %ApiError(&error), "cannot release the Lease: a standby waits until it expires");
        }
    }

    async fn acquire(&self) -> (Lease, Instant) {
        let mut seen = Seen {
            resource_version: None,
            at: Instant::now(),
        };
        let mut logged = String::new();
        loop {
            let began = Instant::now();
            let obstacle = match timeout(LEASE_DEADLINE, self.try_acquire(&mut seen)).await {
                Ok(Ok(Some(lease))) => return (lease, began),
                Ok(Ok(None)) => "another operator holds the Lease".to_owned(),
                Ok(Err(error)) => ApiError(&error).to_string(),
                Err(_) => "the API server does not answer".to_owned(),
            };
            // Logged once for each reason: an operator may be a standby for months.
            if obstacle != logged {
                tracing::info!(lease = self.name, obstacle, "standing by");
                logged = obstacle;
            }
            sleep(POLL).await;
        }
    }

    async fn try_acquire(&self, seen: &mut Seen) -> kube::Result<Option<Lease>> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let metadata = ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            };
            let mut lease = Lease {
                metadata,
                spec: None,
            };
            self.take(&mut lease);
            return taken(self.api.create(&PostParams::default(), &lease).await);
        };
        if seen.resource_version != lease.metadata.resource_version {
            *seen = Seen {
                resource_version: lease.metadata.resource_version.clone(),
                at: Instant::now(),
            };
        }
        if !may_take(&lease, &self.identity, seen.at.elapsed()) {
            return Ok(None);
        }
        self.take(&mut lease);
        taken(
            self.api
                .replace(&self.name, &PostParams::default(), &lease)
                .await,
        )
    }

    fn take(&self, lease: &mut Lease) {
        let now = MicroTime(jiff::Timestamp::now());
        let previous = lease.spec.take().unwrap_or_default();
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(
                previous
                    .lease_transitions
                    .unwrap_or_default()
                    .saturating_add(1),
            ),
            ..LeaseSpec::default()
        });
    }

    /// Renews until that has failed for too long, or another candidate holds the Lease.
    async fn hold(&self, mut lease: Lease, mut renewed: Instant) {
        loop {
            let limit = renewed + GIVE_UP;
            sleep_until((renewed + RENEWAL).max(Instant::now() + POLL).min(limit)).await;
            let began = Instant::now();
            if began >= limit {
                return;
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.renew_time = Some(MicroTime(jiff::Timestamp::now()));
            }
            let parameters = PostParams::default();
            let request = self.api.replace(&self.name, &parameters, &lease);
            match timeout_at(limit.min(began + LEASE_DEADLINE), request).await {
                Ok(Ok(held)) => (lease, renewed) = (held, began),
                Ok(Err(error)) if is_outdated(&error) => {
                    let Ok(Ok(current)) = timeout_at(limit, self.api.get(&self.name)).await else {
                        continue;
                    };
                    if holder(&current) != Some(&self.identity) {
                        return;
                    }
                    lease = current;
                }
                Ok(Err(error)) => {
                    let error = ApiError(&error);
                    tracing::warn!(%error, lease = self.name, "cannot renew the Lease; retrying");
                }
                Err(_) => tracing::warn!(
                    lease = self.name,
                    "cannot renew the Lease in time; retrying"
                ),
            }
        }
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref()
}

/// Whether a candidate may take the Lease, which has not changed for `unchanged`.
fn may_take(lease: &Lease, identity: &str, unchanged: Duration) -> bool {
    let is_free = holder(lease).is_none_or(|holder| holder.is_empty() || holder == identity);
    let spec = lease.spec.as_ref();
    let duration = spec.and_then(|spec| spec.lease_duration_seconds);
    let duration = duration.and_then(|seconds| u64::try_from(seconds).ok());
    is_free || unchanged >= Duration::from_secs(duration.unwrap_or_default())
}

/// Another candidate was faster, which is no error.
fn taken(result: kube::Result<Lease>) -> kube::Result<Option<Lease>> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == code::CONFLICT => Ok(None),
        Err(error) => Err(error),
    }
}

/// The Lease is not the one that was sent: changed, deleted, or created by another candidate.
fn is_outdated(error: &kube::Error) -> bool {
    let codes = [code::CONFLICT, code::NOT_FOUND];
    matches!(error, kube::Error::Api(status) if codes.contains(&status.code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    const ME: &str = "operator-0";

    fn lease(holder: Option<&str>, seconds: Option<i32>) -> Lease {
        Lease {
            metadata: ObjectMeta::default(),
            spec: Some(LeaseSpec {
                holder_identity: holder.map(str::to_owned),
                lease_duration_seconds: seconds,
                ..LeaseSpec::default()
            }),
        }
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_ours_or_unchanged_for_its_duration() {
        let other = Some("operator-1");
        for (holder, seconds, unchanged, expected) in [
            (None, Some(15), 0, true),
            (Some(""), Some(15), 0, true),
            (Some(ME), Some(15), 0, true),
            (other, Some(15), 0, false),
            (other, Some(15), 14, false),
            (other, Some(15), 15, true),
            (other, Some(1), 1, true),
            (other, None, 0, true),
            (other, Some(-1), 0, true),
        ] {
            let lease = lease(holder, seconds);
            let unchanged = Duration::from_secs(unchanged);
            let taken = may_take(&lease, ME, unchanged);
            assert_eq!(taken, expected, "{holder:?} {seconds:?} {unchanged:?}");
        }
        let without_spec = Lease::default();
        assert!(may_take(&without_spec, ME, Duration::ZERO));
    }

    #[test]
    fn a_lease_that_another_candidate_created_or_changed_is_not_taken() {
        let answer = |reason: &str, code| {
            let status = Status::failure("no", reason).with_code(code);
            taken(Err(kube::Error::Api(status.boxed())))
        };
        assert!(answer("AlreadyExists", 409).unwrap().is_none());
        assert!(answer("Conflict", 409).unwrap().is_none());
        assert!(answer("", 409).unwrap().is_none());
        assert!(answer("Forbidden", 403).is_err());
        assert!(answer("NotFound", 404).is_err());
    }
}
