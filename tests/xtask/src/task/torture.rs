//! `cargo xtask torture`: whether anything breaks it. `docs/reliability.md` says what each line means.

use crate::Outcome;
use dittofs_rig::binaries::{Binaries, Part};
use dittofs_rig::foreign_crds::ForeignCrds;
use dittofs_rig::programs::{self, Profile, Programs};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long the plans with faults take together, in minutes. The model and the hostile input come on top.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Chooses and orders the plans; a run with the same seed plays the same ones. Default: follows from the commit.
    #[arg(long)]
    seed: Option<u64>,
    /// Only scenarios whose names contain this.
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
    /// A DittoFS server program for what a sidecar meets, instead of the simulator.
    #[arg(long, value_name = "PROGRAM")]
    dittofs: Option<PathBuf>,
}

/// States of the model, and hostile published states.
#[derive(Clone, Copy)]
struct Extent {
    states: usize,
    payloads: usize,
}

const WHOLE: Extent = Extent {
    states: 1_000_000,
    payloads: 1_000_000,
};
/// Seconds: a part of `cargo xtask test`.
const SAMPLE: Extent = Extent {
    states: 50_000,
    payloads: 50_000,
};

/// Runs all of it, and prints one line for each property in the end.
pub fn run(arguments: &Arguments) -> Outcome {
    let began = Instant::now();
    let seed = arguments.seed.map_or_else(seed_of_commit, Ok)?;
    Binaries::ensure(Part::ControlPlane)?;
    ForeignCrds::ensure()?;
    Programs::build()?;
    let folder = programs::workspace().join("target");
    fs::create_dir_all(&folder)?;
    let report = folder.join("torture.txt");
    fs::write(&report, model(WHOLE, seed)?)?;
    let mut suite = programs::cargo();
    suite
        .env("DITTOFS_TORTURE_MINUTES", arguments.minutes.to_string())
        .env("DITTOFS_TORTURE_SEED", seed.to_string())
        .env("DITTOFS_TORTURE_REPORT", &report);
    if let Some(only) = &arguments.only {
        suite.env("DITTOFS_TORTURE_ONLY", only);
    }
    if let Some(program) = &arguments.dittofs {
        suite.env("DITTOFS_TEST_SERVER", std::path::absolute(program)?);
    }
    let tortured = super::suite(&mut suite, Some("torture::"));
    println!("\n{}", fs::read_to_string(&report)?);
    println!("{:.0} s in all", began.elapsed().as_secs_f64());
    tortured
}

/// The part of `cargo xtask test` that needs no cluster.
pub fn sample() -> Outcome {
    model(SAMPLE, seed_of_commit()?)?;
    Ok(())
}

/// The seed that the commit gives, for a suite that is started here.
pub fn seed_of_commit() -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .current_dir(programs::workspace())
        .output()?;
    let commit = String::from_utf8_lossy(&commit.stdout);
    // An archive of the sources has no commit.
    Ok(u64::from_str_radix(commit.trim(), 16).unwrap_or_default())
}

/// Prints and returns its lines.
fn model(extent: Extent, seed: u64) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let output = Command::new(Programs::model(Profile::Release)?)
        .arg(format!("--states={}", extent.states))
        .arg(format!("--payloads={}", extent.payloads))
        .arg(format!("--seed={seed}"))
        .stderr(std::process::Stdio::inherit())
        .output()?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{lines}");
    if output.status.success() {
        return Ok(lines);
    }
    Err("the model breaks a law, see above".into())
}
