//! How many adapter changes a second are followed in time, over many instances.

use super::Error;
use super::alone::whole;
use super::changes::is_publication;
use super::figures::Key;
use super::ground::{AGENT, Ground};
use super::instances::Place;
use super::report::Report;
use super::requests::{self, OPERATOR};
use super::sidecars::{self, OTHER_SMB, SMB};
use super::spread::Spread;
use dittofs_rig::audit::{Entry, Mark};
use futures::{StreamExt as _, TryStreamExt as _};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const RATES: [u32; 7] = [10, 25, 50, 100, 150, 200, 300];
const SECONDS: u32 = 15;
/// More would hide that the API server is what limits.
const SIDE_BY_SIDE: usize = 64;
/// Of so many of the slowest more is told.
const SLOWEST: usize = 5;
/// Longest p99 that counts, in milliseconds.
const IN_TIME: f64 = 250.0;

/// Tries one rate after the other until one is too much.
///
/// # Errors
/// The API server refuses.
pub async fn measure(
    ground: &Ground<'_>,
    places: &[Place],
    report: &mut Report,
) -> Result<(), Error> {
    let ports: Vec<_> = places.iter().map(|_| Cell::new(SMB)).collect();
    let mut best = 0;
    for rate in RATES {
        ground.settle(OPERATOR).await?;
        let mark = ground.audit().mark()?;
        let took = change(ground, places, &ports, rate).await?;
        ground.settle(OPERATOR).await?;
        let (waits, slowest) = waits(ground, mark, places)?;
        let asked = f64::from(rate * SECONDS);
        println!(
            "    {rate}/s: asked for in {:.1} s, p50 {:.0}, p99 {:.0} ms, {} of {asked} followed; the slowest: {slowest}",
            took.as_secs_f64(),
            waits.p50(),
            waits.p99(),
            waits.len()
        );
        let late = took.as_secs_f64() > f64::from(SECONDS) * 1.1;
        if late || waits.p99() > IN_TIME || whole(waits.len()) < asked {
            break;
        }
        best = rate;
    }
    let note = format!("({} instances)", places.len());
    report.value(Key::Sustained, f64::from(best), note);
    Ok(())
}

async fn change(
    ground: &Ground<'_>,
    places: &[Place],
    ports: &[Cell<u16>],
    rate: u32,
) -> Result<Duration, Error> {
    let began = Instant::now();
    let turns = places.iter().zip(ports).cycle();
    let turns = (0..rate * SECONDS).zip(turns);
    futures::stream::iter(turns)
        .then(|(number, turn)| async move {
            sleep_until(began + Duration::from_secs(1) * number / rate).await;
            Ok::<_, Error>(turn)
        })
        .try_for_each_concurrent(SIDE_BY_SIDE, |(place, port)| async move {
            port.set(if port.get() == SMB { OTHER_SMB } else { SMB });
            sidecars::publish(&ground.client, place, port.get()).await
        })
        .await?;
    Ok(began.elapsed())
}

/// Milliseconds from each publication to the next write of its Service. Of the slowest, it is told when they were published: many
/// at one moment have another cause than some at any.
fn waits(ground: &Ground<'_>, mark: Mark, places: &[Place]) -> Result<(Spread, String), Error> {
    let published = ground.requests(AGENT, mark)?;
    let mut written = ground.requests(OPERATOR, mark)?;
    written.retain(|entry| requests::is_object(entry) && entry.resource == "services");
    let mut waits = Vec::new();
    for place in places {
        let service = format!("{}-smb", place.name);
        let is_its = |entry: &&Entry| entry.namespace == place.namespace && entry.name == service;
        let writes: Vec<_> = written.iter().filter(is_its).collect();
        for change in published
            .iter()
            .filter(|entry| is_publication(entry, place))
        {
            let at = change.stage_timestamp;
            let next = writes.iter().map(|entry| entry.stage_timestamp);
            let next = next.filter(|written| *written > at).min();
            waits.extend(next.map(|next| (requests::seconds(at, next) * 1000.0, at)));
        }
    }
    waits.sort_by(|one, other| other.0.total_cmp(&one.0));
    let first = published.first().map(|entry| entry.stage_timestamp);
    let slowest = waits.iter().take(SLOWEST).filter_map(|(wait, at)| {
        let since = requests::seconds(first?, *at);
        Some(format!("{wait:.0} ms after {since:.1} s"))
    });
    let slowest = slowest.collect::<Vec<_>>().join(", ");
    let waits = waits.iter().map(|(wait, _)| *wait).collect();
    Ok((Spread::new(waits), slowest))
}
