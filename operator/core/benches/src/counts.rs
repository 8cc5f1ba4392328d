//! The counts of a pass, and the ones that are recorded.

use std::path::{Path, PathBuf};

use dittofs_core_bench::Error;

/// How much larger a count may be than the recorded one, in percent.
const TOLERANCE: f64 = 2.0;
/// The command that records them.
const RECORD: &str = "cargo xtask core-bench --record";

/// What a pass costs, on every machine with this architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// How often memory is allocated.
    pub allocations: u64,
    /// How much memory is allocated, in bytes.
    pub bytes: u64,
    /// Instructions, or why they cannot be counted here.
    pub instructions: Result<u64, String>,
}

impl Counts {
    fn rows(&self) -> [(&'static str, Result<u64, &String>); 3] {
        [
            ("instructions", self.instructions.as_ref().copied()),
            ("allocations", Ok(self.allocations)),
            ("bytes", Ok(self.bytes)),
        ]
    }

    /// One line for each.
    pub fn print(&self) {
        for (name, count) in self.rows() {
            match count {
                Ok(count) => println!("{name}: {count}"),
                Err(reason) => println!("{name}: not counted, {reason}"),
            }
        }
    }
}

/// Compares with the recorded counts, and says of each what came of it.
///
/// # Errors
/// A count is larger by more than the tolerance.
pub fn check(counts: &Counts) -> Result<(), Error> {
    let recorded = std::fs::read_to_string(file())?;
    let mut wrong = Vec::new();
    for (name, count) in counts.rows() {
        let known = recorded_count(&recorded, std::env::consts::ARCH, name)?;
        match (count, known) {
            (Err(reason), _) => println!("SKIPPED: {name} are not compared: {reason}"),
            (_, None) => println!(
                "SKIPPED: {name} are not compared: none are recorded for {}",
                std::env::consts::ARCH
            ),
            (Ok(count), Some(known)) => {
                let change = change(known, count);
                println!("{name}: {count}, recorded {known} ({change:+.2} %)");
                if change > TOLERANCE {
                    wrong.push(format!("{name} {change:+.1} %"));
                } else if change < -TOLERANCE {
                    println!("That is less than recorded. To keep it so: {RECORD}");
                }
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "one reconcile of the pure core costs more than recorded: {}; {TOLERANCE} % more are allowed. If the change is \
         meant, run `{RECORD}` and say why in the commit",
        wrong.join(", ")
    )
    .into())
}

/// Writes the counts in place of the recorded ones of this architecture.
///
/// # Errors
/// The instructions cannot be counted here, or the file cannot be written.
pub fn record(counts: &Counts) -> Result<(), Error> {
    let arch = std::env::consts::ARCH;
    let before = std::fs::read_to_string(file())?;
    let mut lines: Vec<_> = before
        .lines()
        .filter(|line| !line.starts_with(&format!("{arch} ")))
        .map(str::to_owned)
        .collect();
    for (name, count) in counts.rows() {
        lines.push(format!("{arch} {name} {}", count.map_err(String::as_str)?));
    }
    lines.push(String::new());
    std::fs::write(file(), lines.join("\n"))?;
    counts.print();
    Ok(())
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// The count in a line such as `x86_64 allocations 1234`.
fn recorded_count(text: &str, arch: &str, name: &str) -> Result<Option<u64>, Error> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut counts = lines.filter_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some(arch) && words.next() == Some(name))
            .then(|| words.next().unwrap_or_default().parse())
    });
    Ok(counts.next().transpose()?)
}

/// In percent of what was before.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a pass are far below 2^52"
)]
fn change(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found_by_architecture_and_name() {
        let text = "# x86_64 allocations 1\nx86_64 bytes 20\nx86_64 allocations 30\n";
        for (arch, name, expected) in [
            ("x86_64", "allocations", Some(30)),
            ("x86_64", "bytes", Some(20)),
            ("x86_64", "instructions", None),
            ("aarch64", "bytes", None),
        ] {
            let found = recorded_count(text, arch, name).unwrap();
            assert_eq!(found, expected, "{arch} {name}");
        }
        assert!(recorded_count("x86_64 bytes many", "x86_64", "bytes").is_err());
    }

    #[test]
    fn a_change_is_in_percent_of_what_was_recorded() {
        assert!((change(200, 203) - 1.5).abs() < 1e-9);
        assert!((change(200, 190) + 5.0).abs() < 1e-9);
    }
}
