//! A fresh control plane without a node, for scenarios.

use super::Error;
use super::requests;
use dittofs_rig::audit::{AuditLog, Entry, Mark};
use dittofs_rig::installation;
use dittofs_rig::programs::Programs;
use dittofs_rig::{Caller, Cluster, ClusterOptions};
use kube::Client;
use std::time::{Duration, Instant};

/// User agent of the bench itself.
pub const AGENT: &str = "dittofs-bench/1";
/// How long a program must have asked for nothing before it counts as done.
const STILL: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_hours(1);

/// What a scenario runs on.
pub struct Ground<'a> {
    /// etcd, the API server and its controllers, with our CRD and roles.
    pub cluster: &'a Cluster,
    /// Our programs.
    pub programs: &'a Programs,
    /// An administrator.
    pub client: Client,
}

/// Where etcd keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Etcd {
    /// It waits for the disk, as in production: for latency.
    Durable,
    /// It does not: for throughput, which is then the API server's and ours.
    Fast,
}

/// Runs a scenario on a control plane of its own.
///
/// # Errors
/// The control plane does not come up, or the scenario fails.
pub fn on_fresh<T: Send>(
    name: &str,
    etcd: Etcd,
    programs: &Programs,
    scenario: impl AsyncFnOnce(&Ground<'_>) -> Result<T, Error> + Send,
) -> Result<T, Error> {
    println!("\n== {name}");
    let began = Instant::now();
    let cluster = Cluster::start(&ClusterOptions {
        durable_etcd: etcd == Etcd::Durable,
        ..ClusterOptions::control_plane(name)
    })?;
    installation::apply_manifests(&cluster)?;
    let outcome = cluster.in_network(|| async {
        let ground = Ground {
            cluster: &cluster,
            programs,
            client: cluster.client_as(&Caller::admin().user_agent(AGENT))?,
        };
        scenario(&ground).await
    });
    // What was measured counts, however it ends.
    if let Err(error) = cluster.shutdown() {
        println!("the control plane of {name} has not ended: {error}");
    }
    println!("== {name}: {:.0?}", began.elapsed());
    outcome?
}

impl Ground<'_> {
    /// The record of all requests.
    pub fn audit(&self) -> AuditLog {
        self.cluster.audit()
    }

    /// The requests of a program since then, without those for its Lease.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn requests(&self, agent: &str, since: Mark) -> Result<Vec<Entry>, Error> {
        let mut entries = self.audit().requests_since(since)?;
        entries.retain(|entry| requests::is_of(entry, agent));
        Ok(entries)
    }

    /// Waits until a program has asked for nothing for a while.
    ///
    /// # Errors
    /// It goes on for too long.
    pub async fn settle(&self, agent: &str) -> Result<(), Error> {
        let began = Instant::now();
        let mut mark = self.audit().mark()?;
        let mut last = Instant::now();
        while last.elapsed() < STILL {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let next = self.audit().mark()?;
            if !self.requests(agent, mark)?.is_empty() {
                last = Instant::now();
            }
            mark = next;
            if began.elapsed() > PATIENCE {
                return Err(format!("{agent} goes on asking for things").into());
            }
        }
        Ok(())
    }
}
