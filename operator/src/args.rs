//! The command line and the environment.

use clap::{Parser, Subcommand};
use dittofs_operator::brake::Limit;
use dittofs_operator::logging::LogFormat;
use dittofs_operator::scope::{self, Scope};
use dittofs_shared::Duration;
use std::net::SocketAddr;

use crate::VERSION;

/// Runs DittoFS file servers on Kubernetes.
#[derive(Parser)]
#[command(version, name = "dittofs-operator")]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Watches DittoServers and makes what they ask for.
    Run(Box<RunArguments>),
    /// Prints the CustomResourceDefinition.
    Crd,
    /// Prints what every field of a DittoServer does, as Markdown.
    Reference,
    /// Prints the version.
    Version,
}

#[derive(clap::Args)]
pub struct RunArguments {
    /// Image of the sidecar for every DittoServer that names none.
    #[arg(long, env = "DITTOFS_OPERATOR_SIDECAR_IMAGE", default_value_t = format!("ghcr.io/dittofs/dittofs-sidecar:{VERSION}"))]
    pub sidecar_image: String,

    /// Address for /livez, /readyz and /metrics.
    #[arg(long, env = "DITTOFS_OPERATOR_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// How many DittoServers are looked at side by side.
    #[arg(long, env = "DITTOFS_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// How many servers may be out of service at a time because the operator restarts them: a number, or a percentage of the
    /// DittoServers that it looks after, rounded down, and at least one. The next restart waits until a server is ready again.
    #[arg(long, env = "DITTOFS_OPERATOR_MAX_RESTARTS", default_value_t = Limit::Percent(10))]
    pub max_restarts: Limit,

    /// Whether to wait for a Lease before writing anything, so that several operators can run side by side.
    #[arg(long, env = "DITTOFS_OPERATOR_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,

    /// How long the ConfigMap with a former configuration of a server is kept when no pod mounts it any more.
    #[arg(
        long,
        env = "DITTOFS_OPERATOR_KEEP_UNUSED_CONFIG",
        default_value = "10m"
    )]
    pub keep_unused_config: Duration,

    /// Namespace of the Lease. Without it, the namespace that the client runs in.
    #[arg(long, env = "DITTOFS_OPERATOR_LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// Name of the Lease. Without it, `dittofs-operator`, followed by a hash when there are namespaces or a selector,
    /// so that operators with different ones do not wait for each other.
    #[arg(long, env = "DITTOFS_OPERATOR_LEASE_NAME")]
    pub lease_name: Option<String>,

    /// A namespace to look after. Can be given several times, or several with commas between them. Without it, all.
    #[arg(long, env = "DITTOFS_OPERATOR_NAMESPACES", value_delimiter = ',', value_parser = scope::namespace)]
    pub namespace: Vec<String>,

    /// Labels of the DittoServers to look after, such as `shard=1` or `shard in (1,2),!trial`. Without it, all.
    #[arg(long, env = "DITTOFS_OPERATOR_SELECTOR", default_value = "")]
    pub selector: String,

    /// Name of this candidate for the Lease. Without it, the name of the host, which in a pod is that of the pod.
    #[arg(long, env = "DITTOFS_OPERATOR_IDENTITY")]
    pub identity: Option<String>,

    /// Format of the log.
    #[arg(long, env = "DITTOFS_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,

    /// What is logged: a level, or directives such as `info,kube=debug`.
    #[arg(long, env = "DITTOFS_OPERATOR_LOG", default_value = "info")]
    pub log: String,
}

impl RunArguments {
    /// The part of the cluster to look after.
    pub fn scope(&self) -> Scope {
        Scope::new(self.namespace.iter().cloned(), &self.selector)
    }
}
