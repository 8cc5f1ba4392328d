//! The command line and the environment.

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use dittofs_operator::scope::{self, Scope};
use dittofs_operator_core::brake::Limit;
use dittofs_operator_core::instance::Restriction;
use dittofs_runtime::listen::everywhere;
use dittofs_runtime::logging::LogFormat;
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
    /// Runs the operator: reconciles DittoServers.
    Run(Box<RunArguments>),
    /// Prints the CustomResourceDefinition.
    Crd,
    /// Prints the reference of every DittoServer field as Markdown.
    Reference,
    /// Prints the version.
    Version,
}

#[derive(clap::Args)]
pub struct RunArguments {
    /// Sidecar image for every DittoServer that does not set one.
    #[arg(long, env = "DITTOFS_OPERATOR_SIDECAR_IMAGE", default_value_t = format!("ghcr.io/dittofs/dittofs-sidecar:{VERSION}"))]
    pub sidecar_image: String,

    /// Address that serves /livez, /readyz and /metrics. `[::]` is every address of both families, or of IPv4 where the
    /// kernel has no IPv6; `0.0.0.0` is every address of IPv4.
    #[arg(long, env = "DITTOFS_OPERATOR_LISTEN", default_value_t = everywhere(8080))]
    pub listen: SocketAddr,

    /// How many DittoServers are reconciled concurrently.
    #[arg(long, env = "DITTOFS_OPERATOR_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// How many servers may be unavailable at a time because the operator restarts them: a number, or a percentage of
    /// the DittoServers it manages, rounded down and at least one. The next restart waits until a server is ready again.
    #[arg(long, env = "DITTOFS_OPERATOR_MAX_RESTARTS", default_value_t = Limit::Percent(10))]
    pub max_restarts: Limit,

    /// Whether to acquire a Lease before writing anything, so that several replicas of the operator can run.
    #[arg(long, env = "DITTOFS_OPERATOR_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,

    /// How long the ConfigMap with an old server configuration is kept once no pod mounts it.
    #[arg(
        long,
        env = "DITTOFS_OPERATOR_KEEP_UNUSED_CONFIG",
        default_value = "10m"
    )]
    pub keep_unused_config: Duration,

    /// What no DittoServer may have: `service-account` (another ServiceAccount, or annotations of it), `host-path`,
    /// `projected-token`, `privileged` (what the restricted Pod Security Standard forbids). Can be repeated, or be a
    /// comma-separated list. A DittoServer that has it is left unchanged, with ConfigReady=False. Default: nothing.
    #[arg(long, env = "DITTOFS_OPERATOR_FORBID", value_delimiter = ',')]
    pub forbid: Vec<Restriction>,

    /// Namespace of the Lease. Default: the namespace of the operator's pod or of the current kubeconfig context.
    #[arg(long, env = "DITTOFS_OPERATOR_LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// Name of the Lease. Default: `dittofs-operator`, followed by a hash if namespaces or a selector are set, so that
    /// operators with different scopes do not wait for each other.
    #[arg(long, env = "DITTOFS_OPERATOR_LEASE_NAME")]
    pub lease_name: Option<String>,

    /// Namespace to watch. Can be repeated, or be a comma-separated list. Default: all namespaces.
    #[arg(long, env = "DITTOFS_OPERATOR_NAMESPACES", value_delimiter = ',', value_parser = scope::namespace)]
    pub namespace: Vec<String>,

    /// Label selector of the DittoServers to manage, such as `shard=1` or `shard in (1,2),!trial`. Default: all.
    #[arg(long, env = "DITTOFS_OPERATOR_SELECTOR", default_value = "")]
    pub selector: String,

    /// Identity of this candidate for the Lease; must be unique. Default: the host name, which in a pod is the name of
    /// the pod, and a random suffix.
    #[arg(long, env = "DITTOFS_OPERATOR_IDENTITY", value_parser = NonEmptyStringValueParser::new())]
    pub identity: Option<String>,

    /// Format of the log.
    #[arg(long, env = "DITTOFS_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,

    /// Log filter: a level, or directives such as `info,kube=debug`. The default leaves out what the client library logs of
    /// its own: failures a second time, and answers as a whole.
    #[arg(
        long,
        env = "DITTOFS_OPERATOR_LOG",
        default_value = "info,kube_client=off"
    )]
    pub log: String,
}

impl RunArguments {
    /// The part of the cluster to manage.
    pub fn scope(&self) -> Scope {
        Scope::new(self.namespace.iter().cloned(), &self.selector)
    }
}
