//! From the commit of a ConfigMap `{name}-adapters` to the commit of what follows from it.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::ground::{AGENT, Ground};
use super::instances::Place;
use super::operator::Operator;
use super::process;
use super::report::Report;
use super::requests::{self, OPERATOR, Tally};
use super::sidecars::{self, OTHER_SMB, SMB};
use super::spread::Spread;
use dittofs_rig::audit::{Entry, Mark};
use jiff::Timestamp;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(1);
/// How often each of those that misbehave changes.
const BUSY_PERIOD: Duration = Duration::from_millis(100);
/// An operator that does not keep up would take hours.
const BUSY_TIME: Duration = Duration::from_mins(1);
const COALESCED: usize = 1000;

/// One change after the other, each when the one before is done: milliseconds until the later of Service and
/// NetworkPolicy.
///
/// # Errors
/// One is not followed.
pub async fn one_by_one(
    ground: &Ground<'_>,
    place: &Place,
    count: usize,
    agent: &str,
) -> Result<Spread, Error> {
    let mut all = Vec::new();
    for round in 0..count {
        all.push(one(ground, place, round, agent).await?);
    }
    Ok(Spread::new(all))
}

async fn one(ground: &Ground<'_>, place: &Place, round: usize, agent: &str) -> Result<f64, Error> {
    let port = if round.is_multiple_of(2) {
        OTHER_SMB
    } else {
        SMB
    };
    let mark = ground.audit().mark()?;
    sidecars::publish(&ground.client, place, port).await?;
    let took = followed(ground, place, mark, agent).await? * 1000.0;
    // The rest of the reconcile is not to meet the next change; the pause differs, so that nothing falls in step.
    let pause = Duration::from_millis(40 + (round as u64 * 7) % 30);
    tokio::time::sleep(pause).await;
    Ok(took)
}

/// The same, and the milliseconds of a processor that the operator took for each.
///
/// # Errors
/// One is not followed.
pub async fn with_processor_time(
    ground: &Ground<'_>,
    operator: &Operator,
    place: &Place,
    count: usize,
) -> Result<(Spread, f64), Error> {
    let before = process::processor_time(operator.process.id())?;
    let spread = one_by_one(ground, place, count, OPERATOR).await?;
    ground.settle(OPERATOR).await?;
    let took = process::processor_time(operator.process.id())? - before;
    Ok((spread, took * 1000.0 / whole(count)))
}

/// The seconds from the publication since the mark to both writes that follow it.
async fn followed(
    ground: &Ground<'_>,
    place: &Place,
    mark: Mark,
    agent: &str,
) -> Result<f64, Error> {
    let began = Instant::now();
    loop {
        let entries = ground.audit().requests_since(mark)?;
        let published = entries.iter().find(|entry| is_publication(entry, place));
        if let Some(change) = published {
            // A watch may tell of the change before its own answer is written down.
            let (began, published) = (change.request_received, change.stage_timestamp);
            let first = |resource| first_write(&entries, place, resource, agent, began);
            if let (Some(service), Some(policy)) = (first("services"), first("networkpolicies")) {
                return Ok(requests::seconds(published, service.max(policy)));
            }
        }
        if began.elapsed() > PATIENCE {
            let seen = Tally::of(&ground.requests(agent, mark)?).words();
            return Err(format!(
                "no Service and NetworkPolicy of {} have followed its ConfigMap; {agent} has asked for: {seen}",
                place.name
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

/// Whether a request is the sidecar's.
pub fn is_publication(entry: &Entry, place: &Place) -> bool {
    entry.user_agent == AGENT
        && entry.resource == "configmaps"
        && entry.namespace == place.namespace
        && entry.name.strip_suffix("-adapters") == Some(&place.name)
}

fn first_write(
    entries: &[Entry],
    place: &Place,
    resource: &str,
    agent: &str,
    since: Timestamp,
) -> Option<Timestamp> {
    let mut writes = entries.iter().filter(|entry| {
        requests::is_of(entry, agent)
            && requests::is_object(entry)
            && entry.resource == resource
            && entry.namespace == place.namespace
            && entry.name.strip_suffix("-smb") == Some(&place.name)
            && entry.request_received > since
    });
    writes.next().map(|entry| entry.stage_timestamp)
}

/// The same while others change all the time, so many times or for a minute.
///
/// # Errors
/// One is not followed.
pub async fn while_others_misbehave(
    ground: &Ground<'_>,
    quiet: &Place,
    others: &[Place],
    count: usize,
) -> Result<Spread, Error> {
    let noise = futures::future::try_join_all(others.iter().map(|place| misbehave(ground, place)));
    tokio::select! {
        ended = noise => Err(ended.err().unwrap_or("nobody misbehaves".into())),
        spread = for_a_while(ground, quiet, count) => spread,
    }
}

async fn for_a_while(ground: &Ground<'_>, place: &Place, count: usize) -> Result<Spread, Error> {
    let began = Instant::now();
    let mut all = Vec::new();
    while all.len() < count && began.elapsed() < BUSY_TIME {
        all.push(one(ground, place, all.len(), OPERATOR).await?);
    }
    Ok(Spread::new(all))
}

async fn misbehave(ground: &Ground<'_>, place: &Place) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(BUSY_PERIOD);
    loop {
        for port in [OTHER_SMB, SMB] {
            ticks.tick().await;
            sidecars::publish(&ground.client, place, port).await?;
        }
    }
}

/// Changes one ConfigMap as fast as the API server takes it, and counts the writes of the Service.
///
/// # Errors
/// The API server refuses.
pub async fn coalescing(
    ground: &Ground<'_>,
    place: &Place,
    report: &mut Report,
) -> Result<(), Error> {
    ground.settle(OPERATOR).await?;
    let mark = ground.audit().mark()?;
    let began = Instant::now();
    for round in 0..COALESCED {
        let port = if round.is_multiple_of(2) {
            OTHER_SMB
        } else {
            SMB
        };
        sidecars::publish(&ground.client, place, port).await?;
    }
    let took = began.elapsed();
    ground.settle(OPERATOR).await?;
    let requests = ground.requests(OPERATOR, mark)?;
    let writes = requests.iter().filter(|entry| {
        requests::is_object(entry)
            && entry.resource == "services"
            && entry.name == format!("{}-smb", place.name)
    });
    let note = format!("(in {:.1} s)", took.as_secs_f64());
    report.value(Key::Coalescing, whole(writes.count()), note);
    Ok(())
}
