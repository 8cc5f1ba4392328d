//! `cargo xtask test`: every test there is.

use super::{bench, cargo, core_bench, torture};
use crate::Outcome;
use dittofs_rig::binaries::{Binaries, Part};
use dittofs_rig::foreign_crds::ForeignCrds;
use dittofs_rig::policy_evaluator::PolicyEvaluator;
use dittofs_rig::programs::{self, Programs};
use dittofs_rig::{JITTER, NodeSupport};
use std::path::PathBuf;
use std::time::Instant;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// A DittoFS server program for the pods, instead of the simulator.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "dittofs_image")]
    dittofs: Option<PathBuf>,
    /// A DittoFS image to pull for the pods, instead of the simulator.
    #[arg(long, value_name = "REFERENCE")]
    dittofs_image: Option<String>,
    /// The longest of the random delays before the requests of the tests themselves, in milliseconds: it brings out what a test relies
    /// on by chance.
    #[arg(long, value_name = "MILLISECONDS")]
    jitter: Option<u64>,
    /// Only tests of the suite whose names contain this; no tests of single crates.
    filter: Option<String>,
}

/// Runs the tests of the crates, then the suite, then the counts of the bench.
pub fn run(arguments: &Arguments) -> Outcome {
    let began = Instant::now();
    let part = match NodeSupport::check() {
        NodeSupport::Available => Part::Node,
        NodeSupport::Unavailable(reason) => {
            println!("The node tests are skipped: {reason}");
            Part::ControlPlane
        }
    };
    // Before anything else, so that its progress can be seen and no test waits for it.
    Binaries::ensure(part)?;
    ForeignCrds::ensure()?;
    PolicyEvaluator::build()?;
    Programs::build()?;
    if arguments.filter.is_none() {
        core_bench::check()?;
        torture::sample()?;
        cargo(
            &mut programs::cargo(),
            &[
                "test",
                "--workspace",
                "--exclude",
                "dittofs-suite",
                "--features",
                "dittofs-rig/real",
            ],
        )?;
    }
    let mut suite = programs::cargo();
    suite.env(
        "DITTOFS_TORTURE_SEED",
        torture::seed_of_commit()?.to_string(),
    );
    if let Some(program) = &arguments.dittofs {
        suite.env("DITTOFS_TEST_SERVER", std::path::absolute(program)?);
    }
    if let Some(jitter) = arguments.jitter {
        suite.env(JITTER, jitter.to_string());
    }
    if let Some(image) = &arguments.dittofs_image {
        suite.env("DITTOFS_TEST_SERVER_IMAGE", image);
    }
    super::suite(&mut suite, arguments.filter.as_deref())?;
    if arguments.filter.is_none() {
        bench::run(&bench::Arguments::quick())?;
    }
    println!(
        "All tests passed in {:.0} s.",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
