//! With a node: a server, its sidecar, and the operator in pods.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::process;
use super::report::Report;
use super::spread::Spread;
use crate::task::instance::Instance;
use dittofs_rig::installation::{self, Installation, Server};
use dittofs_rig::programs::Programs;
use dittofs_rig::{Cluster, ClusterOptions};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// What this measures.
pub const KEYS: [Key; 6] = [
    Key::EndToEndP50,
    Key::EndToEndP99,
    Key::Ready,
    Key::SidecarMemory,
    Key::SidecarProcessor,
    Key::ServerLog,
];
const NAMESPACE: &str = "bench";
const NAME: &str = "files";
const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Adapter changes.
    pub changes: usize,
    /// Time without changes.
    pub rest: Duration,
}

/// Measures on a cluster of its own, with an etcd that waits for the disk.
///
/// # Errors
/// The server does not become ready.
pub fn measure(
    programs: &Programs,
    dittofs: Option<&Path>,
    amount: Amount,
    report: &mut Report,
) -> Result<(), Error> {
    println!("\n== node");
    let server = dittofs.map_or(Server::Simulator, |path| Server::Program(path.to_owned()));
    let words = match server {
        Server::Program(_) => "real server",
        _ => "simulator",
    };
    let cluster = Cluster::start(&ClusterOptions {
        durable_etcd: true,
        ..ClusterOptions::node("bench")
    })?;
    let installation = installation::install(&cluster, programs, &server)?;
    let measured = cluster.in_network(|| on_node(&cluster, &installation, words, amount, report));
    cluster.shutdown()?;
    measured?
}

async fn on_node(
    cluster: &Cluster,
    installation: &Installation,
    server: &str,
    amount: Amount,
    report: &mut Report,
) -> Result<(), Error> {
    // A removal hold of 0 s, so that it is no part of the figure.
    let spec = json!({
        "image": installation.server_image,
        "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
        "adapterDiscovery": {"removalHold": "0s"},
    });
    let instance = Instance::create(cluster, NAMESPACE, NAME, spec).await?;
    let ready = instance.wait_ready().await?;
    report.value(Key::Ready, ready.as_secs_f64(), format!("({server})"));
    let (changes, answers) = changes(&instance, amount.changes).await?;
    let count = changes.len();
    let note =
        |answer: f64| format!("({server}, {count} changes; DittoFS answers after {answer:.0} ms)");
    report.value(Key::EndToEndP50, changes.p50(), note(answers.p50()));
    report.value(Key::EndToEndP99, changes.p99(), note(answers.p99()));
    rest(&instance, server, amount.rest, report).await
}

/// Port changes and switching on and off in turn: milliseconds from the request to DittoFS to the Service, and to the
/// answer of DittoFS.
async fn changes(instance: &Instance<'_>, count: usize) -> Result<(Spread, Spread), Error> {
    let administrator = instance.administrator().await?;
    let (mut all, mut answers) = (Vec::new(), Vec::new());
    for round in 0..count {
        let change = match round % 4 {
            0 => json!({"port": 1446}),
            1 => json!({"port": 1445}),
            2 => json!({"enabled": false}),
            _ => json!({"enabled": true}),
        };
        let timed = instance.change(&administrator, &change).await?;
        // One change at a time, as an administrator makes them; the pause differs, so that nothing falls in step.
        tokio::time::sleep(Duration::from_millis(400 + (round as u64 * 17) % 100)).await;
        all.push(timed.took.as_secs_f64() * 1000.0);
        answers.push(timed.answered.as_secs_f64() * 1000.0);
    }
    Ok((Spread::new(all), Spread::new(answers)))
}

async fn rest(
    instance: &Instance<'_>,
    server: &str,
    time: Duration,
    report: &mut Report,
) -> Result<(), Error> {
    // What a change sets off goes on for up to two minutes.
    tokio::time::sleep(Duration::from_mins(2)).await;
    let cluster_name = instance.cluster.state_dir().file_name().unwrap_or_default();
    let cluster_name = cluster_name.to_string_lossy();
    let found = process::find(&cluster_name, "dittofs-sidecar")?;
    let sidecar = *found.first().ok_or("no sidecar runs")?;
    let lines = instance.server_log()?.lines().count();
    let processor = process::processor_time(sidecar)?;
    tokio::time::sleep(time).await;
    let processor = process::processor_time(sidecar)? - processor;
    let lines = instance.server_log()?.lines().count().saturating_sub(lines);
    let note = format!("({server}, {} s)", time.as_secs());
    let millicores = processor / time.as_secs_f64() * 1000.0;
    report.value(Key::SidecarProcessor, millicores, &note);
    let memory = process::memory(sidecar)?.resident;
    report.value(Key::SidecarMemory, memory, format!("({server})"));
    let a_day = whole(lines) / time.as_secs_f64() * SECONDS_OF_A_DAY;
    report.value(Key::ServerLog, a_day, &note);
    Ok(())
}
