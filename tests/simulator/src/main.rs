//! `dfs`: plays the DittoFS server, started by the same command line and environment.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use dittofs_simulator::{
    ConfigError, Environment, Faults, LogFormat, ServerConfig, Settings, Simulator,
    SimulatorOptions, StartError,
};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Plays the DittoFS server's control plane.
#[derive(Parser)]
#[command(name = "dfs", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server. It stays in the foreground, asked to or not.
    Start {
        /// Accepted because the real server needs it.
        #[arg(long)]
        foreground: bool,
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
}

/// Why the program ended with 1.
#[derive(Debug, Error)]
enum Failure {
    #[error("failed to load configuration: {0}")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(
        "DITTOFS_SIMULATOR_FAULTS does not decode: {0}; the crate's documentation shows the form"
    )]
    Faults(#[from] serde_json::Error),
    #[error("ended by a signal before the start was complete")]
    Ended,
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] std::io::Error),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Start { config, .. } = Args::parse().command;
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not through the log: what is wrong may be how to log.
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(path: &Path) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let config = ServerConfig::load(path, &environment)?;
    let settings = Settings::new(&config)?;
    log(&settings);
    // Before the start, so that no signal finds the default action, which kills.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let start = Simulator::start(&config, &settings.state_dir, options(&environment)?);
    let simulator = tokio::select! {
        started = start => started?,
        // The server listens to signals when all its stores are open, and before that they end it.
        _ = terminate.recv() => return Err(Failure::Ended),
        _ = interrupt.recv() => return Err(Failure::Ended),
    };
    tokio::select! {
        _ = terminate.recv() => info!("asked to terminate"),
        _ = interrupt.recv() => info!("interrupted"),
    }
    simulator.stop().await;
    Ok(())
}

fn options(environment: &Environment) -> Result<SimulatorOptions, Failure> {
    let given = |name| environment.get(name).map(str::to_owned);
    Ok(SimulatorOptions {
        // Like every key, it is in the configuration by now.
        secret: None,
        admin_password: given("DITTOFS_ADMIN_INITIAL_PASSWORD"),
        faults: match environment.get("DITTOFS_SIMULATOR_FAULTS") {
            Some(text) => serde_json::from_str::<Faults>(text)?,
            None => Faults::default(),
        },
        ..SimulatorOptions::default()
    })
}

fn log(settings: &Settings) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(settings.log_level)
        .with_target(false);
    match settings.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}
