//! `cargo xtask core-bench`: what one reconcile that changes nothing costs in the pure core.

use crate::Outcome;
use dittofs_rig::programs::{Profile, Programs};
use std::process::Command;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write the counts into operator/core/benches/counts.txt.
    #[arg(long)]
    record: bool,
}

/// Prints time and counts of a build as in the images. Recorded and compared are those of a build for tests, which is
/// there already.
pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.record {
        if let Some(variable) = other_profile() {
            return Err(
                format!("{variable} is set: the counts of this profile are not recorded").into(),
            );
        }
        return start(Profile::Release, &["--record"]);
    }
    start(Profile::Dist, &[])
}

/// Compares the counts with the recorded ones. Time is not compared.
pub fn check() -> Outcome {
    if let Some(variable) = other_profile() {
        println!(
            "SKIPPED: what the pure core costs is not compared: {variable} is set, and the counts are of the profile as released"
        );
        return Ok(());
    }
    start(Profile::Release, &["--check"])
}

fn start(profile: Profile, arguments: &[&str]) -> Outcome {
    let status = Command::new(Programs::core_bench(profile)?)
        .args(arguments)
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("the bench of the pure core failed: {status}").into())
}

/// A variable by which the programs are built with other settings than Cargo.toml has.
fn other_profile() -> Option<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut settings = names.filter(|name| name.starts_with("CARGO_PROFILE_RELEASE_"));
    settings.next()
}
