//! Nothing changes: what the operator asks for, and what it takes.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::ground::Ground;
use super::operator::Operator;
use super::process;
use super::report::Report;
use super::requests::{OPERATOR, Tally};
use std::time::Duration;

/// Each instance is looked at once in this time, even if nothing changes.
const PERIOD: Duration = Duration::from_mins(10);

/// Measures while so many instances are there.
///
/// # Errors
/// The operator has ended.
pub async fn measure(
    ground: &Ground<'_>,
    operator: &Operator,
    count: usize,
    time: Duration,
    report: &mut Report,
) -> Result<(), Error> {
    ground.settle(OPERATOR).await?;
    let mark = ground.audit().mark()?;
    let processor = process::processor_time(operator.process.id())?;
    tokio::time::sleep(time).await;
    let tally = Tally::of(&ground.requests(OPERATOR, mark)?);
    let processor = process::processor_time(operator.process.id())? - processor;
    let note = format!("({count} instances, {} s)", time.as_secs());
    let per_minute = whole(tally.all) / whole(count) * 60.0 / time.as_secs_f64();
    report.value(Key::RestWrites, whole(tally.writes), &note);
    if time >= PERIOD {
        report.value(Key::RestRequests, per_minute, &note);
    } else {
        report.not(
            &[Key::RestRequests],
            "it takes 10 min of rest, as by default",
        );
    }
    let millicores = processor / time.as_secs_f64() * 1000.0;
    report.value(Key::RestProcessor, millicores, &note);
    println!("    {}", tally.words());
    Ok(())
}
