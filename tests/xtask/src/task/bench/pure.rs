//! Parts of both programs without a cluster: the pure core of the operator, and the poll loop of the sidecar.

use super::Error;
use super::figures::Key;
use super::report::Report;
use dittofs_rig::programs::{Profile, Programs};
use std::path::Path;
use std::process::{Command, Stdio};

/// What one reconcile that changes nothing costs without IO.
///
/// # Errors
/// The bench does not run.
pub fn reconcile(profile: Profile, report: &mut Report) -> Result<(), Error> {
    let text = output(&Programs::core_bench(profile)?, "--time")?;
    let words = text.trim().split_once(' ');
    let (at_rest, whole) = words.ok_or_else(|| format!("the bench printed {text:?}"))?;
    let note = format!("({whole} µs after a start, when everything is computed)");
    report.value(Key::PureReconcile, at_rest.parse()?, note);
    Ok(())
}

/// Lets the sidecar poll so many times without pauses.
///
/// # Errors
/// The bench does not run.
pub fn polls(profile: Profile, count: usize, report: &mut Report) -> Result<(), Error> {
    let text = output(&Programs::poll_bench(profile)?, &count.to_string())?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [polls, publications, early, late, nanoseconds] = numbers[..] else {
        return Err(format!("the bench of the poll loop printed {text:?}").into());
    };
    let mebibytes = |kibibytes: f64| kibibytes / 1024.0;
    let note = format!(
        "({polls} polls, {publications} publications, {:.2} to {:.2} MiB with the fake server)",
        mebibytes(early),
        mebibytes(late)
    );
    report.value(Key::PollGrowth, late / early, note);
    println!(
        "    a poll takes {:.1} µs of a processor",
        nanoseconds / 1000.0
    );
    Ok(())
}

fn output(program: &Path, argument: &str) -> Result<String, Error> {
    let output = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", program.display(), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
