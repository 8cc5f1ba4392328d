//! `dittofs-operator`: arguments and wiring, no decisions.

use clap::{Parser, Subcommand};
use dittofs_operator::crd;
use dittofs_operator::instance::Defaults;
use dittofs_operator::leader::Candidate;
use dittofs_operator::logging::{self, LogFormat};
use dittofs_operator::metrics::Metrics;
use dittofs_operator::probes::Probes;
use dittofs_operator::reconcile::{self, Context};
use dittofs_operator::reference;
use dittofs_operator::watch::Watch;
use kube::{Client, Config};
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LEASE: &str = "dittofs-operator";

/// Runs DittoFS file servers on Kubernetes.
#[derive(Parser)]
#[command(version, name = "dittofs-operator")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
struct RunArguments {
    /// Image of the sidecar for every DittoServer that names none.
    #[arg(long, env = "DITTOFS_OPERATOR_SIDECAR_IMAGE", default_value_t = format!("ghcr.io/dittofs/dittofs-sidecar:{VERSION}"))]
    sidecar_image: String,

    /// Address for /livez, /readyz and /metrics.
    #[arg(long, env = "DITTOFS_OPERATOR_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// How many DittoServers are looked at side by side.
    #[arg(long, env = "DITTOFS_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,

    /// Whether to wait for a Lease before writing anything, so that several operators can run side by side.
    #[arg(long, env = "DITTOFS_OPERATOR_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    leader_election: bool,

    /// Namespace of the Lease. Without it, the namespace that the client runs in.
    #[arg(long, env = "DITTOFS_OPERATOR_NAMESPACE")]
    namespace: Option<String>,

    /// Name of this candidate for the Lease. Without it, the name of the host, which in a pod is that of the pod.
    #[arg(long, env = "DITTOFS_OPERATOR_IDENTITY")]
    identity: Option<String>,

    /// Format of the log.
    #[arg(long, env = "DITTOFS_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    log_format: LogFormat,

    /// What is logged: a level, or directives such as `info,kube=debug`.
    #[arg(long, env = "DITTOFS_OPERATOR_LOG", default_value = "info")]
    log: String,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Crd => print_crd(),
        Command::Reference => {
            print!("{}", reference::text());
            Ok(())
        }
        Command::Version => {
            println!("{VERSION}");
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dittofs-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_crd() -> Result<(), Box<dyn Error + Send + Sync>> {
    print!("{}", crd::yaml()?);
    Ok(())
}

fn run(arguments: &RunArguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    logging::start(arguments.log_format, &arguments.log)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments))
}

async fn serve(arguments: &RunArguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (client, namespace) = client(arguments).await?;
    let metrics = Arc::new(Metrics::default());
    let probes = Arc::new(Probes {
        metrics: Arc::clone(&metrics),
        ready: AtomicBool::new(true),
    });
    let listener = TcpListener::bind(arguments.listen).await?;
    tracing::info!(
        version = VERSION,
        sidecar_image = arguments.sidecar_image,
        concurrency = arguments.concurrency,
        leader_election = arguments.leader_election,
        namespace,
        "dittofs-operator starts"
    );
    let identity = match &arguments.identity {
        Some(identity) => identity.clone(),
        None => format!("{}-{:08x}", host_name(), rand::random::<u32>()),
    };
    let candidate = Candidate::new(client.clone(), &namespace, LEASE, identity);
    let work = || {
        work(
            client.clone(),
            arguments,
            Arc::clone(&metrics),
            Arc::clone(&probes),
        )
    };
    tokio::select! {
        () = async { if arguments.leader_election { candidate.lead(work).await } else { work().await } } => {}
        () = Arc::clone(&probes).serve(listener) => {}
        () = stopped()? => {
            tracing::info!("dittofs-operator stops");
        }
    }
    if arguments.leader_election {
        candidate.release().await;
    }
    Ok(())
}

/// A client that fails soon instead of trying for minutes: every caller has its own way of trying again.
async fn client(
    arguments: &RunArguments,
) -> Result<(Client, String), Box<dyn Error + Send + Sync>> {
    let mut config = Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    let agent = format!("dittofs-operator/{VERSION}").parse()?;
    config.headers.push((hyper::header::USER_AGENT, agent));
    let namespace = arguments
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    Ok((Client::try_from(config)?, namespace))
}

/// What the leader does. Dropped when the Lease is lost, and with it every watch and every look under way.
async fn work(
    client: Client,
    arguments: &RunArguments,
    metrics: Arc<Metrics>,
    probes: Arc<Probes>,
) {
    let _leading = Leading::begin(&metrics, &probes);
    let watch = Watch::start(&client);
    if watch.synced().await.is_err() {
        tracing::error!("a watch has ended before its copy was complete");
        return;
    }
    probes.ready.store(true, Ordering::Relaxed);
    tracing::info!(
        watches = watch.running(),
        dittoservers = watch.stores.servers.len(),
        "the copies are complete"
    );
    let context = Context {
        client,
        stores: watch.stores.clone(),
        defaults: Defaults {
            sidecar_image: arguments.sidecar_image.clone(),
        },
        metrics: Arc::clone(&metrics),
        failures: Mutex::default(),
    };
    let (requests, _tasks) = watch.split();
    reconcile::run(Arc::new(context), requests, arguments.concurrency).await;
}

/// Tells probes and figures who leads, also when the work is dropped.
struct Leading<'a> {
    metrics: &'a Metrics,
    probes: &'a Probes,
}

impl<'a> Leading<'a> {
    fn begin(metrics: &'a Metrics, probes: &'a Probes) -> Self {
        metrics.leading(true);
        probes.ready.store(false, Ordering::Relaxed);
        Self { metrics, probes }
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.metrics.leading(false);
        self.probes.ready.store(true, Ordering::Relaxed);
    }
}

fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(
        |_| "dittofs-operator".to_owned(),
        |name| name.trim().to_owned(),
    )
}
