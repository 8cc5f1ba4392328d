//! The Go operator on the same kind of control plane, where its program is given.

use super::Error;
use super::figures::Key;
use super::greenfield::{self, Greenfield};
use super::ground::Ground;
use super::instances;
use super::process;
use super::report::Report;
use dittofs_rig::command;
use std::path::Path;
use std::process::{Child, Stdio};

struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets it make so many instances, beside what ours took.
///
/// # Errors
/// It does not.
pub async fn measure(
    ground: &Ground<'_>,
    program: &Path,
    crd: Option<&Path>,
    count: usize,
    report: &mut Report,
) -> Result<(), Error> {
    if let Some(crd) = crd {
        let words = ["apply", "--server-side", "--force-conflicts", "-f"];
        command::run(ground.cluster.kubectl(words).arg(crd))?;
    }
    let program = std::path::absolute(program)?;
    let log = std::fs::File::create(ground.cluster.state_dir().join("log/peer.log"))?;
    let child = ground
        .cluster
        .program(&program)
        .args(["--enable-webhooks=false", "--health-probe-bind-address=0"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let peer = Peer(child);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let id = peer.0.id();
    let before = process::memory(id)?.resident;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let places = instances::places("peer", count);
    let found = greenfield::wait_stateful_sets(ground, &format!("{name}/"), &places).await?;
    let after = process::memory(id)?.resident;
    println!(
        "    the Go operator: last StatefulSet after {:.1} s, p50 {:.1} s, {} requests, {} writes, {before:.1} to {after:.1} MiB, {:.1} s of a processor",
        found.last_stateful_set,
        found.stateful_sets.p50(),
        found.tally.all,
        found.tally.writes,
        process::processor_time(id)?,
    );
    compare(&found, count, report);
    Ok(())
}

fn compare(peer: &Greenfield, count: usize, report: &mut Report) {
    let Some(ours) = report.get(Key::GreenfieldLast) else {
        return;
    };
    let note = format!(
        "({count} instances, Go operator {:.1} s)",
        peer.last_stateful_set
    );
    report.value(Key::GreenfieldPeer, ours / peer.last_stateful_set, note);
}
