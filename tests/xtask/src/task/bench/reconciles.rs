//! Many reconciles in which nothing is to be done: whether the operator's memory grows.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::ground::Ground;
use super::instances::{self, Place, SIDE_BY_SIDE};
use super::operator::Operator;
use super::report::Report;
use super::requests::OPERATOR;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;
use std::time::{Duration, Instant};

/// Means nothing to the operator. Its value has always the same length.
const ANNOTATION: &str = "bench.dittofs.com/round";
/// An operator that falls behind by more would have the rounds of one instance become one reconcile.
const PATIENCE: Duration = Duration::from_mins(10);

/// Lets every instance be reconciled again and again, until there have been so many reconciles, and compares the memory
/// after the first round with that after the last.
///
/// # Errors
/// The API server refuses, or the operator does not keep up.
pub async fn measure(
    ground: &Ground<'_>,
    operator: &Operator,
    places: &[Place],
    count: usize,
    report: &mut Report,
) -> Result<(), Error> {
    // What the first round needs is no growth.
    round(ground, operator, places, 0).await?;
    ground.settle(OPERATOR).await?;
    let before = operator.resident()?;
    let began = operator.reconciles().await?;
    for number in 1..=count.div_ceil(places.len()) {
        round(ground, operator, places, number).await?;
    }
    ground.settle(OPERATOR).await?;
    let after = operator.resident()?;
    let ran = operator.reconciles().await? - began;
    let note = format!("({ran:.0} reconciles, {before:.1} to {after:.1} MiB)");
    report.value(Key::ReconcileGrowth, after / before, note);
    Ok(())
}

/// One reconcile of each instance.
async fn round(
    ground: &Ground<'_>,
    operator: &Operator,
    places: &[Place],
    number: usize,
) -> Result<(), Error> {
    let before = operator.reconciles().await?;
    futures::stream::iter(places)
        .map(|place| annotate(ground, place, number))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect::<()>()
        .await?;
    let began = Instant::now();
    while operator.reconciles().await? < before + whole(places.len()) {
        if began.elapsed() > PATIENCE {
            return Err("the operator has not reconciled every instance".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn annotate(ground: &Ground<'_>, place: &Place, number: usize) -> Result<(), Error> {
    let servers: Api<DynamicObject> = Api::namespaced_with(
        ground.client.clone(),
        &place.namespace,
        &instances::resource(),
    );
    let value = format!("{number:08}");
    let patch = Patch::Merge(json!({"metadata": {"annotations": {ANNOTATION: value}}}));
    servers
        .patch_metadata(&place.name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}
