//! The operator's resident memory.

use super::Error;
use super::alone::whole;
use super::figures::Key;
use super::ground::Ground;
use super::instances::{self, Place};
use super::operator::Operator;
use super::pods;
use super::report::Report;
use super::requests::OPERATOR;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_hours(1);
const CLAIMS: usize = 3;

/// Without instances.
///
/// # Errors
/// The operator has ended.
pub async fn base(
    ground: &Ground<'_>,
    operator: &Operator,
    report: &mut Report,
) -> Result<f64, Error> {
    ground.settle(OPERATOR).await?;
    let base = operator.resident()?;
    report.value(Key::MemoryBase, base, "");
    Ok(base)
}

/// What so many instances add, for each thousand.
///
/// # Errors
/// The operator has ended.
pub fn each(
    operator: &Operator,
    key: Key,
    base: f64,
    count: usize,
    report: &mut Report,
) -> Result<(), Error> {
    let resident = operator.resident()?;
    let each = (resident - base) / whole(count) * 1000.0;
    let note = format!("({count} instances, {resident:.1} MiB)");
    report.value(key, each, note);
    Ok(())
}

/// Lets the pods of all instances come and run.
///
/// # Errors
/// They do not come.
pub async fn with_pods(ground: &Ground<'_>, places: &[Place]) -> Result<(), Error> {
    let come = async {
        instances::make_all(&ground.client, places, &instances::spec(1)).await?;
        let count = places.len();
        instances::wait_count::<Pod>(ground, "app=dittofs-server", count, PATIENCE).await?;
        instances::wait_count::<PersistentVolumeClaim>(ground, "", CLAIMS * count, PATIENCE)
            .await?;
        ground.settle(OPERATOR).await
    };
    tokio::select! {
        ended = pods::serve(&ground.client) => match ended? {},
        outcome = come => outcome,
    }
}
