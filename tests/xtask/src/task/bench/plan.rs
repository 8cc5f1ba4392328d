//! How much of each scenario, and in which order.

use super::figures::{FIGURES, INSTANCES, Key};
use super::floor::{Floor, Work};
use super::greenfield::Greenfield;
use super::ground::{Etcd, Ground, on_fresh};
use super::instances::{self, Place};
use super::mould::{self, Mould};
use super::node::{self, Amount};
use super::operator::Operator;
use super::report::Report;
use super::requests::OPERATOR;
use super::{
    Arguments, Error, alone, changes, failover, flood, floor, greenfield, memory, peer, rest,
    restart, sidecars, sizes, sustained,
};
use dittofs_rig::NodeSupport;
use dittofs_rig::programs::Programs;
use std::time::Duration;

const QUICK: usize = 50;
const FULL: usize = 10_000;
/// With more, the pods alone would take hours.
const MOST_PODS: usize = 2000;
const NODE_REST: Duration = Duration::from_mins(2);
/// What `latency` measures.
const LATENCY: [Key; 16] = [
    Key::NewRequests,
    Key::NewWrites,
    Key::NewReconciles,
    Key::NewEvents,
    Key::NewStatefulSet,
    Key::ConfigMapBytes,
    Key::ChangeRequests,
    Key::ChangeProcessor,
    Key::ChangeP50,
    Key::ChangeP99,
    Key::BusyP50,
    Key::BusyP99,
    Key::Coalescing,
    Key::Graceful,
    Key::KilledP50,
    Key::KilledMax,
];
/// What `crowd` measures, with its floor.
const CROWD: [Key; 16] = [
    Key::GreenfieldShare,
    Key::GreenfieldLast,
    Key::GreenfieldP50,
    Key::GreenfieldP99,
    Key::Ceiling,
    Key::MemoryBase,
    Key::MemoryEach,
    Key::MemoryPods,
    Key::RestWrites,
    Key::RestRequests,
    Key::RestProcessor,
    Key::ChangeGrowth,
    Key::Sustained,
    Key::ColdStart,
    Key::ColdStartWrites,
    Key::RelistPeak,
];
const SHORT_REST: u64 = 60;
const MISBEHAVING: usize = 10;
/// An even number: the port is then what it was.
const GROWTH_CHANGES: usize = 100;

/// How much.
#[derive(Clone, Debug)]
pub struct Plan {
    instances: usize,
    changes: usize,
    handovers: usize,
    rest: Duration,
    only: Option<String>,
    quick: bool,
}

impl Plan {
    /// What the arguments ask for.
    pub fn of(arguments: &Arguments) -> Self {
        let (instances, changes, handovers, rest) = if arguments.quick {
            (QUICK, 10, 1, 15)
        } else if arguments.full {
            (FULL, 2000, 10, 1200)
        } else {
            (INSTANCES, 500, 3, 600)
        };
        let given = arguments.instances.map(|count| count as usize);
        let rest = given.map_or(rest, |_| SHORT_REST);
        Self {
            instances: given.unwrap_or(instances),
            // Another number of instances is for a look in between. An even number: the port is then what it was.
            changes: given.map_or(changes, |count| count.clamp(100, 1000) / 4 * 2),
            handovers,
            rest: Duration::from_secs(rest),
            only: arguments.only.clone(),
            quick: arguments.quick,
        }
    }

    fn wants(&self, scenario: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|word| scenario.contains(word.as_str()))
    }

    /// Runs the scenarios. One that fails leaves its figures without numbers, except with `--quick`.
    pub fn run(
        &self,
        arguments: &Arguments,
        programs: &Programs,
        report: &mut Report,
    ) -> Result<(), Error> {
        if self.quick {
            return on_fresh("quick", Etcd::Fast, programs, async |ground| {
                self.counts(ground, report).await
            });
        }
        if self.wants("sizes") {
            sizes::measure(programs, report)?;
        }
        if self.wants("latency") {
            let ran = on_fresh("latency", Etcd::Durable, programs, async |ground| {
                self.latency(ground, report).await
            });
            explain(ran, &LATENCY, report);
        }
        if self.wants("crowd") {
            explain(self.crowd_and_floor(programs, report), &CROWD, report);
        }
        if let Some(peer) = arguments.peer.as_ref().filter(|_| self.wants("peer")) {
            let crd = arguments.peer_crd.as_deref();
            let ran = on_fresh("peer", Etcd::Fast, programs, async |ground| {
                peer::measure(ground, peer, crd, self.instances, report).await
            });
            explain(ran, &[Key::GreenfieldPeer], report);
        } else {
            report.not(&[Key::GreenfieldPeer], "no --peer was given");
        }
        if self.wants("node") {
            explain(self.node(arguments, programs, report), &node::KEYS, report);
        }
        let all = FIGURES.map(|figure| figure.key);
        report.not_yet(&all, "not part of this run");
        Ok(())
    }

    /// The operator, and then the same objects by a program without logic.
    fn crowd_and_floor(&self, programs: &Programs, report: &mut Report) -> Result<(), Error> {
        let mut moulds = Vec::new();
        let mut made = None;
        let ran = on_fresh("crowd", Etcd::Fast, programs, async |ground| {
            self.crowd(ground, &mut moulds, &mut made, report).await
        });
        if let Some(ours) = made {
            on_fresh("floor", Etcd::Fast, programs, async |ground| {
                self.floor(ground, &moulds, &ours, report).await
            })?;
        }
        ran
    }

    async fn counts(&self, ground: &Ground<'_>, report: &mut Report) -> Result<(), Error> {
        let operator = Operator::start_leading(ground).await?;
        let others = alone::measure(ground, &operator, report).await?;
        let places = instances::places("crowd", self.instances);
        greenfield::measure(ground, &operator, &places, report).await?;
        let count = places.len() + others.len();
        rest::measure(ground, &operator, count, self.rest, report).await?;
        restart::cold_start(ground, operator, count, report).await?;
        Ok(())
    }

    async fn latency(&self, ground: &Ground<'_>, report: &mut Report) -> Result<(), Error> {
        let operator = Operator::start_leading(ground).await?;
        let places = alone::measure(ground, &operator, report).await?;
        let others = instances::places("busy", MISBEHAVING);
        greenfield::make_and_settle(ground, &others).await?;
        let place = places.first().ok_or("there is no instance")?;
        sidecars::publish(&ground.client, place, sidecars::SMB).await?;
        ground.settle(OPERATOR).await?;
        let (idle, processor) =
            changes::with_processor_time(ground, &operator, place, self.changes).await?;
        let note = format!("({} changes)", idle.len());
        report.value(Key::ChangeProcessor, processor, "");
        report.value(Key::ChangeP50, idle.p50(), &note);
        report.value(Key::ChangeP99, idle.p99(), &note);
        let count = self.changes / 2;
        let busy = changes::while_others_misbehave(ground, place, &others, count).await?;
        let note = format!("({} changes)", busy.len());
        report.value(Key::BusyP50, busy.p50(), &note);
        report.value(Key::BusyP99, busy.p99(), &note);
        changes::coalescing(ground, place, report).await?;
        ground.settle(OPERATOR).await?;
        let operator = failover::measure(ground, operator, place, self.handovers, report).await?;
        let moulds = mould::take(ground, place).await?;
        operator.stop().await?;
        let _floor = Floor::start(ground, &moulds, Work::Follow).await?;
        let least = changes::one_by_one(ground, place, self.changes, floor::AGENT).await?;
        report.floor(Key::ChangeP50, least.p50());
        report.floor(Key::ChangeP99, least.p99());
        Ok(())
    }

    async fn crowd(
        &self,
        ground: &Ground<'_>,
        moulds: &mut Vec<Mould>,
        made: &mut Option<Greenfield>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let operator = Operator::start_leading(ground).await?;
        let base = memory::base(ground, &operator, report).await?;
        let places = instances::places("crowd", self.instances);
        let count = places.len();
        *made = Some(greenfield::measure(ground, &operator, &places, report).await?);
        let last: &Place = places.last().ok_or("there is no instance")?;
        *moulds = mould::take(ground, last).await?;
        memory::each(&operator, Key::MemoryEach, base, count, report)?;
        rest::measure(ground, &operator, count, self.rest, report).await?;
        growth(ground, &operator, last, report).await?;
        sustained::measure(ground, &places[..count.min(200)], report).await?;
        let mut operator = restart::cold_start(ground, operator, count, report).await?;
        restart::relist(ground, &mut operator, count, report).await?;
        if count > MOST_PODS {
            let why = format!("only with at most {MOST_PODS} instances");
            report.not(&[Key::MemoryPods], &why);
            return Ok(());
        }
        // From a start on: what was freed before is not counted.
        operator.stop().await?;
        let operator = Operator::start_leading(ground).await?;
        memory::with_pods(ground, &places).await?;
        memory::each(&operator, Key::MemoryPods, base, count, report)
    }

    async fn floor(
        &self,
        ground: &Ground<'_>,
        moulds: &[Mould],
        ours: &Greenfield,
        report: &mut Report,
    ) -> Result<(), Error> {
        report.value(Key::Ceiling, flood::measure(ground).await?, "");
        let _floor = Floor::start(ground, moulds, Work::Make).await?;
        let places = instances::places("floor", self.instances);
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

    fn node(
        &self,
        arguments: &Arguments,
        programs: &Programs,
        report: &mut Report,
    ) -> Result<(), Error> {
        if let NodeSupport::Unavailable(reason) = NodeSupport::check() {
            report.not(&node::KEYS, &format!("there can be no node: {reason}"));
            return Ok(());
        }
        let amount = Amount {
            changes: self.changes / 5,
            rest: self.rest.min(NODE_REST),
        };
        node::measure(programs, arguments.dittofs.as_deref(), amount, report)
    }
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
    match report.get(Key::ChangeProcessor) {
        Some(few) => {
            let note = format!("({among_many:.1} ms)");
            report.value(Key::ChangeGrowth, among_many / few, note);
        }
        None => report.not(&[Key::ChangeGrowth], "there is nothing to compare with"),
    }
    Ok(())
}

/// What a scenario that failed has not measured gets the reason.
fn explain(ran: Result<(), Error>, keys: &[Key], report: &mut Report) {
    if let Err(error) = ran {
        println!("A scenario failed: {error}");
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        report.not_yet(keys, first);
    }
}
