//! Plays scenarios with the faults of a property, in several lanes side by side, until the time is over.

use dittofs_suite::Outcome;
use dittofs_suite::world::Scene;
use futures::future::try_join_all;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::lane::{Adversity, Ended, Lane, NAMES};
use super::scenarios::{self, Scenario};
use super::settings::{self, Tally};
use crate::api::seen::Failed;
use dittofs_model::random::Random;

/// A property.
pub struct Property {
    /// What it is called in the report.
    pub name: &'static str,
    /// Its share of the time of all of them.
    pub share: f64,
    /// The faults for a scenario that went like this without any.
    pub adversities: fn(&Ended, &mut Random) -> Vec<Adversity>,
}

/// So many runs are made before another scenario is begun, if there is one: many scenarios with some faults tell more than some with
/// all.
const AT_ONCE: usize = 6;
/// More than this is not told of one property: the first one is looked at first.
const MOST_VIOLATIONS: usize = 5;

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What scenarios come to without faults, by name. It is the same for all properties.
static LEARNED: Mutex<BTreeMap<String, Ended>> = Mutex::new(BTreeMap::new());

struct Job {
    scenario: Scenario,
    adversity: Adversity,
}

struct Work<'a> {
    property: &'a Property,
    until: Instant,
    scenarios: Mutex<VecDeque<Scenario>>,
    jobs: Mutex<Vec<Job>>,
    /// Chooses the next job.
    random: Mutex<Random>,
    /// Runs since a scenario was begun.
    since: Mutex<usize>,
    tally: Mutex<Tally>,
    names: Mutex<BTreeMap<String, usize>>,
}

impl Work<'_> {
    fn is_over(&self) -> bool {
        Instant::now() > self.until || lock(&self.tally).violations.len() >= MOST_VIOLATIONS
    }

    async fn learned(&self, lane: &mut Lane, scenario: &Scenario) -> Result<Ended, Failed> {
        if let Some(ended) = lock(&LEARNED).get(&scenario.name) {
            return Ok(ended.clone());
        }
        let ended = lane.run(scenario, &Adversity::default(), None).await;
        let ended = ended.map_err(|error| format!("{}, without faults: {error}", scenario.name))?;
        lock(&LEARNED).insert(scenario.name.clone(), ended.clone());
        Ok(ended)
    }

    /// Learns one more scenario, and plans for it. `None`: there is none.
    async fn plan(&self, lane: &mut Lane) -> Result<Option<()>, Failed> {
        let Some(scenario) = lock(&self.scenarios).pop_front() else {
            return Ok(None);
        };
        let ended = self.learned(lane, &scenario).await?;
        // The same in every run, whatever the other lanes do.
        let purpose = format!("{} {}", self.property.name, scenario.name);
        let mut random = Random::of(settings::seed(), &purpose);
        let adversities = (self.property.adversities)(&ended, &mut random);
        let mut jobs = lock(&self.jobs);
        jobs.extend(adversities.into_iter().map(|adversity| Job {
            scenario: scenario.clone(),
            adversity,
        }));
        Ok(Some(()))
    }

    /// The next run. `None`: another scenario is to be begun, if there is one.
    fn next(&self) -> Option<Job> {
        let mut since = lock(&self.since);
        let mut jobs = lock(&self.jobs);
        let is_due = *since >= AT_ONCE && !lock(&self.scenarios).is_empty();
        if jobs.is_empty() || is_due {
            *since = 0;
            return None;
        }
        *since += 1;
        let at = lock(&self.random).below(jobs.len());
        Some(jobs.swap_remove(at))
    }

    async fn lane(&self, mut lane: Lane) -> Outcome {
        while !self.is_over() {
            match self.next() {
                Some(job) => self.play(&mut lane, &job).await,
                None => {
                    if self.plan(&mut lane).await?.is_none() && lock(&self.jobs).is_empty() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn play(&self, lane: &mut Lane, job: &Job) {
        let expected = lock(&LEARNED)
            .get(&job.scenario.name)
            .map(|ended| ended.dump.clone());
        let outcome = lane
            .run(&job.scenario, &job.adversity, expected.as_ref())
            .await;
        let mut tally = lock(&self.tally);
        tally.plans += 1;
        *lock(&self.names)
            .entry(job.scenario.name.clone())
            .or_default() += 1;
        match outcome {
            Ok(ended) => tally.faults += ended.met + job.adversity.past.len(),
            Err(error) => tally.violations.push(format!(
                "{}, {:?}: {error}",
                job.scenario.name, job.adversity
            )),
        }
    }
}

/// Plays until the time of the property is over, or all of it was played.
pub async fn run(scene: Scene, property: Property) -> Outcome {
    let mut random = Random::of(settings::seed(), property.name);
    let mut all = random.shuffled(scenarios::all()?);
    all.retain(|scenario| settings::is_asked(&scenario.name));
    let number = all.len();
    let mut lanes = Vec::new();
    for name in NAMES {
        lanes.push(Lane::open(&scene, name).await?);
    }
    let work = Work {
        property: &property,
        until: settings::deadline(property.share),
        scenarios: Mutex::new(all.into()),
        jobs: Mutex::default(),
        random: Mutex::new(random),
        since: Mutex::default(),
        tally: Mutex::default(),
        names: Mutex::default(),
    };
    let ran = try_join_all(lanes.into_iter().map(|lane| work.lane(lane))).await;
    let played = lock(&work.names).len();
    let mut tally = work
        .tally
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    tally
        .violations
        .extend(ran.err().map(|error| error.to_string()));
    tally.tell(property.name, &format!(", {played} of {number} scenarios"))
}
