//! Two operators, of which the one that leads is killed, ended, stopped or cut off again and again: they never write at the same time,
//! and the other one goes on. One that was stopped for longer than its Lease is valid writes nothing when it goes on.

use dittofs_model::random::Random;
use dittofs_rig::beside::Operator;
use dittofs_rig::installation::NAMESPACE;
use dittofs_rig::proxy::plan::Plan;
use dittofs_rig::proxy::{Proxy, Rule};
use dittofs_rig::wait_for;
use dittofs_suite::instance::{Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, grounds, processes};
use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::ListParams;
use std::time::{Duration, Instant};
use tokio::time::sleep;

use super::scenarios::{Step, base};
use super::settings::{self, Tally};
use crate::api::seen::Failed;

/// The pairs, side by side: most of the time is spent waiting.
const NAMES: [[&str; 2]; 4] = [
    ["torture-leader-0a", "torture-leader-0b"],
    ["torture-leader-1a", "torture-leader-1b"],
    ["torture-leader-2a", "torture-leader-2b"],
    ["torture-leader-3a", "torture-leader-3b"],
];
/// With enough time, of all pairs together.
const FLIPS: usize = 100;
/// How long an operator stays stopped or cut off: longer than its Lease.
const AWAY: Duration = Duration::from_secs(20);
/// How long the other one may take: a Lease, and what it takes to notice that.
const TAKEN_OVER: Duration = Duration::from_secs(40);
/// How long one that was away is watched.
const COME_BACK: Duration = Duration::from_secs(2);
/// Between two changes of an adapter, so that there is always something to write.
const CHANGE: Duration = Duration::from_millis(200);

/// What happens to the one that leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flip {
    Killed,
    Terminated,
    Stopped,
    CutOff,
}

const ALL: [Flip; 4] = [Flip::Terminated, Flip::Killed, Flip::Stopped, Flip::CutOff];

struct Candidate {
    proxy: Proxy,
    operator: Operator,
}

impl Candidate {
    async fn start(files: &Instance, name: &'static str) -> Result<Self, Failed> {
        let world = &files.scene.world;
        let proxy = Proxy::start(&world.cluster).await?;
        let environment = [
            format!("DITTOFS_OPERATOR_NAMESPACES={}", files.scene.namespace),
            format!("DITTOFS_OPERATOR_IDENTITY={name}"),
        ];
        let (cluster, programs) = (&world.cluster, &world.programs);
        let operator = Operator::start_behind(cluster, programs, &proxy, name, &environment)?;
        proxy.arm(Plan::default());
        Ok(Self { proxy, operator })
    }

    /// When it has written to objects.
    fn writes(&self) -> Vec<Instant> {
        let writes = self.proxy.writes();
        let writes = writes
            .iter()
            .filter(|write| !write.target.contains("/leases"));
        writes.map(|write| write.at).collect()
    }
}

struct Pair {
    number: usize,
    files: Instance,
    candidates: [Candidate; 2],
}

impl Pair {
    /// Which of the two holds the Lease.
    async fn leader(&self) -> Result<usize, Failed> {
        let leases: Api<Lease> = Api::namespaced(self.files.scene.client.clone(), NAMESPACE);
        let leader = wait_for("one of the two to lead", TAKEN_OVER, || async {
            let all = leases.list(&ListParams::default()).await;
            let all = all.map_err(|error| error.to_string())?;
            let holders = all
                .into_iter()
                .filter_map(|lease| lease.spec?.holder_identity);
            let mut numbers = holders
                .filter_map(|holder| NAMES[self.number].iter().position(|name| *name == holder));
            numbers.next().ok_or_else(|| "nobody leads".to_owned())
        });
        Ok(leader.await?)
    }

    /// Does it to the one that leads, waits until the other one writes, and lets the first one come back. Says how long that took.
    async fn flip(&mut self, flip: Flip) -> Result<Duration, Failed> {
        let leader = self.leader().await?;
        let other = 1 - leader;
        let before = self.candidates[other].writes().len();
        let began = Instant::now();
        let candidate = &mut self.candidates[leader];
        match flip {
            Flip::Killed => processes::kill(candidate.operator.id())?,
            Flip::Terminated => candidate.operator.terminate(),
            Flip::Stopped => candidate.operator.pause(),
            Flip::CutOff => candidate.proxy.rule(Rule::Swallow(vec!["/".to_owned()])),
        }
        let writes = wait_for("the other one to write", TAKEN_OVER, || async {
            let writes = self.candidates[other].writes();
            writes
                .get(before)
                .copied()
                .ok_or_else(|| format!("{flip:?}: nothing was written"))
        });
        let first = writes.await?;
        let away = AWAY.saturating_sub(began.elapsed());
        let candidate = &mut self.candidates[leader];
        match flip {
            Flip::Killed | Flip::Terminated => {
                candidate.operator.again(&self.files.scene.world.cluster)?;
            }
            Flip::Stopped => {
                sleep(away).await;
                candidate.operator.resume();
            }
            Flip::CutOff => {
                sleep(away).await;
                candidate.proxy.rule(Rule::Pass);
            }
        }
        Ok(first.duration_since(began))
    }

    /// How often another one wrote than the one before.
    fn changes(&self) -> usize {
        let [a, b] = &self.candidates;
        let of = |who: usize, writes: Vec<Instant>| writes.into_iter().map(move |at| (at, who));
        let mut all: Vec<_> = of(0, a.writes()).chain(of(1, b.writes())).collect();
        all.sort();
        let pairs = all.windows(2);
        pairs.filter(|pair| pair[0].1 != pair[1].1).count()
    }
}

/// An adapter moves again and again.
async fn move_on(files: Instance) -> Outcome {
    for port in [1445, 1446].into_iter().cycle() {
        files
            .publish(vec![adapter("nfs", 12049), adapter("smb", port)])
            .await?;
        sleep(CHANGE).await;
    }
    Ok(())
}

/// What has come of the flips of a pair.
struct Flipped {
    tally: Tally,
    /// How long it took at most until the other one wrote.
    longest: [Duration; 4],
}

async fn flips(pair: &mut Pair, flipped: &mut Flipped, until: Instant) -> Outcome {
    let mut random = Random::of(settings::seed(), &format!("leadership {}", pair.number));
    let tally = &mut flipped.tally;
    let mut next = Vec::new();
    while tally.plans < FLIPS / NAMES.len() && Instant::now() < until {
        if next.is_empty() {
            next = random.shuffled(ALL.to_vec());
        }
        let Some(flip) = next.pop() else { break };
        let took = pair.flip(flip).await?;
        tally.plans += 1;
        tally.faults += 1;
        if let Some(at) = ALL.iter().position(|one| *one == flip) {
            flipped.longest[at] = took.max(flipped.longest[at]);
        }
        // One that comes back may have something left to say.
        sleep(COME_BACK).await;
        let changes = pair.changes();
        if changes > tally.plans {
            return Err(format!(
                "after {} flips, the last of them {flip:?}, the writer has changed {changes} times",
                tally.plans
            )
            .into());
        }
    }
    Ok(())
}

async fn one_pair(scene: &Scene, number: usize) -> Result<Flipped, Failed> {
    let files = grounds::instance(scene, &format!("led-{number}")).await?;
    Step::Spec(base()).take(&files).await?;
    let [a, b] = NAMES[number];
    let candidates = [
        Candidate::start(&files, a).await?,
        Candidate::start(&files, b).await?,
    ];
    files.wait_complete().await?;
    let mut flipped = Flipped {
        tally: Tally::default(),
        longest: [Duration::ZERO; 4],
    };
    let until = settings::deadline(0.1);
    let mut pair = Pair {
        number,
        files: files.clone(),
        candidates,
    };
    let outcome = tokio::select! {
        outcome = flips(&mut pair, &mut flipped, until) => outcome,
        moved = move_on(files) => moved,
    };
    let told = outcome.err().map(|error| format!("pair {number}: {error}"));
    flipped.tally.violations.extend(told);
    Ok(flipped)
}

pub async fn never_two_writers(scene: Scene) -> Outcome {
    let number = if settings::is_sample() {
        1
    } else {
        NAMES.len()
    };
    let pairs = (0..number).map(|number| one_pair(&scene, number));
    let mut longest = [Duration::ZERO; 4];
    let parts = join_all(pairs).await.into_iter().map(|flipped| {
        let flipped = flipped?;
        for (known, took) in longest.iter_mut().zip(flipped.longest) {
            *known = took.max(*known);
        }
        Ok(flipped.tally)
    });
    let mut tally = Tally {
        of: Some(FLIPS),
        ..Tally::default()
    };
    tally.gather(parts);
    let longest = ALL.iter().zip(longest).filter(|(_, took)| !took.is_zero());
    let longest = longest.map(|(flip, took)| format!("{flip:?} {:.1} s", took.as_secs_f64()));
    tally.tell(
        "never two writers",
        &format!(
            ", the longest until the other one wrote: {}",
            longest.collect::<Vec<_>>().join(", ")
        ),
    )
}
