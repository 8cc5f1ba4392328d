//! Who may write: the holder of a Lease.
//!
//! # Guarantees
//! * Work begins only while the Lease is held, and is dropped before anybody else can take it: the holder gives up
//!   [`GIVE_UP`] after the moment *before* its last successful renewal, and others wait for [`DURATION`] after they
//!   last saw a change. The clocks of two machines are never compared.
//! * Losing the Lease leads back to standby, not to an exit.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How long a Lease holds without renewal.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long after its last renewal the holder stops to write.
pub const GIVE_UP: Duration = Duration::from_secs(10);
/// Time between two renewals.
pub const RENEWAL: Duration = Duration::from_secs(5);
/// Time between two looks of a standby.
const LOOK: Duration = Duration::from_secs(2);
const REQUEST_DEADLINE: Duration = Duration::from_secs(4);

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
            tracing::info!(lease = self.name, identity = self.identity, "leading");
            tokio::select! {
                output = work() => return output,
                () = self.hold(lease, renewed) => {
                    tracing::warn!(lease = self.name, "the Lease could not be renewed: back to standby");
                }
            }
        }
    }

    /// Gives the Lease back, so that a standby need not wait. Does nothing when another one has it.
    pub async fn release(&self) {
        let given_back = async {
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
        if let Ok(Err(error)) = timeout(Duration::from_millis(700), given_back).await {
            let error: kube::Error = error;
            tracing::warn!(%error, "the Lease could not be given back: a standby waits until it runs out");
        }
    }

    async fn acquire(&self) -> (Lease, Instant) {
        let mut seen = Seen {
            resource_version: None,
            at: Instant::now(),
        };
        let mut said = String::new();
        loop {
            let began = Instant::now();
            let obstacle = match timeout(REQUEST_DEADLINE, self.try_acquire(&mut seen)).await {
                Ok(Ok(Some(lease))) => return (lease, began),
                Ok(Ok(None)) => "another operator leads".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server does not answer".to_owned(),
            };
            // Said once for each reason: a standby may stand by for months.
            if obstacle != said {
                tracing::info!(lease = self.name, obstacle, "standing by");
                said = obstacle;
            }
            sleep(LOOK).await;
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
        let duration = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_duration_seconds)
            .unwrap_or_default();
        let expires = seen.at + Duration::from_secs(duration.max(0).unsigned_abs().into());
        let free =
            holder(&lease).is_none_or(|holder| holder.is_empty() || *holder == self.identity);
        if !free && Instant::now() < expires {
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

    /// Renews until that has not worked for too long, or somebody else has the Lease.
    async fn hold(&self, mut lease: Lease, mut renewed: Instant) {
        loop {
            let limit = renewed + GIVE_UP;
            sleep_until((renewed + RENEWAL).max(Instant::now() + LOOK).min(limit)).await;
            let began = Instant::now();
            if began >= limit {
                return;
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.renew_time = Some(MicroTime(jiff::Timestamp::now()));
            }
            let parameters = PostParams::default();
            let request = self.api.replace(&self.name, &parameters, &lease);
            match timeout_at(limit.min(began + REQUEST_DEADLINE), request).await {
                Ok(Ok(held)) => (lease, renewed) = (held, began),
                Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => {
                    let Ok(Ok(current)) = timeout_at(limit, self.api.get(&self.name)).await else {
                        continue;
                    };
                    if holder(&current) != Some(&self.identity) {
                        return;
                    }
                    lease = current;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, lease = self.name, "renewing the Lease failed, trying again");
                }
                Err(_) => tracing::warn!(
                    lease = self.name,
                    "renewing the Lease took too long, trying again"
                ),
            }
        }
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref()
}

/// That another one was faster is no error.
fn taken(result: kube::Result<Lease>) -> kube::Result<Option<Lease>> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}
