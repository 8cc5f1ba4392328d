//! The tasks, one file each.

pub mod bench;
pub mod bless;
pub mod build;
pub mod cluster;
pub mod core_bench;
pub mod demo;
pub mod fuzz;
mod instance;
pub mod release;
pub mod ship;
pub mod test;
pub mod torture;

use crate::Outcome;
use std::process::Command;

/// Runs the tests of the suite whose names contain a text, or all of them.
fn suite(command: &mut Command, filter: Option<&str>) -> Outcome {
    let mut words = vec![
        "test",
        "--package",
        "dittofs-suite",
        "--test",
        "suite",
        "--",
    ];
    words.extend(filter);
    cargo(command, &words)
}

/// Runs cargo, and shows the command and its output.
fn cargo(command: &mut Command, words: &[&str]) -> Outcome {
    println!("\n$ cargo {}", words.join(" "));
    let status = command.args(words).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {}` failed ({status})", words.join(" ")).into())
    }
}
