//! Nothing is written that changes nothing.

use dittofs_rig::audit::Entry;
use dittofs_rig::wait_for;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use std::collections::BTreeMap;
use std::time::Duration;

use super::secrets::nudge;
use super::seen::{
    Failed, both_exposed, ensure_quiet, lines, operator_requests, operator_writes, settled,
    without_pod,
};

/// Ten thousand times what a look takes, and far more than any of the operator's delays but the long one of 10 min.
const REST: Duration = Duration::from_secs(15);

async fn running(scene: &Scene) -> Result<Instance, Failed> {
    let files = both_exposed(scene, "files", without_pod()).await?;
    settled(scene).await?;
    Ok(files)
}

pub async fn at_rest_the_operator_asks_for_nothing(scene: Scene) -> Outcome {
    running(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    // The only way to see that nothing happens is to look after some time.
    let mut rest = tokio::time::interval_at(tokio::time::Instant::now() + REST, REST);
    rest.tick().await;
    let requests = operator_requests(&scene, mark)?;
    ensure!(
        requests.is_empty(),
        "at rest there are requests:\n{}",
        lines(&requests)
    );
    Ok(())
}

/// How often each object was written, Events aside: each of those is a new one.
fn by_object(writes: &[Entry]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in writes.iter().filter(|entry| entry.resource != "events") {
        let object = format!("{}/{} {}", entry.resource, entry.name, entry.subresource);
        *counts.entry(object.trim_end().to_owned()).or_default() += 1;
    }
    counts
}

pub async fn a_change_of_an_adapter_is_written_once_to_what_it_concerns(scene: Scene) -> Outcome {
    let files = running(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    files.moves_smb().await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, mark)?;
    let mut counts = by_object(&writes);
    // The status is told with what is known, and once more when the copy of the Service has the new port.
    let status = counts
        .remove("dittoservers/files status")
        .unwrap_or_default();
    ensure!(
        (1..=2).contains(&status),
        "{status} writes of the status:\n{}",
        lines(&writes)
    );
    let expected = [
        "networkpolicies/files-smb",
        "services/files-headless",
        "services/files-smb",
    ]
    .map(|object| (object.to_owned(), 1));
    ensure!(
        counts == expected.into(),
        "the writes are:\n{}",
        lines(&writes)
    );
    Ok(())
}

pub async fn a_state_that_is_published_again_unchanged_is_written_nowhere(scene: Scene) -> Outcome {
    let files = running(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    nudge(&files, 1).await?;
    wait_for("the operator to look", API_DEADLINE, || async {
        let requests = operator_requests(&scene, mark).map_err(|error| error.to_string())?;
        // It reads the Secrets on every look.
        if requests.iter().any(|entry| entry.resource == "secrets") {
            Ok(())
        } else {
            Err(lines(&requests))
        }
    })
    .await?;
    ensure_quiet(&scene, mark).await
}

pub async fn making_an_instance_writes_each_object_once(scene: Scene) -> Outcome {
    let mark = scene.world.cluster.audit().mark()?;
    Instance::create(&scene, "files", without_pod()).await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, mark)?;
    let mut counts = by_object(&writes);
    let status = counts
        .remove("dittoservers/files status")
        .unwrap_or_default();
    ensure!(
        status <= 5,
        "{status} writes of the status:\n{}",
        lines(&writes)
    );
    // Only once the ConfigMap of the published state is there is its uid known.
    let settings = counts
        .remove("configmaps/files-sidecar")
        .unwrap_or_default();
    ensure!(
        settings <= 2,
        "{settings} writes of the settings:\n{}",
        lines(&writes)
    );
    let often: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    ensure!(
        often.is_empty() && !counts.is_empty(),
        "{often:?}, of all:\n{}",
        lines(&writes)
    );
    Ok(())
}
