//! How long, and with which choices. `cargo xtask torture` sets the variables; without them it is a short sample.

use dittofs_suite::Outcome;
use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::api::seen::Failed;

/// How long all properties together may take, in minutes.
const MINUTES: &str = "DITTOFS_TORTURE_MINUTES";
/// What chooses.
const SEED: &str = "DITTOFS_TORTURE_SEED";
/// Only scenarios whose names contain this.
const ONLY: &str = "DITTOFS_TORTURE_ONLY";
/// The file to which each property adds its line.
const REPORT: &str = "DITTOFS_TORTURE_REPORT";

/// A real server, for what needs one. `cargo xtask test` sets it as well.
const SERVER: &str = "DITTOFS_TEST_SERVER";

/// Without the variable. It is a part of `cargo xtask test`.
const SAMPLE_MINUTES: f64 = 5.0;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What chooses the plans.
pub fn seed() -> u64 {
    let given = variable(SEED).and_then(|text| text.parse().ok());
    given.unwrap_or_default()
}

/// The program of a real server. `None`: a simulator.
pub fn server() -> Option<String> {
    variable(SERVER)
}

/// Whether scenarios with this name are asked for.
pub fn is_asked(scenario: &str) -> bool {
    variable(ONLY).is_none_or(|only| scenario.contains(&only))
}

/// Whether this is a short sample, beside many other tests.
pub fn is_sample() -> bool {
    variable(MINUTES).is_none()
}

/// When a property has to end that gets this share of the time.
pub fn deadline(share: f64) -> Instant {
    let minutes = variable(MINUTES).and_then(|text| text.parse().ok());
    let seconds = minutes.unwrap_or(SAMPLE_MINUTES) * 60.0 * share;
    Instant::now() + Duration::from_secs_f64(seconds)
}

/// What a property has come to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Runs with faults.
    pub plans: usize,
    /// Runs that there are in all, as far as they can be counted.
    pub of: Option<usize>,
    /// Faults that were met.
    pub faults: usize,
    /// What should not have happened.
    pub violations: Vec<String>,
}

impl Tally {
    /// Adds what has come of several parts of a property. A part that has failed is a violation.
    pub fn gather(&mut self, parts: impl IntoIterator<Item = Result<Self, Failed>>) {
        for part in parts {
            match part {
                Ok(part) => {
                    self.plans += part.plans;
                    self.faults += part.faults;
                    self.violations.extend(part.violations);
                }
                Err(error) => self.violations.push(error.to_string()),
            }
        }
    }

    /// Prints the line of a property, and adds it to the report.
    ///
    /// # Errors
    /// There is a violation, or the report cannot be written.
    pub fn tell(&self, property: &str, more: &str) -> Outcome {
        let of = self.of.map(|all| format!(" of {all}")).unwrap_or_default();
        let line = format!(
            "torture: {property}: {}{of} runs, {} faults, {} violations{more} (seed {})",
            self.plans,
            self.faults,
            self.violations.len(),
            seed()
        );
        println!("{line}");
        if let Some(path) = variable(REPORT) {
            let mut report = File::options().create(true).append(true).open(path)?;
            writeln!(report, "{line}")?;
        }
        if self.plans == 0 && self.violations.is_empty() {
            return Err(
                "nothing was run: no scenario has this name, or the time was too short".into(),
            );
        }
        if self.violations.is_empty() {
            return Ok(());
        }
        Err(self.violations.join("\n\n").into())
    }
}
