//! Allocations, as the other program of this package counts them: counting makes each allocation slower, and would be
//! in the time and in the instructions.

use std::process::{Command, Stdio};

use dittofs_core_bench::Error;

const PROGRAM: &str = "dittofs-core-allocations";

/// How often one pass allocates, and how many bytes.
///
/// # Errors
/// The program is not beside this one, or its output is not what is expected.
pub fn allocations() -> Result<(u64, u64), Error> {
    let program = std::env::current_exe()?.with_file_name(PROGRAM);
    let output = Command::new(program)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let counts = text.trim().split_once(' ');
    let (allocations, bytes) = counts.ok_or_else(|| format!("{PROGRAM} printed {text:?}"))?;
    Ok((allocations.parse()?, bytes.parse()?))
}
