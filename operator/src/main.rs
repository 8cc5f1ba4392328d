//! `dittofs-operator`: arguments and wiring, no decisions.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
// Whether a reconcile may move between threads follows from everything that it awaits, which is nested deeply.
#![recursion_limit = "256"]
#![expect(
    clippy::disallowed_methods,
    reason = "files and the environment are read in main"
)]

mod args;

use args::{Arguments, Command, RunArguments};
use clap::Parser as _;
use dittofs_operator::context::Context;
use dittofs_operator::events::Recorder;
use dittofs_operator::hearing::Hearing;
use dittofs_operator::leader::{Candidate, Fence};
use dittofs_operator::metrics::Metrics;
use dittofs_operator::probes::Probes;
use dittofs_operator::reconcile;
use dittofs_operator::scope::Scope;
use dittofs_operator::watch::{self, Watch};
use dittofs_operator_core::brake::Brake;
use dittofs_operator_core::instance::Defaults;
use dittofs_operator_core::reference::{self, crd};
use dittofs_runtime::client::ClientError;
use dittofs_runtime::listen::listen;
use dittofs_runtime::{client, logging, probe_server, shutdown};
use kube::Client;
use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Name for the API server's audit log, and of the Lease unless another one is given.
const NAME: &str = "dittofs-operator";

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
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
            eprintln!("{NAME}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_crd() -> Result<(), Box<dyn Error + Send + Sync>> {
    print!("{}", crd::yaml()?);
    Ok(())
}

fn run(arguments: Box<RunArguments>) -> Result<(), Box<dyn Error + Send + Sync>> {
    logging::start(arguments.log_format, &arguments.log)?;
    dittofs_runtime::block_on(serve(arguments))?
}

async fn serve(arguments: Box<RunArguments>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = &*arguments;
    let fence = Fence::new(arguments.leader_election);
    let of_lease = client::connect(NAME).await?;
    let client = behind(&fence).await?;
    let scope = arguments.scope();
    let (lease_namespace, lease) = lease(arguments, &scope, client.default_namespace());
    let metrics = Arc::new(Metrics::default());
    let probes = Arc::new(Probes {
        metrics: Arc::clone(&metrics),
        hearing: Hearing::default(),
        ready: AtomicBool::new(true),
    });
    let probing = serve_probes(arguments, Arc::clone(&probes)).await?;
    log_start(arguments, &scope, &lease, &lease_namespace);
    let identity = identity(arguments);
    let events = Recorder::new(client.clone(), &identity);
    let candidate = Candidate::new(of_lease, &lease_namespace, &lease, identity, fence);
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
    let lead = async {
        watch::check_selector(&client, &scope).await?;
        if arguments.leader_election {
            candidate.lead(work).await;
        } else {
            work().await;
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    };
    tokio::select! {
        ended = lead => ended?,
        never = probing => match never {},
        () = shutdown::requested() => tracing::info!("shutting down"),
    }
    if arguments.leader_election {
        candidate.release().await;
    }
    Ok(())
}

/// Namespace and name of the Lease.
fn lease(arguments: &RunArguments, scope: &Scope, own_namespace: &str) -> (String, String) {
    let namespace = arguments.lease_namespace.clone();
    let name = arguments.lease_name.clone();
    (
        namespace.unwrap_or_else(|| own_namespace.to_owned()),
        name.unwrap_or_else(|| scope.name(NAME)),
    )
}

/// A client that writes only while the fence is open.
async fn behind(fence: &Fence) -> Result<Client, ClientError> {
    let fence = fence.clone();
    client::connect_gated(NAME, move || fence.is_open()).await
}

fn log_start(arguments: &RunArguments, scope: &Scope, lease: &str, lease_namespace: &str) {
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
        "starting {NAME}"
    );
}

/// Binds the address at once, and then serves without end.
async fn serve_probes(
    arguments: &RunArguments,
    probes: Arc<Probes>,
) -> Result<impl Future<Output = Infallible> + use<>, String> {
    let address = arguments.listen;
    let listener = listen(address)
        .await
        .map_err(|error| format!("cannot listen on {address} for probes and metrics: {error}"))?;
    let answer = move |path: &str| probes.answer(path);
    Ok(probe_server::serve(listener, answer))
}

/// What the leader does. Dropped when the Lease is lost, and with it every watch and every reconcile in progress.
async fn work(
    client: Client,
    events: Recorder,
    arguments: &RunArguments,
    scope: &Scope,
    metrics: Arc<Metrics>,
    probes: Arc<Probes>,
) {
    let _leading = Leading::begin(&metrics, &probes);
    let told = Arc::clone(&metrics);
    let tell = move |namespace: &str, is_managed| told.managed(namespace, is_managed);
    let mut watch = Watch::start(&client, scope, &probes.hearing, tell);
    watch.synced().await;
    probes.ready.store(true, Ordering::Relaxed);
    tracing::info!(
        kinds = watch.running(),
        dittoservers = watch.caches.servers.len(),
        "caches synced"
    );
    let context = Context {
        client,
        caches: watch.caches.clone(),
        namespaces: watch.namespaces.clone(),
        defaults: Defaults {
            sidecar_image: arguments.sidecar_image.clone(),
            keep_unused_config: arguments.keep_unused_config.into(),
            forbidden: arguments.forbid.iter().copied().collect(),
        },
        metrics: Arc::clone(&metrics),
        brake: Mutex::new(Brake::new(arguments.max_restarts)),
        events,
        wake: watch.wake.clone(),
        secrets: Mutex::default(),
        fleet: Mutex::default(),
        contests: Mutex::default(),
        retries: Mutex::default(),
        begun: Mutex::default(),
        at_rest: Mutex::default(),
        awaited: Mutex::default(),
        turns: Mutex::default(),
    };
    let places = watch.places.clone();
    let (requests, _tasks) = watch.split();
    reconcile::run(Arc::new(context), places, requests, arguments.concurrency).await;
}

/// Keeps probes and metrics up to date with who leads, also when the work is dropped.
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

/// Unlike that of any other candidate, also of an earlier process on the same host.
fn identity(arguments: &RunArguments) -> String {
    let unique = || format!("{}-{:08x}", host_name(), rand::random::<u32>());
    arguments.identity.clone().unwrap_or_else(unique)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| NAME.to_owned(), |name| name.trim().to_owned())
}
