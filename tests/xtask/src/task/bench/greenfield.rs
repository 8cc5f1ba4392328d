//! Many new instances at once: how long one program takes to make all their objects.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::ground::{AGENT, Ground};
use super::instances::{self, Place};
use super::operator::Operator;
use super::report::Report;
use super::requests::{self, OPERATOR, Tally};
use super::spread::Spread;
use super::{process, sidecars};
use dittofs_rig::audit::Mark;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(90);

/// What it took, in seconds.
#[derive(Clone, Debug)]
pub struct Greenfield {
    /// First `DittoServer` to last object.
    pub last_object: f64,
    /// First `DittoServer` to last StatefulSet.
    pub last_stateful_set: f64,
    /// Each `DittoServer` to its StatefulSet.
    pub stateful_sets: Spread,
    /// The requests of the program.
    pub tally: Tally,
}

/// Measures the operator. It keeps the instances.
///
/// # Errors
/// An instance does not come up.
pub async fn measure(
    ground: &Ground<'_>,
    operator: &Operator,
    places: &[Place],
    report: &mut Report,
) -> Result<Greenfield, Error> {
    let mark = ground.audit().mark()?;
    let processor = process::processor_time(operator.process.id())?;
    let reconciles = operator.reconciles().await?;
    make_and_settle(ground, places).await?;
    let found = analyse(ground, OPERATOR, mark)?;
    let count = whole(places.len());
    let note = format!("({} instances)", places.len());
    report.value(Key::GreenfieldLast, found.last_stateful_set, &note);
    report.value(Key::GreenfieldP50, found.stateful_sets.p50(), &note);
    report.value(Key::GreenfieldP99, found.stateful_sets.p99(), &note);
    println!(
        "    last object after {:.1} s; per instance {:.1} requests, {:.1} writes, {:.1} Events, {:.1} reconciles, {:.1} ms of a processor",
        found.last_object,
        whole(found.tally.all) / count,
        whole(found.tally.writes) / count,
        whole(found.tally.events) / count,
        (operator.reconciles().await? - reconciles) / count,
        (process::processor_time(operator.process.id())? - processor) * 1000.0 / count,
    );
    Ok(found)
}

/// Waits until a program without sidecars has made so many StatefulSets and is done.
///
/// # Errors
/// They are not made.
pub async fn wait_stateful_sets(
    ground: &Ground<'_>,
    agent: &str,
    places: &[Place],
) -> Result<Greenfield, Error> {
    instances::make_namespaces(&ground.client, places).await?;
    let mark = ground.audit().mark()?;
    instances::make_all(&ground.client, places, &instances::spec(0)).await?;
    instances::wait_count::<StatefulSet>(ground, "", places.len(), PATIENCE).await?;
    ground.settle(agent).await?;
    analyse(ground, agent, mark)
}

fn analyse(ground: &Ground<'_>, agent: &str, mark: Mark) -> Result<Greenfield, Error> {
    let place = |entry: &dittofs_rig::audit::Entry| (entry.namespace.clone(), entry.name.clone());
    let ours = ground.requests(AGENT, mark)?;
    let servers = ours.iter().filter(|entry| entry.resource == "dittoservers");
    let made: BTreeMap<_, _> = servers
        .map(|entry| (place(entry), entry.stage_timestamp))
        .collect();
    let began = made.values().min().ok_or("no DittoServer was made")?;
    let requests = ground.requests(agent, mark)?;
    let objects = requests.iter().filter(|entry| requests::is_object(entry));
    let mut last_object = *began;
    let mut sets = BTreeMap::new();
    for entry in objects {
        last_object = last_object.max(entry.stage_timestamp);
        if entry.resource == "statefulsets" {
            sets.entry(place(entry)).or_insert(entry.stage_timestamp);
        }
    }
    let waits = sets
        .iter()
        .filter_map(|(place, at)| Some(requests::seconds(*made.get(place)?, *at)));
    let last_set = sets.values().max().ok_or("no StatefulSet was made")?;
    Ok(Greenfield {
        last_object: requests::seconds(*began, last_object),
        last_stateful_set: requests::seconds(*began, *last_set),
        stateful_sets: Spread::new(waits.collect()),
        tally: Tally::of(&requests),
    })
}

/// Makes instances, publishes two adapters for each, and waits until the operator is done with them.
///
/// # Errors
/// An instance does not come up.
pub async fn make_and_settle(ground: &Ground<'_>, places: &[Place]) -> Result<(), Error> {
    instances::make_namespaces(&ground.client, places).await?;
    let all = async {
        let selector = "dittofs.dittofs.com/adapter";
        let count = places.len() * 2 + instances::count::<Service>(ground, selector).await?;
        instances::make_all(&ground.client, places, &instances::spec(0)).await?;
        instances::wait_count::<Service>(ground, selector, count, PATIENCE).await
    };
    sidecars::during(&ground.client, all).await?;
    ground.settle(OPERATOR).await
}
