//! Who may write: the holder of a Lease.
//!
//! # Guarantees
//! * Work begins only while the Lease is held, and is dropped before another candidate can take it: the holder gives up
//!   [`GIVE_UP`] after the moment *before* its last successful renewal, and others wait for [`DURATION`] after they
//!   last saw a change. The clocks of two machines are never compared.
//! * The [`Fence`] is asked before each write is sent: a process that was stopped writes nothing when it goes on too late.
//! * The Lease is taken by replacing what was read, so that the API server refuses it when the holder has renewed it
//!   meanwhile: a standby that is cut off or looks at old data takes nothing.
//! * A candidate that loses the Lease becomes a standby again. It does not exit.
//! * Versions of the Lease only grow. When they go back, the data of the cluster have been restored, or it is another
//!   cluster: the work begins anew, because watches from a version of the future would show nothing.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the Lease is written here, with the time of its renewal"
)]

mod fence;
mod standby;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::cache::Version;
use dittofs_operator_core::outcome::code;
use dittofs_runtime::api_error::ApiError;
pub use fence::Fence;
use standby::{POLL, Seen};

/// How long a Lease is valid without renewal.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long after its last renewal the holder stops writing.
pub const GIVE_UP: Duration = Duration::from_secs(10);
/// Time between two renewals.
pub const RENEWAL: Duration = Duration::from_secs(5);
/// Time between two lines of log about what keeps a candidate from leading.
const LINES: Duration = Duration::from_mins(1);
/// Why a leader begins anew whose Lease has an older version than before.
const RESTORED: &str = "the data of the cluster were restored from a backup";
/// Deadline of one request for the Lease. Shorter than [`RENEWAL`]: a request that hangs must not cost the next renewal.
const LEASE_DEADLINE: Duration = Duration::from_secs(4);

/// A candidate for the Lease.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    fence: Fence,
}

impl Candidate {
    /// `identity` must be unlike that of every other candidate, such as the name of the pod. `client` must not be behind the
    /// fence, which is open only while the Lease is held.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: String,
        fence: Fence,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity,
            fence,
        }
    }

    /// Waits for the Lease, works, and returns to standby when the Lease is lost. Ends when the work ends by itself.
    pub async fn lead<W>(&self, mut work: impl FnMut() -> W) -> W::Output
    where
        W: Future,
    {
        loop {
            let (lease, renewed) = self.acquire().await;
            self.fence.open_until(renewed + GIVE_UP);
            tracing::info!(lease = self.name, identity = self.identity, "became leader");
            tokio::select! {
                output = work() => return output,
                reason = self.hold(lease, renewed) => {
                    self.fence.close();
                    tracing::warn!(lease = self.name, reason, "lost the Lease: standing by");
                }
            }
        }
    }

    /// Releases the Lease, so that a standby need not wait. Does nothing when another candidate holds it.
    pub async fn release(&self) {
        self.fence.close();
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
        let mut seen = Seen::nothing();
        let (mut logged, mut quiet_until) = (String::new(), Instant::now());
        loop {
            let began = Instant::now();
            let obstacle = match timeout(LEASE_DEADLINE, self.try_acquire(&mut seen)).await {
                Ok(Ok(Some(lease))) => return (lease, began),
                Ok(Ok(None)) => "another operator holds the Lease".to_owned(),
                Ok(Err(error)) => ApiError(&error).to_string(),
                Err(_) => "the API server does not answer".to_owned(),
            };
            // Logged once for each reason: an operator may be a standby for months. During an outage reasons alternate.
            if obstacle != logged && began >= quiet_until {
                tracing::info!(lease = self.name, obstacle, "standing by");
                (logged, quiet_until) = (obstacle, began + LINES);
            }
            seen.wait(&self.api, &self.name).await;
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
        seen.see(&lease, Instant::now());
        let is_ours = holder(&lease) == Some(&self.identity);
        if !is_ours && !is_free(&lease) && !seen.has_expired(Instant::now()) {
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

    /// Renews until that has failed for too long, or another candidate holds the Lease. Returns why it ends.
    async fn hold(&self, mut lease: Lease, mut renewed: Instant) -> String {
        let mut trouble = String::new();
        loop {
            let limit = renewed + GIVE_UP;
            sleep_until((renewed + RENEWAL).max(Instant::now() + POLL).min(limit)).await;
            let began = Instant::now();
            if began >= limit {
                return trouble;
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.renew_time = Some(MicroTime(jiff::Timestamp::now()));
            }
            let parameters = PostParams::default();
            let request = self.api.replace(&self.name, &parameters, &lease);
            match timeout_at(limit.min(began + LEASE_DEADLINE), request).await {
                Ok(Ok(held)) if !went_back(&lease, &held) => {
                    (lease, renewed) = (held, began);
                    self.fence.open_until(renewed + GIVE_UP);
                }
                Ok(Ok(_)) => return RESTORED.to_owned(),
                Ok(Err(error)) if is_outdated(&error) => {
                    trouble = ApiError(&error).to_string();
                    let Ok(Ok(current)) = timeout_at(limit, self.api.get(&self.name)).await else {
                        continue;
                    };
                    if let Some(reason) = self.loss(&lease, &current) {
                        return reason;
                    }
                    lease = current;
                }
                Ok(Err(error)) => trouble = ApiError(&error).to_string(),
                Err(_) => "the API server does not answer".clone_into(&mut trouble),
            }
        }
    }

    /// Why the Lease is no longer ours, now that it is not what we have written.
    fn loss(&self, before: &Lease, now: &Lease) -> Option<String> {
        if went_back(before, now) {
            return Some(RESTORED.to_owned());
        }
        let holder = holder(now).map(String::as_str).unwrap_or_default();
        (holder != self.identity).then(|| format!("it is held by {holder:?}"))
    }
}

/// Whether a version is older than the one that was seen before it.
fn went_back(before: &Lease, now: &Lease) -> bool {
    let version = |lease: &Lease| {
        lease
            .metadata
            .resource_version
            .as_deref()
            .map(Version::from)
    };
    let versions = version(before).zip(version(now));
    versions.is_some_and(|(before, now)| now.is_older(&before))
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref()
}

/// Whether nobody holds the Lease.
fn is_free(lease: &Lease) -> bool {
    holder(lease).is_none_or(String::is_empty)
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
mod tests;
