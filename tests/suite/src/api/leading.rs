//! Who may write: one operator at a time, and another one soon after.

use dittofs_operator::leader::{Candidate, Fence};
use dittofs_rig::wait_for;
use dittofs_suite::instance::API_DEADLINE;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const LEASE: &str = "leading";
/// Longer than the time between two renewals, and three polls of a standby that cannot watch the Lease.
const WINDOW: Duration = Duration::from_secs(6);

/// A candidate that counts how often its work has begun and how often it was dropped.
struct Operator {
    candidate: Arc<Candidate>,
    begun: Arc<AtomicU32>,
    dropped: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

struct Work(Arc<AtomicU32>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Operator {
    fn start(scene: &Scene, name: &str) -> Self {
        let candidate = Candidate::new(
            scene.client.clone(),
            &scene.namespace,
            LEASE,
            name.to_owned(),
            Fence::new(true),
        );
        let candidate = Arc::new(candidate);
        let (begun, dropped) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let task = tokio::spawn({
            let (candidate, begun, dropped) = (
                Arc::clone(&candidate),
                Arc::clone(&begun),
                Arc::clone(&dropped),
            );
            async move {
                let work = || {
                    begun.fetch_add(1, Ordering::SeqCst);
                    let work = Work(Arc::clone(&dropped));
                    async move {
                        let _work = work;
                        std::future::pending::<()>().await;
                    }
                };
                candidate.lead(work).await;
            }
        });
        Self {
            candidate,
            begun,
            dropped,
            task,
        }
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::SeqCst)
    }

    async fn wait_begun(&self, times: u32) -> Outcome {
        wait_for(
            &format!("the work to begin for the {times}. time"),
            API_DEADLINE,
            || async {
                let begun = self.begun();
                if begun == times {
                    Ok(())
                } else {
                    Err(format!("it has begun {begun} times"))
                }
            },
        )
        .await?;
        Ok(())
    }
}

pub async fn a_standby_waits_and_takes_over_when_the_leader_gives_back(scene: Scene) -> Outcome {
    let first = Operator::start(&scene, "first");
    first.wait_begun(1).await?;
    let second = Operator::start(&scene, "second");
    // That nothing happens can only be seen by waiting.
    tokio::time::sleep(WINDOW).await;
    ensure!(second.begun() == 0, "two lead at once");
    first.task.abort();
    first.candidate.release().await;
    second.wait_begun(1).await?;
    ensure!(first.begun() == 1, "the first has begun again");
    second.task.abort();
    Ok(())
}

pub async fn a_standby_watches_the_lease_and_does_not_poll_it(scene: Scene) -> Outcome {
    let first = Operator::start(&scene, "renewing");
    first.wait_begun(1).await?;
    let mark = scene.world.cluster.audit().mark()?;
    let second = Operator::start(&scene, "watching");
    // That nothing happens can only be seen by waiting.
    tokio::time::sleep(WINDOW).await;
    let audit = scene.world.cluster.audit();
    let mut requests = audit.requests_in(&scene.namespace, mark)?;
    requests.retain(|request| request.resource == "leases");
    let of_standby: Vec<_> = requests
        .iter()
        .map(|request| request.verb.as_str())
        .filter(|verb| *verb != "update")
        .collect();
    ensure!(
        of_standby == ["get", "watch"],
        "a standby asks for more than the Lease and its changes: {of_standby:?}"
    );
    first.task.abort();
    second.task.abort();
    Ok(())
}

pub async fn a_leader_whose_lease_is_taken_stops_and_stands_by(scene: Scene) -> Outcome {
    let operator = Operator::start(&scene, "robbed");
    operator.wait_begun(1).await?;
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let robbed = json!({"spec": {"holderIdentity": "thief"}});
    leases
        .patch(LEASE, &PatchParams::default(), &Patch::Merge(robbed))
        .await?;
    wait_for("the work to be dropped", API_DEADLINE, || async {
        let dropped = operator.dropped.load(Ordering::SeqCst);
        if dropped == 1 {
            Ok(())
        } else {
            Err(format!("it was dropped {dropped} times"))
        }
    })
    .await?;
    // The thief does not renew, so that the Lease runs out.
    operator.wait_begun(2).await?;
    operator.task.abort();
    Ok(())
}
