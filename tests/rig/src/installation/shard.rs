//! Operators that share a cluster, each installed from an overlay of the manifests, under its own rights.
//!
//! They run beside the API server. What their Deployments would tell them they are told.

use crate::build::programs::Programs;
use crate::cluster::Cluster;
use crate::installation::{self, Error, NAMESPACE, beside};
use crate::process::command;
use crate::process::launch::Running;

/// One of several operators. It ends when this is dropped.
#[derive(Debug)]
pub struct Shard {
    operator: Option<Running>,
}

/// Applies `manifests/shards/{overlay}`.
///
/// # Errors
/// The API server refuses.
pub fn install(cluster: &Cluster, overlay: &str) -> Result<(), Error> {
    let folder = installation::manifests().join("shards").join(overlay);
    let mut apply = cluster.kubectl(["apply", "--server-side", "-k"]);
    command::run(apply.arg(&folder))?;
    Ok(())
}

impl Shard {
    /// Starts the operator of the Deployment and the account of this name.
    ///
    /// # Errors
    /// There is no such Deployment, or the operator does not start.
    pub fn start(
        cluster: &Cluster,
        programs: &Programs,
        account: &'static str,
    ) -> Result<Self, Error> {
        Self::start_with(cluster, programs, account, &[])
    }

    /// The same, with more in its environment: `NAME=value`.
    ///
    /// # Errors
    /// There is no such Deployment, or the operator does not start.
    pub fn start_with(
        cluster: &Cluster,
        programs: &Programs,
        account: &'static str,
        more: &[String],
    ) -> Result<Self, Error> {
        let variables = "{range .spec.template.spec.containers[0].env[?(@.value)]}{.name}={.value}{\"\\n\"}{end}";
        let output = format!("jsonpath={variables}");
        let mut get = cluster.kubectl(["-n", NAMESPACE, "get", "deployment", account, "-o"]);
        let told = command::run(get.arg(output))?;
        let mut environment: Vec<_> = told.lines().map(str::to_owned).collect();
        environment.extend_from_slice(more);
        let operator = beside::start(cluster, programs, account, account, &environment)?;
        Ok(Self {
            operator: Some(operator),
        })
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.kill();
        }
    }
}
