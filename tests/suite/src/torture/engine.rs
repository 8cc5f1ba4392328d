//! Plays scenarios with the faults of a property, in several lanes side by side, until the time is over.

use dittofs_suite::Outcome;
use dittofs_suite::world::Scene;
use futures::future::try_join_all;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::lane::{Adversity, Ended, Lane};
use super::scenarios::{self, Scenario};
use super::settings::{self, Tally};
use crate::api::seen::Failed;
use dittofs_model::random::Random;

/// The faults for a scenario that went like this without any.
pub type Adversities = fn(&Ended, &mut Random) -> Vec<Adversity>;

/// So many runs are made before another scenario is begun, if there is one: many scenarios with some faults tell more than some with
/// all.
const AT_ONCE: usize = 6;
/// More than this is not told of one property: the first one is looked at first.
const MOST_VIOLATIONS: usize = 5;

/// What scenarios come to without faults, by name. It is the same for all properties.
static LEARNED: Mutex<BTreeMap<String, Ended>> = Mutex::new(BTreeMap::new());

fn known() -> MutexGuard<'static, BTreeMap<String, Ended>> {
    LEARNED.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Job {
    scenario: Scenario,
    adversity: Adversity,
}

/// How far all lanes together have come. They take turns on one thread.
struct Progress {
    /// Those that were not begun yet.
    scenarios: VecDeque<Scenario>,
    jobs: Vec<Job>,
    /// Chooses the next job.
    random: Random,
    /// Runs since a scenario was begun.
    since: usize,
    tally: Tally,
    /// Names of scenarios that were played with faults.
    played: BTreeSet<String>,
}

impl Progress {
    /// The next run. `None`: another scenario is to be begun, if there is one.
    fn next(&mut self) -> Option<Job> {
        let is_due = self.since >= AT_ONCE && !self.scenarios.is_empty();
        if self.jobs.is_empty() || is_due {
            self.since = 0;
            return None;
        }
        self.since += 1;
        let at = self.random.below(self.jobs.len());
        Some(self.jobs.swap_remove(at))
    }
}

struct Work {
    property: &'static str,
    adversities: Adversities,
    until: Instant,
    progress: RefCell<Progress>,
}

impl Work {
    fn is_over(&self) -> bool {
        let violations = self.progress.borrow().tally.violations.len();
        let plans = self.progress.borrow().tally.plans;
        (Instant::now() > self.until && plans > 0) || violations >= MOST_VIOLATIONS
    }

    async fn learned(&self, lane: &mut Lane, scenario: &Scenario) -> Result<Ended, Failed> {
        if let Some(ended) = known().get(&scenario.name) {
            return Ok(ended.clone());
        }
        let ended = lane.run(scenario, &Adversity::default(), None).await;
        let ended = ended.map_err(|error| format!("{}, without faults: {error}", scenario.name))?;
        known().insert(scenario.name.clone(), ended.clone());
        Ok(ended)
    }

    /// Learns one more scenario, and plans for it. `None`: there is none.
    async fn plan(&self, lane: &mut Lane) -> Result<Option<()>, Failed> {
        let next = self.progress.borrow_mut().scenarios.pop_front();
        let Some(scenario) = next else {
            return Ok(None);
        };
        let ended = self.learned(lane, &scenario).await?;
        // The same in every run, whatever the other lanes do.
        let purpose = format!("{} {}", self.property, scenario.name);
        let mut random = Random::of(settings::seed(), &purpose);
        let adversities = (self.adversities)(&ended, &mut random);
        let jobs = adversities.into_iter().map(|adversity| Job {
            scenario: scenario.clone(),
            adversity,
        });
        self.progress.borrow_mut().jobs.extend(jobs);
        Ok(Some(()))
    }

    async fn lane(&self, mut lane: Lane) -> Outcome {
        while !self.is_over() {
            let next = self.progress.borrow_mut().next();
            if let Some(job) = next {
                self.play(&mut lane, job).await;
            } else if self.plan(&mut lane).await?.is_none()
                && self.progress.borrow().jobs.is_empty()
            {
                break;
            }
        }
        Ok(())
    }

    async fn play(&self, lane: &mut Lane, job: Job) {
        let Job {
            scenario,
            adversity,
        } = job;
        let expected = known().get(&scenario.name).map(|ended| ended.dump.clone());
        let outcome = lane.run(&scenario, &adversity, expected.as_ref()).await;
        let mut progress = self.progress.borrow_mut();
        let tally = &mut progress.tally;
        tally.plans += 1;
        match outcome {
            Ok(ended) => tally.faults += ended.met + adversity.past.len(),
            Err(error) => tally
                .violations
                .push(format!("{}, {adversity:?}: {error}", scenario.name)),
        }
        progress.played.insert(scenario.name);
    }
}

/// Plays until the time of the property is over, or all of it was played. `share`: of the time of all properties.
pub async fn run(
    scene: Scene,
    property: &'static str,
    share: f64,
    adversities: Adversities,
) -> Outcome {
    let mut random = Random::of(settings::seed(), property);
    let mut all = random.shuffled(scenarios::all()?);
    all.retain(|scenario| settings::is_asked(&scenario.name));
    let number = all.len();
    let lanes = Lane::open_all(&scene).await?;
    let work = Work {
        property,
        adversities,
        until: settings::deadline(share),
        progress: RefCell::new(Progress {
            scenarios: all.into(),
            jobs: Vec::new(),
            random,
            since: 0,
            tally: Tally::default(),
            played: BTreeSet::new(),
        }),
    };
    let ran = try_join_all(lanes.into_iter().map(|lane| work.lane(lane))).await;
    let Progress {
        mut tally, played, ..
    } = work.progress.into_inner();
    tally
        .violations
        .extend(ran.err().map(|error| error.to_string()));
    tally.tell(
        property,
        &format!(", {} of {number} scenarios", played.len()),
    )
}
