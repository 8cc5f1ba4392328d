//! Tasks of this workspace: `cargo xtask …`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod task;

use clap::{Parser, Subcommand};
use dittofs_rig::reaper;
use std::process::ExitCode;
use task::{bench, bless, build, cluster, core_bench, demo, fuzz, release, ship, test, torture};

#[derive(Parser)]
#[command(about = "Tasks of this workspace", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows the main job, end to end, on a real node.
    Demo(demo::Arguments),
    /// Measures what the operator and the sidecar take, and how fast they are, against goals.
    Bench(bench::Arguments),
    /// The program that the operator is compared with; started by `bench`.
    #[command(hide = true)]
    Floor(bench::floor::Arguments),
    /// Measures what one reconcile that changes nothing costs in the pure core.
    CoreBench(core_bench::Arguments),
    /// Runs every test.
    Test(test::Arguments),
    /// Tries to break the operator and the sidecar, with seeded faults of every kind.
    Torture(torture::Arguments),
    /// Fuzzes the parsers of what servers, sidecars, users and controllers write.
    Fuzz(fuzz::Arguments),
    /// Makes every generated file again and says which have changed: the CRD, the reference, the golden files.
    Bless,
    /// Sets the version everywhere and closes the section of unreleased changes in CHANGELOG.md.
    Release(release::Arguments),
    /// Builds the programs of the images twice, compares them, and lists their components.
    Ship(ship::Arguments),
    /// Brings a cluster up, says how to use it, and ends it at Ctrl-C.
    Cluster(cluster::Arguments),
    /// Builds the programs and images, of the cluster and our own.
    Build(build::Arguments),
}

/// What a task may end with: any of the typed errors, printed once.
type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    reaper::main_if_requested();
    let outcome = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Floor(arguments) => bench::floor::run(&arguments),
        Task::CoreBench(arguments) => core_bench::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Torture(arguments) => torture::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Bless => bless::run(),
        Task::Release(arguments) => release::run(&arguments),
        Task::Ship(arguments) => ship::run(&arguments),
        Task::Cluster(arguments) => cluster::run(&arguments),
        Task::Build(arguments) => build::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
