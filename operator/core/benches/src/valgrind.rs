//! Instructions, as Valgrind counts them: the same on every machine, however busy it is.

use std::process::{Command, Stdio};

use dittofs_core_bench::Error;

/// Two runs that differ in the number of passes, so that what comes before the passes does not count.
const FEW: u32 = 2;
const MANY: u32 = 22;

/// The instructions of one pass, or why they cannot be counted here.
///
/// # Errors
/// Valgrind runs, and its output is not what is expected.
pub fn instructions() -> Result<Result<u64, String>, Error> {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    if !found.is_ok_and(|output| output.status.success()) {
        return Ok(Err(
            "there is no valgrind (Debian package valgrind)".to_owned()
        ));
    }
    let (few, many) = (run(FEW)?, run(MANY)?);
    let passes = u64::from(MANY - FEW);
    Ok(Ok(many
        .checked_sub(few)
        .ok_or("more passes had fewer instructions")?
        / passes))
}

/// The instructions of the whole program with this number of passes.
fn run(passes: u32) -> Result<u64, Error> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--repeat", &passes.to_string()])
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind: {}\n{text}", output.status).into());
    }
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = line.ok_or_else(|| format!("valgrind counted nothing:\n{text}"))?;
    Ok(count.trim().parse()?)
}
