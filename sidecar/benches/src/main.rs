//! `dittofs-poll-bench POLLS`: polls as often as asked, without pauses, and prints what that cost.
//!
//! Everything of the sidecar runs that runs in a pod, except that the published state is kept in memory. The server is a
//! fake in a thread of its own. What is printed, separated by spaces: polls, publications, resident memory in KiB after a
//! tenth of the polls, and after all of them, and nanoseconds of a processor for each poll, without those of the server.

mod server;
mod target;

use dittofs_runtime::block_on;
use dittofs_shared::settings::Settings;
use dittofs_sidecar::administration::Administration;
use dittofs_sidecar::clock;
use dittofs_sidecar::credentials::CredentialFiles;
use dittofs_sidecar::http::Http;
use dittofs_sidecar::listening::Listening;
use dittofs_sidecar::poll::Poller;
use dittofs_sidecar::probes::Heartbeat;
use dittofs_sidecar::run::{Parts, run};
use dittofs_sidecar::session::Session;
use dittofs_sidecar::signing_key::SigningKey;
use server::Server;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use target::Memory;
use tokio::sync::watch;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match measure() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dittofs-poll-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<String, Error> {
    let polls: u64 = std::env::args()
        .nth(1)
        .ok_or("usage: dittofs-poll-bench POLLS")?
        .parse()?;
    let folder = std::env::temp_dir().join(format!("dittofs-poll-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let ran = block_on(poll(folder.clone(), polls));
    fs::remove_dir_all(&folder)?;
    ran?
}

async fn poll(folder: std::path::PathBuf, polls: u64) -> Result<String, Error> {
    for (file, text) in [("username", "dittofs-sidecar"), ("password", "secret")] {
        fs::write(folder.join(file), text)?;
    }
    let server = Server::start()?;
    let target = Memory::default();
    let parts = parts(&server, &folder, target.clone())?;
    let warm = polls / 10;
    let mut early = (0, 0);
    let stop = async {
        server.answered(warm).await;
        early = (resident()?, processor()?);
        server.answered(polls).await;
        Ok::<_, Error>((resident()?, processor()?))
    };
    let (end, ended) = tokio::sync::oneshot::channel();
    let stop = async {
        // Nobody waits any more only if the sidecar has ended by itself.
        let _ = end.send(stop.await);
    };
    run(parts, stop).await;
    let late = ended.await??;
    let each = (late.1 - early.1) / (polls - warm).max(1);
    let publications = target.publications();
    Ok(format!(
        "{polls} {publications} {} {} {each}",
        early.0, late.0
    ))
}

fn parts(
    server: &Server,
    folder: &Path,
    target: Memory,
) -> Result<Parts<Memory, impl clock::Clock + use<>>, Error> {
    let http = Arc::new(Http::new(&server.url().parse()?));
    let administration = Administration::new(Arc::clone(&http), SigningKey::new(None));
    let own = CredentialFiles::new(folder);
    let session = Session::new(http, own, administration.clone());
    // As soon as the last poll is done. No setting of the operator can ask for that.
    let settings = Settings {
        polling_interval: Duration::ZERO,
        resync_interval: Duration::ZERO,
        ..Settings::default()
    };
    let (heartbeat, _) = watch::channel(Heartbeat::default());
    let (_, settings) = watch::channel(settings);
    Ok(Parts {
        poller: Poller::new(session, Listening::default()),
        administration,
        target,
        clock: clock::system(),
        settings,
        heartbeat,
    })
}

/// Resident memory of this process in KiB.
fn resident() -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("there is no VmRSS")?.parse()?)
}

/// Nanoseconds that this thread has been running on a processor.
fn processor() -> Result<u64, Error> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next();
    Ok(first.unwrap_or_default().parse()?)
}
