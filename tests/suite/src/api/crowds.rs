//! Many new instances at once: the pods of all can start before the rest is made.

use dittofs_rig::audit::Entry;
use dittofs_suite::instance::Instance;
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::seen::{lines, operator_writes, settled, wait_object, without_pod};

const MANY: usize = 40;
/// So many are reconciled side by side. The last of them see nobody behind them.
const SIDE_BY_SIDE: usize = 16;
const CREATED: u16 = 201;

/// When each object of a kind was created.
fn created<'a>(writes: &'a [Entry], resource: &'a str) -> impl Iterator<Item = &'a Entry> {
    let is_asked = move |entry: &&Entry| entry.resource == resource && entry.code == CREATED;
    writes.iter().filter(is_asked)
}

pub async fn all_pods_can_start_before_the_rest_is_made(scene: Scene) -> Outcome {
    // All of them are there when the operator comes: otherwise it may have done one before it hears of the next.
    let none = Substitute::none(&scene);
    let mut all = Vec::new();
    for number in 0..MANY {
        let name = format!("files-{number}");
        all.push(Instance::create(&scene, &name, without_pod()).await?);
    }
    let mark = scene.world.cluster.audit().mark()?;
    drop(none);
    for files in &all {
        wait_object::<PodDisruptionBudget>(files, &files.name, "is there", |_| Ok(())).await?;
        files.wait_complete().await?;
    }
    settled(&scene).await?;
    let writes = operator_writes(&scene, mark)?;
    let budgets = created(&writes, "poddisruptionbudgets").map(|entry| entry.request_received);
    let first = budgets.min().ok_or("there is no budget")?;
    let sets = created(&writes, "statefulsets").filter(|entry| entry.request_received < first);
    let before = sets.count();
    ensure!(
        before >= MANY - SIDE_BY_SIDE,
        "only {before} of {MANY} StatefulSets were made before the first budget:\n{}",
        lines(&writes)
    );
    let told = created(&writes, "events").count();
    ensure!(
        told <= 2 * MANY,
        "{told} Events for {MANY} instances:\n{}",
        lines(&writes)
    );
    Ok(())
}
