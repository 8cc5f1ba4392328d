//! `cargo xtask cluster`: a cluster to play with.

use crate::Outcome;
use dittofs_rig::network::Families;
use dittofs_rig::{Cluster, ClusterOptions, Mode};
use std::path::PathBuf;
use std::time::Instant;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// No node: only the API server and its controllers. Needs no root.
    #[arg(long)]
    control_plane: bool,
    /// Addresses of the node, the pods and the Services: ipv4, ipv6 or both.
    #[arg(long, default_value = "ipv4")]
    families: Families,
    /// Keep the state folder with the logs afterwards.
    #[arg(long)]
    keep: bool,
    /// Let etcd wait for the disk, as in production.
    #[arg(long)]
    durable: bool,
    /// An image tar to load; may be given several times.
    #[arg(long, value_name = "TAR")]
    image: Vec<PathBuf>,
}

/// Runs until Ctrl-C.
pub fn run(arguments: &Arguments) -> Outcome {
    let began = Instant::now();
    let cluster = Cluster::start(&ClusterOptions {
        mode: if arguments.control_plane {
            Mode::ControlPlane
        } else {
            Mode::Node
        },
        families: arguments.families,
        durable_etcd: arguments.durable,
        name: "xtask".to_owned(),
        keep_state: arguments.keep,
    })?;
    for tar in &arguments.image {
        cluster.load_image(tar)?;
    }
    explain(&cluster, began)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    eprintln!("rig: ending the cluster …");
    let began = Instant::now();
    cluster.shutdown()?;
    eprintln!("rig: gone after {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn explain(cluster: &Cluster, began: Instant) -> Outcome {
    let kubectl = cluster.write_kubectl_script()?;
    let state = cluster.state_dir().display();
    println!(
        "The cluster is up after {:.1} s.",
        began.elapsed().as_secs_f64()
    );
    println!();
    println!(
        "  {} get pods -A    # kubectl for this cluster",
        kubectl.display()
    );
    println!("  {state}/log/    # one log per program, and audit.jsonl");
    println!();
    println!("Ctrl-C ends it.");
    Ok(())
}
