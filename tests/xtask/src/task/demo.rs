//! `cargo xtask demo`: the main job, end to end, on a real node, with a timeline.

use super::instance::{Instance, Timed};
use crate::Outcome;
use dittofs_rig::installation::{self, Installation, Server};
use dittofs_rig::network::Families;
use dittofs_rig::programs::Programs;
use dittofs_rig::{Cluster, ClusterOptions, NodeSupport};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// Where the server's image is published.
const PUBLISHED: &str = "docker.io/marmos91c/dittofs:v0.29.0";
/// A Service goes only after the removal hold. The default of 30 s is long for somebody who watches.
const HOLD: &str = "2s";

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// A DittoFS server program to run in the pod.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "dittofs_image")]
    dittofs: Option<PathBuf>,
    /// A DittoFS image to pull. Where it cannot be had within seconds, the simulator runs instead.
    #[arg(long, value_name = "REFERENCE", default_value = PUBLISHED)]
    dittofs_image: String,
    /// Addresses of the node, the pods and the Services: ipv4, ipv6 or both.
    #[arg(long, default_value = "ipv4")]
    families: Families,
    /// Leave the cluster up until Ctrl-C and say how to look around.
    #[arg(long)]
    keep: bool,
}

impl Arguments {
    fn server(&self) -> Server {
        match &self.dittofs {
            Some(program) => Server::Program(program.clone()),
            None => Server::Image(self.dittofs_image.clone()),
        }
    }
}

/// Shows the main job.
pub fn run(arguments: &Arguments) -> Outcome {
    let began = Instant::now();
    if let NodeSupport::Unavailable(reason) = NodeSupport::check_for(arguments.families) {
        return Err(format!("the demo needs a node, and there can be none: {reason}").into());
    }
    let programs = Programs::build()?;
    let cluster = Cluster::start(&ClusterOptions {
        families: arguments.families,
        ..ClusterOptions::node("demo")
    })?;
    let installation = installation::install(&cluster, &programs, &arguments.server())?;
    println!(
        "\nThe cluster and the operator are up after {:.1} s.",
        began.elapsed().as_secs_f64()
    );
    println!("The DittoFS server is {}.", installation.server);
    let shown = cluster.in_network(|| show(&cluster, &installation));
    if arguments.keep {
        stay(&cluster)?;
    }
    cluster.shutdown()?;
    shown?
}

async fn show(cluster: &Cluster, installation: &Installation) -> Outcome {
    let spec = spec(cluster.families(), &installation.server_image);
    let instance = Instance::create(cluster, "demo", "files", spec).await?;
    heading("A user creates DittoServer files");
    let ready = instance.wait_ready().await?;
    println!(
        "  {ready:>8.0?}  from kubectl apply to Ready=True: pod, sidecar, operator, two Services"
    );
    print_kubectl(cluster, &["get", "dittoserver"])?;
    print_kubectl(cluster, &["get", "svc,netpol"])?;
    let before = instance.pod_facts()?;

    heading("Inside DittoFS, SMB is disabled, enabled and moved to another port");
    println!(
        "  from the request to DittoFS to the Service committed, by the API server's audit log:\n"
    );
    let administrator = instance.administrator().await?;
    for (what, change, held) in [
        ("disabled", json!({"enabled": false}), true),
        ("enabled", json!({"enabled": true}), false),
        ("port 1446", json!({"port": 1446}), false),
    ] {
        let Timed {
            took, verb, name, ..
        } = instance.change(&administrator, &change).await?;
        let hold = if held {
            format!(", of which {HOLD} are the removal hold")
        } else {
            String::new()
        };
        println!("  {took:>8.0?}  SMB {what:<10} → {verb} Service {name}{hold}");
    }
    print_kubectl(cluster, &["get", "svc,netpol"])?;

    heading("What kubectl describe prints of the published state");
    print_kubectl(cluster, &["describe", "configmap", "files-adapters"])?;
    heading("The sidecar's log");
    print_kubectl(cluster, &["logs", "files-0", "-c", "sidecar"])?;
    heading("The Events of the DittoServer");
    print_kubectl(
        cluster,
        &[
            "get",
            "events",
            "--field-selector=involvedObject.kind=DittoServer",
            "--sort-by=.metadata.creationTimestamp",
            "-o",
            "custom-columns=TYPE:.type,REASON:.reason,NOTE:.message",
        ],
    )?;

    heading("Nothing restarted");
    let after = instance.pod_facts()?;
    println!("  before  {before}\n  after   {after}");
    if before != after {
        return Err("the pod is not the one it was".into());
    }
    Ok(())
}

/// With addresses of both families where there are both.
fn spec(families: Families, image: &str) -> Value {
    let services = match families {
        Families::Both => json!({"ipFamilyPolicy": "PreferDualStack"}),
        Families::V4 | Families::V6 => json!({}),
    };
    json!({
        "adapterServices": services,
        "image": image,
        "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
        "adapterDiscovery": {"removalHold": HOLD},
    })
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// Prints what a user would see.
fn print_kubectl(cluster: &Cluster, words: &[&str]) -> Outcome {
    println!("\n$ kubectl {}", words.join(" "));
    let text = dittofs_rig::command::run(&mut cluster.kubectl(["-n", "demo"].iter().chain(words)))?;
    println!("{}", text.trim_end());
    Ok(())
}

fn stay(cluster: &Cluster) -> Outcome {
    let kubectl = cluster.write_kubectl_script()?;
    let kubectl = kubectl.display();
    println!("\nThe cluster stays up until Ctrl-C. To look around, in another terminal:\n");
    println!("  {kubectl} -n demo get dittoserver,pods,svc,netpol");
    println!("  {kubectl} -n demo describe configmap files-adapters");
    println!("  {kubectl} -n demo logs files-0 -c sidecar -f");
    println!("  {kubectl} -n demo explain dittoserver.spec");
    println!("  {kubectl} -n demo port-forward pod/files-0 8080      # the REST API of DittoFS");
    println!(
        "  {}/log/audit.jsonl      # every request to the API server",
        cluster.state_dir().display()
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_asks_for_nothing_that_the_definition_refuses() {
        for families in [Families::V4, Families::V6, Families::Both] {
            let spec = spec(families, "dittofs:1");
            assert!(!spec.to_string().contains("null"), "{families:?}: {spec}");
        }
    }
}
