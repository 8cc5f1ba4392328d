//! `cargo xtask measure`: the figures that the project reports, each from one run on this machine.

use super::instance::Instance;
use crate::Outcome;
use dittofs_rig::audit::Entry;
use dittofs_rig::installation::{self, Installation, Server};
use dittofs_rig::programs::Programs;
use dittofs_rig::{Cluster, ClusterOptions, Mode, NodeSupport};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// A DittoFS server program to run in the pod, instead of the simulator.
    #[arg(long, value_name = "PROGRAM")]
    dittofs: Option<PathBuf>,
    /// Number of adapter changes.
    #[arg(long, default_value_t = 20)]
    changes: u32,
    /// Seconds of rest.
    #[arg(long, default_value_t = 300)]
    rest: u64,
}

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Outcome {
    if let NodeSupport::Unavailable(reason) = NodeSupport::check() {
        return Err(format!("this needs a node, and there can be none: {reason}").into());
    }
    let server = arguments
        .dittofs
        .clone()
        .map_or(Server::Simulator, Server::Program);
    let programs = Programs::build()?;
    // With an etcd that waits for the disk, as in production.
    let options = ClusterOptions {
        mode: Mode::Node,
        durable_etcd: true,
        ..ClusterOptions::node("measure")
    };
    let cluster = Cluster::start(&options)?;
    let installation = installation::install(&cluster, &programs, &server)?;
    println!("\nThe DittoFS server is {}.", installation.server);
    sizes(&cluster, &programs)?;
    let measured = cluster.in_network(|| measure(&cluster, &installation, arguments));
    cluster.shutdown()?;
    measured?
}

fn sizes(cluster: &Cluster, programs: &Programs) -> Outcome {
    println!("\n== Sizes");
    for (name, program) in [
        ("operator", &programs.operator),
        ("sidecar", &programs.sidecar),
    ] {
        println!(
            "  {name:<10} program {:>6.2} MiB",
            mebibytes(fs::metadata(program)?.len())
        );
    }
    for entry in fs::read_dir(cluster.state_dir().join("images"))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.contains("dittofs-operator") || name.contains("dittofs-sidecar") {
            println!(
                "  {name:<45} {:>6.2} MiB uncompressed",
                mebibytes(entry.metadata()?.len())
            );
        }
    }
    Ok(())
}

async fn measure(cluster: &Cluster, installation: &Installation, arguments: &Arguments) -> Outcome {
    let spec = json!({
        "image": installation.server_image,
        "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
        "adapterDiscovery": {"removalHold": "0s"},
    });
    let instance = Instance::create(cluster, "measure", "files", spec).await?;
    let ready = instance.wait_ready().await?;
    println!("\n== kubectl apply to Ready=True: {ready:.1?}");
    changes(&instance, arguments.changes).await?;
    rest(cluster, &instance, Duration::from_secs(arguments.rest)).await?;
    println!("\n== Resident memory after the rest");
    for program in ["dittofs-operator", "dittofs-sidecar"] {
        for (id, kibibytes) in resident(cluster, program)? {
            println!(
                "  {program:<17} {:>6.2} MiB (process {id})",
                mebibytes(kibibytes * 1024)
            );
        }
    }
    Ok(())
}

/// Port changes and switching on and off in turn; the removal hold is 0 s, so that it is not part of the figure.
async fn changes(instance: &Instance<'_>, count: u32) -> Outcome {
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
        all.push(timed.took);
        answers.push(timed.answered);
    }
    println!(
        "\n== Adapter change in DittoFS (request sent) to Service committed (audit log), {count} changes"
    );
    spread("", &mut all);
    spread("  until DittoFS has answered", &mut answers);
    Ok(())
}

fn spread(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |part: usize| {
        let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default()
    };
    println!(
        "  p50 {:.0?}   p90 {:.0?}   max {:.0?}{what}",
        at(50),
        at(90),
        at(100)
    );
}

/// Requests to the API server, lines in the server's log, and processor time while nothing changes.
async fn rest(cluster: &Cluster, instance: &Instance<'_>, time: Duration) -> Outcome {
    // What the last change set off is to be over: the sidecar follows it closely for two minutes.
    tokio::time::sleep(Duration::from_secs(130)).await;
    let audit = cluster.audit();
    let mark = audit.mark()?;
    let lines = instance.server_log()?.lines().count();
    let used = processor_times(cluster)?;
    println!("\n== {} s of rest …", time.as_secs());
    tokio::time::sleep(time).await;
    for ((program, before), (_, after)) in used.into_iter().zip(processor_times(cluster)?) {
        let millicores = after.saturating_sub(before).as_secs_f64() / time.as_secs_f64() * 1000.0;
        println!("  {program:<17} {millicores:.2} millicores");
    }
    let more = instance.server_log()?.lines().count() - lines;
    println!("  {more} lines in the log of the server");
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for entry in audit.requests_since(mark)?.into_iter().filter(is_ours) {
        let program = entry
            .user_agent
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let what = format!("{} {}", entry.verb, entry.resource);
        *counts.entry((program, what)).or_default() += 1;
    }
    let writes = |entry: &Entry| is_ours(entry) && entry.resource != "leases";
    let written = audit.writes_since(mark)?.into_iter().filter(writes).count();
    println!("  {written} writes by operator and sidecar, Lease renewals not counted");
    for ((program, what), count) in counts {
        println!("  {program:<17} {what:<25} {count}");
    }
    Ok(())
}

/// The processor time of our programs so far.
fn processor_times(
    cluster: &Cluster,
) -> Result<Vec<(&'static str, Duration)>, Box<dyn std::error::Error + Send + Sync>> {
    let mut times = Vec::new();
    for program in ["dittofs-operator", "dittofs-sidecar"] {
        for (id, _) in resident(cluster, program)? {
            let mut nanoseconds = 0;
            for task in fs::read_dir(format!("/proc/{id}/task"))? {
                let text = fs::read_to_string(task?.path().join("schedstat"))?;
                let on_processor = text.split_whitespace().next().unwrap_or_default();
                nanoseconds += on_processor.parse::<u64>()?;
            }
            times.push((program, Duration::from_nanos(nanoseconds)));
        }
    }
    Ok(times)
}

fn is_ours(entry: &Entry) -> bool {
    ["dittofs-operator/", "dittofs-sidecar/"]
        .iter()
        .any(|agent| entry.user_agent.starts_with(agent))
}

/// Processes of this cluster that run a program, with their resident memory in KiB.
pub fn resident(
    cluster: &Cluster,
    program: &str,
) -> Result<Vec<(u32, u64)>, Box<dyn std::error::Error + Send + Sync>> {
    let cluster_name = cluster
        .state_dir()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let folder = Path::new("/proc").join(format!("{id}"));
        // A process that has just ended has no files any more.
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
        let command = read("cmdline");
        if !command
            .split('\0')
            .next()
            .unwrap_or_default()
            .ends_with(program)
            || !read("cgroup").contains(&cluster_name)
        {
            continue;
        }
        let status = read("status");
        let resident = status.lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        });
        found.extend(resident.map(|kibibytes| (id, kibibytes)));
    }
    Ok(found)
}

#[allow(clippy::cast_precision_loss)] // Two digits are printed.
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
