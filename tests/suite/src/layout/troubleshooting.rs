//! Every failure that `docs/troubleshooting.md` lists is produced by a test.

use dittofs_suite::troubleshooting::rows;
use dittofs_suite::{Outcome, ensure};
use std::fs;

use super::source::root;

/// Where the tests of the page are.
const TESTS: [&str; 2] = ["api", "node"];

pub fn every_failure_is_produced_by_a_test() -> Outcome {
    let mut tests = String::new();
    for room in TESTS {
        for file in fs::read_dir(root().join("tests/suite/src").join(room))? {
            let file = file?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("troubles") || name == "causes.rs" {
                tests += &fs::read_to_string(&file)?;
            }
        }
    }
    let rows = rows()?;
    let untested: Vec<_> = rows
        .iter()
        .map(|row| row.failure.as_str())
        .filter(|failure| !tests.contains(&format!("{failure:?}")))
        .collect();
    ensure!(
        rows.len() >= 20 && untested.is_empty(),
        "of {} failures, no test produces {untested:#?}",
        rows.len()
    );
    Ok(())
}
