//! Many instances: made all at once, at rest, changing, and after a restart; and the same objects by a program without
//! logic.

use super::figures::Key;
use super::floor::{self, Floor, Work};
use super::greenfield::{self, Greenfield};
use super::ground::{Etcd, Ground, on_fresh};
use super::instances::{self, Place};
use super::mould::{self, Mould};
use super::operator::Operator;
use super::plan::Plan;
use super::report::Report;
use super::{Error, changes, flood, memory, reconciles, rest, restart, sustained};
use dittofs_rig::programs::Programs;

/// What this measures, with its floor.
const KEYS: [Key; 17] = [
    Key::GreenfieldShare,
    Key::GreenfieldLast,
    Key::GreenfieldP50,
    Key::GreenfieldP99,
    Key::Ceiling,
    Key::MemoryBase,
    Key::MemoryEach,
    Key::MemoryPods,
    Key::ReconcileGrowth,
    Key::RestWrites,
    Key::RestRequests,
    Key::RestProcessor,
    Key::ChangeGrowth,
    Key::Sustained,
    Key::ColdStart,
    Key::ColdStartWrites,
    Key::RelistPeak,
];
const OF_REST: [Key; 3] = [Key::RestWrites, Key::RestRequests, Key::RestProcessor];
const WITH_FLOOR: [Key; 3] = [Key::GreenfieldLast, Key::GreenfieldP50, Key::GreenfieldP99];
/// With more, the pods alone would take hours.
const MOST_PODS: usize = 2000;
/// An even number: the port is then what it was.
const GROWTH_CHANGES: usize = 100;
/// Adapter changes are spread over so many instances at most.
const CHANGING: usize = 200;

/// What the floor needs of what the operator did.
struct Made {
    ours: Greenfield,
    moulds: Result<Vec<Mould>, Error>,
}

/// The operator, and then the same objects by a program without logic. A part that fails does not end the others.
pub fn with_floor(plan: &Plan, programs: &Programs, report: &mut Report) {
    let mut made = None;
    let ran = on_fresh("crowd", Etcd::Fast, programs, async |ground| {
        measure(plan, ground, &mut made, report).await
    });
    // The floor has reasons of its own.
    let of_operator: Vec<_> = KEYS.into_iter().filter(|key| !is_of_floor(*key)).collect();
    report.explain(ran, &of_operator);
    let Some(Made { ours, moulds }) = made else {
        report.not_yet(&KEYS, "the operator has made no instances to compare with");
        return;
    };
    let ran = on_fresh("floor", Etcd::Fast, programs, async |ground| {
        floor(plan, ground, &moulds?, &ours, report).await
    });
    if let Err(error) = &ran {
        report.no_floor(&WITH_FLOOR, error);
    }
    report.explain(ran, &KEYS);
}

fn is_of_floor(key: Key) -> bool {
    matches!(key, Key::GreenfieldShare | Key::Ceiling)
}

async fn measure(
    plan: &Plan,
    ground: &Ground<'_>,
    made: &mut Option<Made>,
    report: &mut Report,
) -> Result<(), Error> {
    let operator = Operator::start_leading(ground).await?;
    let base = memory::base(ground, &operator, report).await?;
    let places = instances::places("crowd", plan.instances);
    let count = places.len();
    let ours = greenfield::measure(ground, &operator, &places, report).await?;
    let last = places.last().ok_or("there is no instance")?;
    let moulds = mould::take(ground, last).await;
    *made = Some(Made { ours, moulds });
    let ran = memory::each(&operator, Key::MemoryEach, base, count, report);
    report.explain(ran, &[Key::MemoryEach]);
    let ran = rest::measure(ground, &operator, count, plan.rest, report).await;
    report.explain(ran, &OF_REST);
    let ran = growth(ground, &operator, last, report).await;
    report.explain(ran, &[Key::ChangeGrowth]);
    let ran = reconciles::measure(ground, &operator, &places, plan.reconciles, report).await;
    report.explain(ran, &[Key::ReconcileGrowth]);
    let ran = sustained::measure(ground, &places[..count.min(CHANGING)], report).await;
    report.explain(ran, &[Key::Sustained]);
    let mut operator = match restart::cold_start(ground, operator, count, report).await {
        Ok(operator) => operator,
        Err(error) => {
            report.explain(Err(error), &[Key::ColdStart, Key::ColdStartWrites]);
            Operator::start_leading(ground).await?
        }
    };
    let ran = restart::relist(ground, &mut operator, count, report).await;
    report.explain(ran, &[Key::RelistPeak]);
    let ran = with_pods(ground, operator, &places, base, report).await;
    report.explain(ran, &[Key::MemoryPods]);
    Ok(())
}

async fn with_pods(
    ground: &Ground<'_>,
    operator: Operator,
    places: &[Place],
    base: f64,
    report: &mut Report,
) -> Result<(), Error> {
    let count = places.len();
    if count > MOST_PODS {
        return Err(format!("only with at most {MOST_PODS} instances").into());
    }
    // From a start on: what was freed before is not counted.
    operator.stop().await?;
    let operator = Operator::start_leading(ground).await?;
    memory::with_pods(ground, places).await?;
    memory::each(&operator, Key::MemoryPods, base, count, report)
}

/// What an adapter change takes among many instances, against what it takes among few.
async fn growth(
    ground: &Ground<'_>,
    operator: &Operator,
    place: &Place,
    report: &mut Report,
) -> Result<(), Error> {
    let (_, among_many) =
        changes::with_processor_time(ground, operator, place, GROWTH_CHANGES).await?;
    let few = report.get(Key::ChangeProcessor);
    let few = few.ok_or("there is nothing to compare with")?;
    let note = format!("({among_many:.1} ms)");
    report.value(Key::ChangeGrowth, among_many / few, note);
    Ok(())
}

async fn floor(
    plan: &Plan,
    ground: &Ground<'_>,
    moulds: &[Mould],
    ours: &Greenfield,
    report: &mut Report,
) -> Result<(), Error> {
    let ran = flood::measure(ground).await;
    let ran = ran.map(|rate| report.value(Key::Ceiling, rate, ""));
    report.explain(ran, &[Key::Ceiling]);
    let _floor = Floor::start(ground, moulds, Work::Make).await?;
    let places = instances::places("floor", plan.instances);
    let least = greenfield::wait_stateful_sets(ground, floor::AGENT, &places).await?;
    let note = format!(
        "({} instances, {} objects each; floor {:.1} s)",
        places.len(),
        moulds.len(),
        least.last_object
    );
    let share = least.last_object / ours.last_object * 100.0;
    report.value(Key::GreenfieldShare, share, note);
    report.floor(Key::GreenfieldLast, least.last_stateful_set);
    report.floor(Key::GreenfieldP50, least.stateful_sets.p50());
    report.floor(Key::GreenfieldP99, least.stateful_sets.p99());
    Ok(())
}
