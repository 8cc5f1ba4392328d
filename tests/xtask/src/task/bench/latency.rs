//! How fast single instances are, and the same by a program without logic.

use super::figures::Key;
use super::floor::{self, Floor, Work};
use super::ground::Ground;
use super::instances::{self, Place};
use super::mould::{self, Mould};
use super::operator::Operator;
use super::plan::Plan;
use super::report::Report;
use super::requests::OPERATOR;
use super::{Error, alone, changes, failover, greenfield, sidecars};

const OF_CHANGES: [Key; 3] = [Key::ChangeProcessor, Key::ChangeP50, Key::ChangeP99];
const WITH_FLOOR: [Key; 2] = [Key::ChangeP50, Key::ChangeP99];
const MISBEHAVING: usize = 10;

/// What this measures.
pub fn keys() -> Vec<Key> {
    let floods = [Key::BusyP50, Key::BusyP99, Key::Coalescing];
    [&alone::KEYS[..], &OF_CHANGES, &floods, &failover::KEYS].concat()
}

/// Measures all of it. A part that fails does not end the others.
///
/// # Errors
/// The operator does not start.
pub async fn measure(plan: &Plan, ground: &Ground<'_>, report: &mut Report) -> Result<(), Error> {
    let operator = Operator::start_leading(ground).await?;
    let ran = alone::measure(ground, &operator, report).await;
    report.explain(ran.map(drop), &alone::KEYS);
    let places = alone::places();
    let place = places.first().ok_or("there is no instance")?;
    let ran = idle(plan, ground, &operator, place, report).await;
    report.explain(ran, &OF_CHANGES);
    let ran = busy(plan, ground, place, report).await;
    report.explain(ran, &[Key::BusyP50, Key::BusyP99]);
    let ran = changes::coalescing(ground, place, report).await;
    report.explain(ran, &[Key::Coalescing]);
    let moulds = moulds(ground, place).await;
    let ran = failover::measure(ground, operator, place, plan.handovers, report).await;
    report.explain(ran, &failover::KEYS);
    let ran = floor(plan, ground, place, moulds, report).await;
    if let Err(error) = ran {
        report.no_floor(&WITH_FLOOR, &error);
    }
    Ok(())
}

async fn idle(
    plan: &Plan,
    ground: &Ground<'_>,
    operator: &Operator,
    place: &Place,
    report: &mut Report,
) -> Result<(), Error> {
    sidecars::publish(&ground.client, place, sidecars::SMB).await?;
    ground.settle(OPERATOR).await?;
    let (idle, processor) =
        changes::with_processor_time(ground, operator, place, plan.changes).await?;
    let note = format!("({} changes)", idle.len());
    report.value(Key::ChangeProcessor, processor, "");
    report.value(Key::ChangeP50, idle.p50(), &note);
    report.value(Key::ChangeP99, idle.p99(), &note);
    Ok(())
}

async fn busy(
    plan: &Plan,
    ground: &Ground<'_>,
    place: &Place,
    report: &mut Report,
) -> Result<(), Error> {
    let others = instances::places("busy", MISBEHAVING);
    greenfield::make_and_settle(ground, &others).await?;
    let count = plan.changes / 2;
    let busy = changes::while_others_misbehave(ground, place, &others, count).await?;
    let note = format!("({} changes)", busy.len());
    report.value(Key::BusyP50, busy.p50(), &note);
    report.value(Key::BusyP99, busy.p99(), &note);
    Ok(())
}

/// The objects of the instance, with the port that the floor replaces.
async fn moulds(ground: &Ground<'_>, place: &Place) -> Result<Vec<Mould>, Error> {
    sidecars::publish(&ground.client, place, sidecars::SMB).await?;
    ground.settle(OPERATOR).await?;
    mould::take(ground, place).await
}

/// No operator runs any more.
async fn floor(
    plan: &Plan,
    ground: &Ground<'_>,
    place: &Place,
    moulds: Result<Vec<Mould>, Error>,
    report: &mut Report,
) -> Result<(), Error> {
    sidecars::publish(&ground.client, place, sidecars::SMB).await?;
    let _floor = Floor::start(ground, &moulds?, Work::Follow).await?;
    let least = changes::one_by_one(ground, place, plan.changes, floor::AGENT).await?;
    report.floor(Key::ChangeP50, least.p50());
    report.floor(Key::ChangeP99, least.p99());
    Ok(())
}
