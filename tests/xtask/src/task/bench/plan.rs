//! How much of each scenario, and in which order.

use super::figures::{FIGURES, INSTANCES, Key};
use super::ground::{Etcd, Ground, on_fresh};
use super::instances;
use super::node::{self, Amount};
use super::operator::Operator;
use super::report::Report;
use super::{Arguments, Error, alone, greenfield, peer, pure, rest, restart, sizes};
use super::{crowd, latency};
use dittofs_rig::NodeSupport;
use dittofs_rig::programs::{Profile, Programs};
use std::time::Duration;

const QUICK: usize = 50;
const FULL: usize = 10_000;
const NODE_REST: Duration = Duration::from_mins(2);
const SHORT_REST: u64 = 60;
/// Polls of the sidecar. With one every 30 s, the most are those of two and a half years.
const POLLS: usize = 20_000;
const FULL_POLLS: usize = 2_600_000;
/// Reconciles in which nothing is to be done.
const RECONCILES: usize = 5000;
const FULL_RECONCILES: usize = 1_000_000;

/// How much.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) instances: usize,
    pub(super) changes: usize,
    pub(super) handovers: usize,
    pub(super) rest: Duration,
    pub(super) reconciles: usize,
    polls: usize,
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
        let (reconciles, polls) = if arguments.full {
            (FULL_RECONCILES, FULL_POLLS)
        } else {
            (RECONCILES, POLLS)
        };
        let given = arguments.instances.map(|count| count as usize);
        let rest = given.map_or(rest, |_| SHORT_REST);
        Self {
            instances: given.unwrap_or(instances),
            // Another number of instances is for a look in between. An even number: the port is then what it was.
            changes: given.map_or(changes, |count| count.clamp(100, 1000) / 4 * 2),
            handovers,
            rest: Duration::from_secs(rest),
            reconciles: given.map_or(reconciles, |count| reconciles.min(count * 10)),
            polls,
            only: arguments.only.clone(),
            quick: arguments.quick,
        }
    }

    fn wants(&self, scenario: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|word| scenario.contains(word.as_str()))
    }

    /// Runs the scenarios. A part that fails leaves its figures without numbers and does not end the others, except
    /// with `--quick`.
    ///
    /// # Errors
    /// Only with `--quick`.
    pub fn run(
        &self,
        arguments: &Arguments,
        (profile, programs): (Profile, &Programs),
        report: &mut Report,
    ) -> Result<(), Error> {
        if self.quick {
            return on_fresh("quick", Etcd::Fast, programs, async |ground| {
                self.counts(ground, report).await
            });
        }
        if self.wants("sizes") {
            report.part(&sizes::KEYS, |report| sizes::measure(programs, report));
        }
        if self.wants("pure") {
            report.part(&[Key::PureReconcile], |report| {
                pure::reconcile(profile, report)
            });
            report.part(&[Key::PollGrowth], |report| {
                pure::polls(profile, self.polls, report)
            });
        }
        if self.wants("latency") {
            report.part(&latency::keys(), |report| {
                on_fresh("latency", Etcd::Durable, programs, async |ground| {
                    latency::measure(self, ground, report).await
                })
            });
        }
        if self.wants("crowd") {
            crowd::with_floor(self, programs, report);
        }
        self.peer(arguments, programs, report);
        if self.wants("node") {
            report.part(&node::KEYS, |report| self.node(arguments, programs, report));
        }
        let all = FIGURES.map(|figure| figure.key);
        report.not_yet(&all, "not part of this run");
        Ok(())
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

    fn peer(&self, arguments: &Arguments, programs: &Programs, report: &mut Report) {
        let Some(peer) = arguments.peer.as_ref().filter(|_| self.wants("peer")) else {
            report.not(&[Key::GreenfieldPeer], "no --peer was given");
            return;
        };
        let crd = arguments.peer_crd.as_deref();
        report.part(&[Key::GreenfieldPeer], |report| {
            on_fresh("peer", Etcd::Fast, programs, async |ground| {
                peer::measure(ground, peer, crd, self.instances, report).await
            })
        });
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
