//! One new instance while all else is quiet, and then one adapter change.

use super::Error;
use super::figures::Key;
use super::ground::{AGENT, Ground};
use super::instances::{self, Place};
use super::operator::Operator;
use super::report::Report;
use super::requests::{self, OPERATOR, Tally};
use super::sidecars;
use super::spread::Spread;
use dittofs_rig::audit::{Entry, Mark};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::Api;
use kube::api::ListParams;
use std::time::Duration;

/// What this measures.
pub const KEYS: [Key; 7] = [
    Key::NewRequests,
    Key::NewWrites,
    Key::NewReconciles,
    Key::NewEvents,
    Key::NewStatefulSet,
    Key::ConfigMapBytes,
    Key::ChangeRequests,
];
const PATIENCE: Duration = Duration::from_mins(2);
/// The median of so many instances is reported.
const TIMES: usize = 3;

/// Where the instances are.
pub fn places() -> Vec<Place> {
    instances::places("alone", TIMES)
}

/// What one instance took.
struct New {
    tally: Tally,
    reconciles: f64,
    /// In seconds.
    stateful_set: f64,
}

/// Measures, and leaves the instances behind.
///
/// # Errors
/// An instance does not come up.
pub async fn measure(
    ground: &Ground<'_>,
    operator: &Operator,
    report: &mut Report,
) -> Result<Vec<Place>, Error> {
    let places = places();
    instances::make_namespaces(&ground.client, &places).await?;
    let mut all = Vec::new();
    for place in &places {
        all.push(new(ground, operator, place).await?);
    }
    let median = |value: fn(&New) -> f64| Spread::new(all.iter().map(value).collect()).p50();
    report.value(Key::NewRequests, median(|new| whole(new.tally.all)), "");
    report.value(Key::NewWrites, median(|new| whole(new.tally.writes)), "");
    report.value(Key::NewReconciles, median(|new| new.reconciles), "");
    report.value(Key::NewEvents, median(|new| whole(new.tally.events)), "");
    let to_stateful_set = median(|new| new.stateful_set * 1000.0);
    report.value(Key::NewStatefulSet, to_stateful_set, "");
    if let Some(new) = all.last() {
        println!("    {}", new.tally.words());
    }
    config_maps(ground, places.last(), report).await?;
    change(ground, places.first(), report).await?;
    Ok(places)
}

async fn new(ground: &Ground<'_>, operator: &Operator, place: &Place) -> Result<New, Error> {
    ground.settle(OPERATOR).await?;
    let reconciles = operator.reconciles().await?;
    let mark = ground.audit().mark()?;
    let made = async {
        instances::make(&ground.client, place, &instances::spec(0)).await?;
        let services = format!("dittofs.dittofs.com/adapter,instance={}", place.name);
        instances::wait_count::<Service>(ground, &services, 2, PATIENCE).await
    };
    sidecars::during(&ground.client, made).await?;
    ground.settle(OPERATOR).await?;
    let requests = about_objects(ground, mark)?;
    Ok(New {
        reconciles: operator.reconciles().await? - reconciles,
        stateful_set: to_stateful_set(ground, mark, &requests)?,
        tally: Tally::of(&requests),
    })
}

/// What the operator has asked for, without the renewals of its watches: they come every 25 s whatever happens, and are counted
/// at rest.
fn about_objects(ground: &Ground<'_>, mark: Mark) -> Result<Vec<Entry>, Error> {
    let mut requests = ground.requests(OPERATOR, mark)?;
    requests.retain(|entry| entry.verb != "watch");
    Ok(requests)
}

fn to_stateful_set(ground: &Ground<'_>, mark: Mark, requests: &[Entry]) -> Result<f64, Error> {
    let ours = ground.requests(AGENT, mark)?;
    let made = ours.iter().find(|entry| entry.resource == "dittoservers");
    let set = requests
        .iter()
        .find(|entry| requests::is_object(entry) && entry.resource == "statefulsets");
    let (Some(made), Some(set)) = (made, set) else {
        return Err("the audit log has no DittoServer or no StatefulSet".into());
    };
    Ok(requests::seconds(made.stage_timestamp, set.stage_timestamp))
}

/// The data of the three ConfigMaps of an instance.
async fn config_maps(
    ground: &Ground<'_>,
    place: Option<&Place>,
    report: &mut Report,
) -> Result<(), Error> {
    let place = place.ok_or("there is no instance")?;
    let api: Api<ConfigMap> = Api::namespaced(ground.client.clone(), &place.namespace);
    let of_instance = ListParams::default().labels(&format!("instance={}", place.name));
    let maps = api.list(&of_instance).await?.items;
    let data = maps.iter().flat_map(|map| map.data.iter().flatten());
    let bytes: usize = data.map(|(key, value)| key.len() + value.len()).sum();
    report.value(Key::ConfigMapBytes, whole(bytes), "");
    Ok(())
}

async fn change(
    ground: &Ground<'_>,
    place: Option<&Place>,
    report: &mut Report,
) -> Result<(), Error> {
    let place = place.ok_or("there is no instance")?;
    ground.settle(OPERATOR).await?;
    let mark = ground.audit().mark()?;
    sidecars::publish(&ground.client, place, sidecars::OTHER_SMB).await?;
    ground.settle(OPERATOR).await?;
    let tally = Tally::of(&about_objects(ground, mark)?);
    // And the one that published it.
    let requests = tally.all - tally.events + 1;
    report.value(Key::ChangeRequests, whole(requests), "");
    println!("    {}", tally.words());
    Ok(())
}

/// As a figure.
#[allow(clippy::cast_precision_loss)] // Counts are far below 2^52.
pub fn whole(count: usize) -> f64 {
    count as f64
}
