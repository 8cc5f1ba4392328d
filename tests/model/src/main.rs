//! `dittofs-model`: see the library. It prints one line for each property, and fails if one does not hold.

use clap::Parser;
use dittofs_model::{Error, hostile, model, renewal};
use std::process::ExitCode;

/// The pure decisions of operator and sidecar, driven through all short interleavings and through hostile input.
#[derive(Parser)]
struct Arguments {
    /// How many states of each model are visited, the nearest first.
    #[arg(long, default_value_t = 1_000_000)]
    states: usize,
    /// How many hostile published states are tried.
    #[arg(long, default_value_t = 1_000_000)]
    payloads: usize,
    /// Chooses the hostile states.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let properties = [
        model::search(arguments.states),
        renewal::search(arguments.states),
        hostile::search(arguments.payloads, arguments.seed),
    ];
    let outcomes = properties.map(|outcome: Result<String, Error>| match outcome {
        Ok(line) => {
            println!("{line}");
            true
        }
        Err(error) => {
            eprintln!("dittofs-model: {error}");
            false
        }
    });
    if outcomes.contains(&false) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
