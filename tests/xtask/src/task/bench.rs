//! `cargo xtask bench`: what users ask before they adopt an operator, in figures.
//!
//! | file | holds |
//! |---|---|
//! | `figures.rs`, `report.rs`, `page.rs` | the figures with their goals, what was measured, and the page |
//! | `plan.rs` | how much of each scenario, and in which order |
//! | `latency.rs`, `crowd.rs` | the scenarios of few and of many instances, each with its floor |
//! | `ground.rs`, `operator.rs`, `instances.rs`, `sidecars.rs`, `pods.rs`, `added.rs` | what scenarios run on |
//! | `requests.rs`, `process.rs`, `spread.rs` | what is read from the audit log and from the kernel |
//! | `mould.rs`, `floor.rs`, `flood.rs`, `peer.rs` | what the operator is compared with |
//! | all others | one scenario each |

mod added;
mod alone;
mod changes;
mod crowd;
mod failover;
mod figures;
mod flood;
pub mod floor;
mod greenfield;
mod ground;
mod instances;
mod latency;
mod memory;
mod mould;
mod node;
mod operator;
mod page;
mod peer;
mod plan;
mod pods;
mod process;
mod pure;
mod reconciles;
mod report;
mod requests;
mod rest;
mod restart;
mod sidecars;
mod sizes;
mod spread;
mod sustained;

use crate::Outcome;
use crate::task::cargo;
use dittofs_rig::programs::{self, Profile, Programs};
use page::Run;
use plan::Plan;
use report::Report;
use std::path::PathBuf;

/// From so many instances on the page is written.
const WHOLE: u32 = 1000;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The options.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Arguments {
    /// 50 instances, in minutes: prints, and fails if a count (requests, writes, bytes) is above its limit.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// 10,000 instances, in hours.
    #[arg(long)]
    full: bool,
    /// Another number of instances, with a minute of rest and the programs that the tests run. The page is not written with
    /// fewer than 1,000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(10..))]
    instances: Option<u32>,
    /// A DittoFS server program for the figures that need a node, instead of the simulator.
    #[arg(long, value_name = "PROGRAM")]
    dittofs: Option<PathBuf>,
    /// The Go operator's program, to make the same instances.
    #[arg(long, value_name = "PROGRAM")]
    peer: Option<PathBuf>,
    /// Its CRD. Default: ours, which has the same fields.
    #[arg(long, value_name = "FILE", requires = "peer")]
    peer_crd: Option<PathBuf>,
    /// Only scenarios whose names contain this. The page is not written then.
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
}

impl Arguments {
    /// Counts only, as CI does.
    pub fn quick() -> Self {
        Self {
            quick: true,
            ..Self::default()
        }
    }

    /// Figures are those of the images. Counts are the same with any profile, and a look in between should not wait for
    /// minutes of link-time optimisation.
    fn profile(&self) -> Profile {
        if self.quick || self.instances.is_some_and(|count| count < WHOLE) {
            Profile::Release
        } else {
            Profile::Dist
        }
    }

    /// As it was typed, without the paths of this machine.
    fn words(&self) -> String {
        let number = self.instances.map(|count| format!(" --instances {count}"));
        let only = self.only.as_ref().map(|word| format!(" --only {word}"));
        [
            Some("cargo xtask bench".to_owned()),
            self.quick.then(|| " --quick".to_owned()),
            self.full.then(|| " --full".to_owned()),
            number,
            only,
            self.dittofs
                .is_some()
                .then(|| " --dittofs PROGRAM".to_owned()),
            self.peer.is_some().then(|| " --peer PROGRAM".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Measures, prints the table, and writes it into `docs/performance.md`.
pub fn run(arguments: &Arguments) -> Outcome {
    if cfg!(debug_assertions) && !arguments.quick {
        return optimised();
    }
    let profile = arguments.profile();
    let programs = Programs::build_as(profile)?;
    let mut report = Report::default();
    Plan::of(arguments).run(arguments, (profile, &programs), &mut report)?;
    let run = Run {
        command: arguments.words(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        machine: process::machine(),
    };
    let section = page::section(&run, &report);
    println!("\n{section}");
    let over = report.over_limit();
    if arguments.quick && !over.is_empty() {
        return Err(format!("more than the limit:\n  {}", over.join("\n  ")).into());
    }
    let whole = arguments.instances.is_none_or(|count| count >= WHOLE);
    if whole && !arguments.quick && arguments.only.is_none() {
        println!("Written to {}.", page::write(&section)?.display());
    }
    Ok(())
}

/// The floor and the load are programs of this workspace too: what is not optimised would be in the figures.
fn optimised() -> Outcome {
    let own = std::env::args().skip(1);
    let words: Vec<_> = ["run", "--release", "--package", "dittofs-xtask"]
        .into_iter()
        .chain(["--bin", "xtask", "--"])
        .map(str::to_owned)
        .chain(own)
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut command = programs::cargo();
    // Paths on the command line are those of the caller.
    command.current_dir(std::env::current_dir()?);
    cargo(&mut command, &words)
}
