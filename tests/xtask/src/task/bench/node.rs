//! With a node: a server, its sidecar, and the operator in pods.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::process;
use super::report::Report;
use super::requests;
use super::spread::Spread;
use crate::task::instance::Instance;
use dittofs_rig::installation::{self, Installation, Server};
use dittofs_rig::programs::Programs;
use dittofs_rig::{Cluster, ClusterOptions, command, wait_for};
use http::Method;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What this measures.
pub const KEYS: [Key; 8] = [
    Key::EndToEndP50,
    Key::EndToEndP99,
    Key::Ready,
    Key::SidecarStart,
    Key::SidecarMemory,
    Key::SidecarProcessor,
    Key::ServerProcessor,
    Key::ServerLog,
];
const NAMESPACE: &str = "bench";
const NAME: &str = "files";
const OF_REST: [Key; 3] = [Key::SidecarMemory, Key::SidecarProcessor, Key::ServerLog];
const SIMULATOR: &str = "simulator";
const SIDECAR: &str = "dittofs-sidecar";
/// The program of the server, real or not.
const SERVER: &str = "dfs";
/// What the sidecar asks for.
const PATH: &str = "/api/v1/adapters/ports";
const POLLS: usize = 1000;
/// At rest, with the default of `resyncInterval`.
const POLL_PERIOD: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(10);
const RESTART_DEADLINE: Duration = Duration::from_mins(2);
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
        _ => SIMULATOR,
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
    let ran = end_to_end(&instance, server, amount.changes, report).await;
    report.explain(ran, &[Key::EndToEndP50, Key::EndToEndP99]);
    let ran = rest(&instance, server, amount.rest, report).await;
    report.explain(ran, &OF_REST);
    let ran = polls(&instance, server, report).await;
    report.explain(ran, &[Key::ServerProcessor]);
    let ran = sidecar_start(&instance, server, report).await;
    report.explain(ran, &[Key::SidecarStart]);
    Ok(())
}

async fn end_to_end(
    instance: &Instance<'_>,
    server: &str,
    count: usize,
    report: &mut Report,
) -> Result<(), Error> {
    let (changes, answers) = changes(instance, count).await?;
    let count = changes.len();
    let note =
        |answer: f64| format!("({server}, {count} changes; DittoFS answers after {answer:.0} ms)");
    report.value(Key::EndToEndP50, changes.p50(), note(answers.p50()));
    report.value(Key::EndToEndP99, changes.p99(), note(answers.p99()));
    Ok(())
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
    let sidecar = find(instance, SIDECAR)?;
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
    if server == SIMULATOR {
        report.not(&[Key::ServerLog], "the simulator logs no requests");
        return Ok(());
    }
    let a_day = whole(lines) / time.as_secs_f64() * SECONDS_OF_A_DAY;
    report.value(Key::ServerLog, a_day, &note);
    Ok(())
}

/// What a poll takes of the server is too little to be seen at rest. So it is measured under load: the same request many
/// times, less what the server takes in that time anyway, and spread over the time between two polls.
async fn polls(instance: &Instance<'_>, server: &str, report: &mut Report) -> Result<(), Error> {
    let administrator = instance.administrator().await?;
    let process = find(instance, SERVER)?;
    let before = process::processor_time(process)?;
    tokio::time::sleep(IDLE).await;
    let idle = (process::processor_time(process)? - before) / IDLE.as_secs_f64();
    let (before, began) = (process::processor_time(process)?, Instant::now());
    for _ in 0..POLLS {
        let answer = administrator.ask(Method::GET, PATH, None).await?;
        answer.accepted("a poll")?;
    }
    let took = process::processor_time(process)? - before;
    let each = (took - idle * began.elapsed().as_secs_f64()) / whole(POLLS);
    let note = format!(
        "({server}, {:.0} µs for each of {POLLS} polls with a connection of its own, and one every {} s)",
        each * 1e6,
        POLL_PERIOD.as_secs()
    );
    let millicores = each / POLL_PERIOD.as_secs_f64() * 1000.0;
    report.value(Key::ServerProcessor, millicores, note);
    Ok(())
}

/// Kills the sidecar, changes an adapter while there is none, and waits for the next one to publish that.
async fn sidecar_start(
    instance: &Instance<'_>,
    server: &str,
    report: &mut Report,
) -> Result<(), Error> {
    let administrator = instance.administrator().await?;
    let killed = find(instance, SIDECAR)?;
    let audit = instance.cluster.audit();
    let mark = audit.mark()?;
    command::run(Command::new("kill").args(["-KILL", &killed.to_string()]))?;
    wait_for("the sidecar to end", RESTART_DEADLINE, || async {
        match find(instance, SIDECAR) {
            Ok(process) if process == killed => Err("it runs".to_owned()),
            _ => Ok(()),
        }
    })
    .await?;
    administrator
        .set_adapter("smb", &json!({"port": 1446}))
        .await?;
    let name = format!("{NAME}-adapters");
    let published = wait_for("the next sidecar to publish", RESTART_DEADLINE, || async {
        let writes = audit
            .writes_since(mark)
            .map_err(|error| error.to_string())?;
        let mut writes = writes.iter().filter(|entry| {
            entry.user_agent.starts_with(SIDECAR) && entry.name == name && entry.code < 300
        });
        let write = writes.next().ok_or("it has not".to_owned())?;
        Ok::<_, String>(write.stage_timestamp)
    })
    .await?;
    let started = process::started(find(instance, SIDECAR)?)?;
    let took = requests::seconds(started, published) * 1000.0;
    report.value(Key::SidecarStart, took, format!("({server})"));
    Ok(())
}

/// The process of a program in the instance's pod.
fn find(instance: &Instance<'_>, program: &str) -> Result<u32, Error> {
    let cluster = instance.cluster.state_dir().file_name().unwrap_or_default();
    let found = process::find(&cluster.to_string_lossy(), program)?;
    Ok(*found.first().ok_or_else(|| format!("no {program} runs"))?)
}
