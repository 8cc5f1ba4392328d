//! `dittofs-operator`: arguments and wiring, no decisions.

mod args;

use args::{Arguments, Command, RunArguments};
use clap::Parser as _;
use dittofs_operator::events::Recorder;
use dittofs_operator::leader::Candidate;
use dittofs_operator::logging;
use dittofs_operator::metrics::Metrics;
use dittofs_operator::probes::Probes;
use dittofs_operator::reconcile::{self, Context};
use dittofs_operator::scope::Scope;
use dittofs_operator::watch::Watch;
use dittofs_operator_core::brake::Brake;
use dittofs_operator_core::instance::Defaults;
use dittofs_operator_core::reference::{self, crd};
use kube::{Client, Config};
use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LEASE: &str = "dittofs-operator";

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
    let (client, lease_namespace) = client(arguments).await?;
    let scope = arguments.scope();
    let lease = arguments
        .lease_name
        .clone()
        .unwrap_or_else(|| scope.name(LEASE));
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
        max_restarts = %arguments.max_restarts,
        leader_election = arguments.leader_election,
        lease,
        lease_namespace,
        namespaces = arguments.namespace.join(","),
        selector = scope.selector(),
        "dittofs-operator starts"
    );
    let identity = identity(arguments);
    let events = Recorder::new(client.clone(), &identity);
    let candidate = Candidate::new(client.clone(), &lease_namespace, &lease, identity);
    let work = || {
        work(
            client.clone(),
            events.clone(),
            arguments,
            &scope,
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
        .lease_namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    Ok((Client::try_from(config)?, namespace))
}

/// What the leader does. Dropped when the Lease is lost, and with it every watch and every look under way.
async fn work(
    client: Client,
    events: Recorder,
    arguments: &RunArguments,
    scope: &Scope,
    metrics: Arc<Metrics>,
    probes: Arc<Probes>,
) {
    let _leading = Leading::begin(&metrics, &probes);
    let mut watch = Watch::start(&client, scope);
    if watch.synced().await.is_err() {
        tracing::error!("a watch has ended before its copy was complete");
        return;
    }
    probes.ready.store(true, Ordering::Relaxed);
    tracing::info!(
        kinds = watch.running(),
        dittoservers = watch.stores.servers.len(),
        "the copies are complete"
    );
    let context = Context {
        client,
        stores: watch.stores.clone(),
        defaults: Defaults {
            sidecar_image: arguments.sidecar_image.clone(),
            keep_unused_config: arguments.keep_unused_config.into(),
        },
        metrics: Arc::clone(&metrics),
        brake: Mutex::new(Brake::new(arguments.max_restarts)),
        events,
        requests: watch.sender.clone(),
        failures: Mutex::default(),
        turns: Mutex::default(),
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

/// Unlike that of any other candidate, also of an earlier process on the same host.
fn identity(arguments: &RunArguments) -> String {
    let unique = || format!("{}-{:08x}", host_name(), rand::random::<u32>());
    arguments.identity.clone().unwrap_or_else(unique)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(
        |_| "dittofs-operator".to_owned(),
        |name| name.trim().to_owned(),
    )
}
