//! The simulator answers as the real server did: recorded exchanges are replayed against it.

use dittofs_simulator::replay::{Target, replay};
use dittofs_suite::registry::{plain, skipped};
use dittofs_suite::{Outcome, ensure};
use libtest_mimic::Trial;
use std::path::Path;

use dittofs_golden::given;

const NAME: &str = "recorded::the_simulator_answers_as_recorded";

pub fn trials() -> Vec<Trial> {
    let recording = given("DITTOFS_RECORDING", "../shared/dittofs/recorded-api.jsonl");
    vec![match recording {
        Ok(path) => plain(NAME, move || check(&path)),
        Err(reason) => skipped(NAME, &reason),
    }]
}

fn check(recording: &Path) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(replay(recording, Target::Fresh))?;
    ensure!(
        report.replayed > 0 && report.mismatches.is_empty(),
        "{report}"
    );
    Ok(())
}
