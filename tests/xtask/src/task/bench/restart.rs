//! The operator begins anew, and the API server begins anew under it.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::ground::Ground;
use super::operator::Operator;
use super::process;
use super::report::Report;
use super::requests::{self, OPERATOR, Tally};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(10);

/// Restarts the operator while everything is right.
///
/// # Errors
/// It does not come back.
pub async fn cold_start(
    ground: &Ground<'_>,
    operator: Operator,
    count: usize,
    report: &mut Report,
) -> Result<Operator, Error> {
    ground.settle(OPERATOR).await?;
    operator.stop().await?;
    let mark = ground.audit().mark()?;
    let began = Instant::now();
    let operator = Operator::start_leading(ground).await?;
    let synced = began.elapsed();
    // Each instance is looked at once.
    while operator.reconciles().await? < whole(count) {
        if began.elapsed() > PATIENCE {
            return Err("the operator has not looked at every instance".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed().as_secs_f64();
    ground.settle(OPERATOR).await?;
    let requests = ground.requests(OPERATOR, mark)?;
    let tally = Tally::of(&requests);
    let note = format!("({count} instances)");
    report.value(Key::ColdStart, took, &note);
    report.value(Key::ColdStartWrites, whole(tally.writes), &note);
    println!("    caches synced after {synced:.2?}; {}", tally.words());
    Ok(operator)
}

/// Restarts the API server, so that what the operator has seen last is too old to go on from.
///
/// # Errors
/// The API server does not come back.
pub async fn relist(
    ground: &Ground<'_>,
    operator: &mut Operator,
    count: usize,
    report: &mut Report,
) -> Result<(), Error> {
    ground.settle(OPERATOR).await?;
    let id = operator.process.id();
    let before = process::memory(id)?.resident;
    process::reset_peak(id)?;
    let mark = ground.audit().mark()?;
    ground.cluster.stop_api_server();
    ground.cluster.start_api_server()?;
    operator.wait_leading().await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    ground.settle(OPERATOR).await?;
    let requests = ground.requests(OPERATOR, mark)?;
    let lists = requests.iter().filter(|entry| is_list(entry)).count();
    let peak = process::memory(id)?.peak;
    let note = format!("({count} instances, {before:.1} to {peak:.1} MiB, {lists} lists)");
    report.value(Key::RelistPeak, peak / before, note);
    Ok(())
}

/// A list, or a watch that begins with one.
fn is_list(entry: &dittofs_rig::audit::Entry) -> bool {
    requests::is_of(entry, OPERATOR)
        && (entry.verb == "list" || entry.uri.contains("sendInitialEvents"))
}
