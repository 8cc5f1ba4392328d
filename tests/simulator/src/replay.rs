//! Replays recorded exchanges and compares what comes back: the same check for the simulator and
//! for a real server.
//!
//! # What is replayed
//!
//! Health, tokens, users, adapters, and the first `GET /api/v1/shares`, in the recorded order and
//! pace. Everything else is skipped, with the reason in the report: stores and shares need folders,
//! and are compared by [`script`](crate::script).
//!
//! # What is compared
//!
//! Status, content type, and the body: texts to the letter, JSON value by value with the same
//! fields. Tokens and uptimes are only compared in kind. Identifiers are compared by which are the
//! same over the whole recording, moments by which are the same in one body and how they are written.
//!
//! # Ports
//!
//! The recording names fixed ports. A simulator of our own gets free ports instead, which are
//! translated both ways, so that the check needs neither privileges nor those very ports. A server
//! that already runs is spoken to with the recorded ports, but for the API's own.
//!
//! # Assumptions
//!
//! The server has just had its first boot: the recording begins there, and it ends with adapters
//! and users changed. So a server can be checked once.

pub(crate) mod client;
pub(crate) mod compare;
pub(crate) mod numbers;
mod recording;
mod session;
pub(crate) mod tokens;

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    Simulator, SimulatorOptions, StartError,
    config::{ConfigError, ServerConfig},
    ids,
    ports::free_ports,
};
use recording::Case;
use session::Session;

/// What is checked against the recording.
#[derive(Debug, Clone)]
pub enum Target {
    /// A simulator, started for the occasion and stopped afterwards.
    Fresh,
    /// A server that runs, just booted for the first time.
    Running {
        /// Its API, such as `http://127.0.0.1:8080`.
        base_url: String,
        /// The password of its user `admin`.
        admin_password: String,
    },
}

/// What a replay showed.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many cases were replayed.
    pub replayed: usize,
    /// Which were not, and why.
    pub skipped: Vec<Skipped>,
    /// Which came back different.
    pub mismatches: Vec<Mismatch>,
}

/// A case that was not replayed.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// Its line in the recording, from 1.
    pub line: usize,
    /// Its name.
    pub case: String,
    /// Why not.
    pub reason: String,
}

/// A case that came back different.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// Its line in the recording, from 1.
    pub line: usize,
    /// Its name.
    pub case: String,
    /// Each difference, with its place.
    pub differences: Vec<String>,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The recording is missing or not readable.
    #[error("cannot read the recording {}: {source}; check the path", path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of the recording is not an exchange.
    #[error("line {line} of the recording is no exchange: {source}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The URL of the running server.
    #[error("cannot use the base URL {0:?}; write it like http://127.0.0.1:8080")]
    BaseUrl(String),
    /// There were no free ports.
    #[error("cannot find free ports for a simulator: {0}")]
    Ports(io::Error),
    /// The simulator did not start.
    #[error("the simulator to check did not start: {0}")]
    Start(#[from] StartError),
    /// Its configuration, which is ours.
    #[error("the simulator to check did not take its configuration: {0}")]
    Config(#[from] ConfigError),
    /// The first administrator cannot log in.
    #[error("the server refused the first administrator with {0}; check the password")]
    LoginRefused(u16),
    /// No answer at all.
    #[error("case {case:?} (line {line}) got no answer: {reason}; is the server still there?")]
    NoAnswer {
        /// The line, from 1.
        line: usize,
        /// The case.
        case: String,
        /// What happened instead.
        reason: String,
    },
}

/// The ports that the recording names besides the API's: both adapters', and the one that `smb`
/// moves to.
const RECORDED_PORTS: [u16; 3] = [12049, 1445, 1446];
const RECORDED_API_PORT: u16 = 8080;

/// Replays a recording: one exchange a line, as JSON.
pub async fn replay(recording: &Path, target: Target) -> Result<Report, ReplayError> {
    let text = std::fs::read_to_string(recording).map_err(|source| ReplayError::Unreadable {
        path: recording.to_owned(),
        source,
    })?;
    let cases = recording::parse(&text)?;
    match target {
        Target::Fresh => replay_fresh(cases).await,
        Target::Running {
            base_url,
            admin_password,
        } => {
            let (address, port) = authority(&base_url)?;
            let ports = BTreeMap::from([(RECORDED_API_PORT, port)]);
            replay_cases(cases, Session::new(address, admin_password, ports)).await
        }
    }
}

async fn replay_fresh(cases: Vec<Case>) -> Result<Report, ReplayError> {
    let free = free_ports(RECORDED_PORTS.len()).map_err(ReplayError::Ports)?;
    let mut ports: BTreeMap<u16, u16> = RECORDED_PORTS.into_iter().zip(free).collect();
    let adapters = [("nfs", ports[&12049]), ("smb", ports[&1445])];
    let options = SimulatorOptions {
        initial_adapters: adapters
            .map(|(kind, port)| (kind.to_owned(), port))
            .to_vec(),
        ..SimulatorOptions::default()
    };
    let config = ServerConfig::from_yaml("controlplane: {port: 0}")?;
    let folder = std::env::temp_dir().join(format!("dittofs-replay-{}", ids::fresh()));
    let simulator = Simulator::start(&config, &folder, options).await?;
    ports.insert(RECORDED_API_PORT, simulator.addr().port());
    let password = Simulator::ADMIN_PASSWORD.to_owned();
    let session = Session::new(simulator.addr().to_string(), password, ports);
    let report = replay_cases(cases, session).await;
    simulator.stop().await;
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(folder = %folder.display(), %error, "a temporary folder stays behind");
    }
    report
}

async fn replay_cases(cases: Vec<Case>, mut session: Session) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in cases {
        if let Some(reason) = case.not_replayed() {
            let Case { line, name, .. } = case;
            report.skipped.push(Skipped {
                line,
                case: name,
                reason: reason.to_owned(),
            });
            continue;
        }
        let differences = session.play(&case).await?;
        report.replayed += 1;
        if !differences.is_empty() {
            let Case { line, name, .. } = case;
            report.mismatches.push(Mismatch {
                line,
                case: name,
                differences,
            });
        }
    }
    Ok(report)
}

/// Host and port of a plain HTTP URL.
pub(crate) fn authority(base_url: &str) -> Result<(String, u16), ReplayError> {
    let parse = || {
        let uri: hyper::Uri = base_url.parse().ok()?;
        let plain = uri.scheme_str() == Some("http") && uri.path() == "/";
        let port = uri.port_u16().unwrap_or(80);
        plain.then(|| Some((format!("{}:{port}", uri.host()?), port)))?
    };
    parse().ok_or_else(|| ReplayError::BaseUrl(base_url.to_owned()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (skipped, mismatched) = (self.skipped.len(), self.mismatches.len());
        writeln!(
            f,
            "{} replayed, {mismatched} different, {skipped} skipped",
            self.replayed
        )?;
        for Mismatch {
            line,
            case,
            differences,
        } in &self.mismatches
        {
            writeln!(f, "line {line}, {case}:")?;
            for difference in differences {
                writeln!(f, "  {difference}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
