//! Two operators, one of which ends: how long until the other one writes.

use super::Error;
use super::figures::Key;
use super::ground::Ground;
use super::instances::Place;
use super::operator::Operator;
use super::report::Report;
use super::requests::{self, OPERATOR};
use super::sidecars::{self, OTHER_SMB, SMB};
use super::spread::Spread;
use dittofs_rig::wait_for;
use jiff::Timestamp;
use std::time::Duration;

/// What this measures.
pub const KEYS: [Key; 3] = [Key::Graceful, Key::KilledP50, Key::KilledMax];
const PATIENCE: Duration = Duration::from_mins(1);
/// Names of their logs. Two take turns.
const NAMES: [&str; 2] = ["operator-a", "operator-b"];

/// Ends the leader again and again. No operator runs in the end.
///
/// # Errors
/// Nobody takes over. What was measured before that is reported.
pub async fn measure(
    ground: &Ground<'_>,
    operator: Operator,
    place: &Place,
    rounds: usize,
    report: &mut Report,
) -> Result<(), Error> {
    let mut took = Took::default();
    let ended = rounds_of(ground, operator, place, rounds, &mut took).await;
    let (graceful, killed) = (Spread::new(took.graceful), Spread::new(took.killed));
    if graceful.len() > 0 {
        let note = format!("({} times)", graceful.len());
        report.value(Key::Graceful, graceful.p50(), note);
    }
    if killed.len() > 0 {
        let note = format!("({} times)", killed.len());
        report.value(Key::KilledP50, killed.p50(), &note);
        report.value(Key::KilledMax, killed.max(), &note);
    }
    ended
}

/// In seconds.
#[derive(Default)]
struct Took {
    graceful: Vec<f64>,
    killed: Vec<f64>,
}

async fn rounds_of(
    ground: &Ground<'_>,
    operator: Operator,
    place: &Place,
    rounds: usize,
    took: &mut Took,
) -> Result<(), Error> {
    let mut leader = operator;
    for round in 0..rounds * 2 {
        let gently = round.is_multiple_of(2);
        let standby = Operator::start(ground, NAMES[round % 2])?;
        // A standby looks at the Lease when it starts, and then waits.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let port = if gently { OTHER_SMB } else { SMB };
        let began = Timestamp::now();
        if gently {
            leader.stop().await?;
        } else {
            drop(leader);
        }
        sidecars::publish(&ground.client, place, port).await?;
        let seconds = written_since(ground, place, began).await?;
        if gently {
            took.graceful.push(seconds);
        } else {
            took.killed.push(seconds);
        }
        leader = standby;
        leader.wait_leading().await?;
        ground.settle(OPERATOR).await?;
    }
    leader.stop().await
}

/// The operator of before is gone when this is asked, so that a write is the other's.
async fn written_since(ground: &Ground<'_>, place: &Place, began: Timestamp) -> Result<f64, Error> {
    let mark = ground.audit().mark()?;
    let service = format!("{}-smb", place.name);
    let at = wait_for("the other operator to write", PATIENCE, || async {
        let entries = ground.requests(OPERATOR, mark);
        let entries = entries.map_err(|error| error.to_string())?;
        let mut writes = entries.iter().filter(|entry| requests::is_object(entry));
        let write = writes.find(|entry| entry.name == service);
        write
            .map(|entry| entry.stage_timestamp)
            .ok_or(format!("{} other requests", entries.len()))
    })
    .await?;
    Ok(requests::seconds(began, at))
}
