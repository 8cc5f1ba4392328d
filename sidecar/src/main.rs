//! The sidecar's process: arguments, log, signals, wiring. No decisions.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod args;

use args::Args;
use clap::Parser;
use dittofs_runtime::logging::FilterHandle;
use dittofs_runtime::shutdown;
use dittofs_shared::settings::Settings;
use dittofs_sidecar::administration::Administration;
use dittofs_sidecar::cluster::Cluster;
use dittofs_sidecar::credentials::CredentialFiles;
use dittofs_sidecar::http::Http;
use dittofs_sidecar::listening::Listening;
use dittofs_sidecar::poll::Poller;
use dittofs_sidecar::probes::{self, Heartbeat};
use dittofs_sidecar::run::{Parts, run};
use dittofs_sidecar::session::Session;
use dittofs_sidecar::signing_key::SigningKey;
use dittofs_sidecar::tls::{Tls, TlsFiles};
use dittofs_sidecar::{clock, logging, settings};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

/// Exit code of a program that SIGTERM has ended. After exit code 0 the kubelet does not report in the status of the
/// pod why the next sidecar cannot be started, and the operator could not put a wrong image right.
const STOPPED: u8 = 128 + 15;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let tls = args.tls().unwrap_or_else(|error| error.exit());
    let filter = logging::start(args.log_format)?;
    dittofs_runtime::block_on(wire(args, tls, filter))?;
    Ok(ExitCode::from(STOPPED))
}

async fn wire(args: Args, tls: Option<TlsFiles>, filter: FilterHandle) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = args.instance,
        namespace = args.namespace,
        api = %args.api_url,
        "starting dittofs-sidecar"
    );
    let clock = clock::system();
    let cluster = Cluster::new(args.namespace, args.instance);
    let mut http = Http::new(&args.api_url);
    if let Some(files) = tls {
        http = http.with_tls(Tls::new(files));
    }
    let http = Arc::new(http);
    let key = SigningKey::new(args.signing_key);
    let administration = Administration::new(http.clone(), key);
    let own = CredentialFiles::new(args.credentials_dir);
    let session = Session::new(http, own, administration.clone());
    let (settings, followed) = watch::channel(Settings::default());
    let (heartbeat, beats) = watch::channel(Heartbeat::default());
    let (asked, started) = (followed.clone(), clock().wall);
    let parts = Parts {
        poller: Poller::new(session, Listening::default()),
        administration,
        target: &cluster,
        clock: clock.clone(),
        settings: followed.clone(),
        heartbeat,
    };
    tokio::select! {
        () = run(parts, stopped(settings::exit_requested(asked, started))) => {}
        never = settings::follow(&cluster, settings, clock.clone()) => match never {},
        never = logging::follow(filter, followed) => match never {},
        never = probes::serve(args.listen, beats, clock) => match never {},
    }
    tracing::info!("dittofs-sidecar has stopped");
}

/// Until SIGTERM or SIGINT, or until the operator asks for it.
async fn stopped(asked: impl Future<Output = ()>) {
    tokio::select! {
        () = asked => {}
        () = shutdown::requested() => {}
    }
}
