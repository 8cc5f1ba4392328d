//! The API server does not answer for ten minutes, and what happens meanwhile is caught up with.

use dittofs_rig::proxy::Rule;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use std::time::Duration;
use tokio::time::sleep;

use super::lane::{Lane, NAMES, Run};
use super::settings::{self, Tally};
use crate::api::seen::{Failed, wait_object};

/// Longer than every deadline, Lease and delay of a retry, and in a sample longer than a dead connection may go unnoticed.
const AWAY: Duration = Duration::from_mins(10);
const SAMPLE: Duration = Duration::from_secs(50);
/// Lines of the log for an outage, and for each minute of it.
const LINES: usize = 8;

async fn uids(files: &Instance) -> Result<Vec<Option<String>>, Failed> {
    let services = files.adapter_services().await?;
    Ok(services.iter().map(Service::uid).collect())
}

/// Warnings of the operator so far.
fn warnings(run: &Run<'_>) -> Result<usize, Failed> {
    let log = std::fs::read_to_string(run.files().scene.world.cluster.log(NAMES[0]))?;
    let warns = |line: &&str| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
    Ok(log.lines().filter(warns).count())
}

async fn outlives(run: &mut Run<'_>, away: Duration) -> Outcome {
    let files = run.files().clone();
    let (before, told) = (uids(&files).await?, warnings(run)?);
    run.rule(Rule::Swallow(vec!["/".to_owned()]));
    // Whatever the operator would otherwise have an event of.
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1446)])
        .await?;
    let budgets = files.api::<PodDisruptionBudget>();
    budgets.delete("files", &DeleteParams::default()).await?;
    sleep(away).await;
    let lines = warnings(run)? - told;
    let minutes = usize::try_from(away.as_secs() / 60)?;
    ensure!(
        lines <= LINES + 2 * minutes,
        "{lines} lines of log in {away:?}"
    );
    run.rule(Rule::Pass);
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1446)], API_DEADLINE)
        .await?;
    wait_object::<PodDisruptionBudget>(&files, "files", "is made again", |_| Ok(())).await?;
    run.rest().await?;
    let after = uids(&files).await?;
    ensure!(
        before == after,
        "the Services were {before:?}, and are {after:?}"
    );
    Ok(())
}

pub async fn the_api_server_is_away(scene: Scene) -> Outcome {
    let lane = Lane::open(&scene, NAMES[0]).await?;
    let mut run = lane.exposed("away").await?;
    let away = if settings::is_sample() { SAMPLE } else { AWAY };
    let mut tally = Tally {
        plans: 1,
        faults: 1,
        ..Tally::default()
    };
    let outcome = outlives(&mut run, away).await;
    tally
        .violations
        .extend(outcome.err().map(|error| error.to_string()));
    tally.tell(
        "the API server is away",
        &format!(", for {} s", away.as_secs()),
    )
}
