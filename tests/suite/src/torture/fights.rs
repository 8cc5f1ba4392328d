//! Others write to our objects: what is theirs stays and costs nothing, and what is ours is put back, once for each change. In a fight that
//! goes on the operator writes less and less often, and a condition names the other one.

use dittofs_rig::audit::{Entry, Mark};
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

use super::lane::{Lane, NAMES, Run};
use super::settings::Tally;
use crate::api::seen::{Failed, operator_writes, wait_object, write};

/// Who writes, and what is added to a selector.
const SOMEBODY: &str = "somebody";
/// Writes to what is not ours.
const FOREIGN: usize = 200;
/// Changes of what is ours, each after the last one was put back: so many are put back at once.
const OWNED: usize = 10;
/// Repairs in a fight of [`FIGHT`] that follows those: after 1, 2, 4 and 8 s, and once more on the way.
const REPAIRS: usize = 5;
/// How long the fight goes on, and the time between two changes then.
const FIGHT: Duration = Duration::from_secs(20);
const PERIOD: Duration = Duration::from_millis(100);

/// Somebody adds to the selector of the Service.
fn spoilt(number: usize) -> Value {
    json!({"spec": {"selector": {SOMEBODY: number.to_string()}}})
}

async fn put_back(files: &Instance) -> Outcome {
    let what = "has its own selector";
    wait_object::<Service>(files, "files-smb", what, |service| {
        let selector = service
            .spec
            .as_ref()
            .and_then(|spec| spec.selector.as_ref());
        match selector {
            Some(selector) if selector.contains_key(SOMEBODY) => Err(format!("{selector:?}")),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(())
}

/// How often the operator has changed the Service, and anything but Events. What came too late is refused and tried again: it changes
/// nothing.
fn writes(files: &Instance, since: Mark) -> Result<(usize, usize), Failed> {
    let mut all = operator_writes(&files.scene, since)?;
    all.retain(|entry| entry.resource != "events" && entry.code < 300);
    let is_service = |entry: &&Entry| entry.resource == "services" && entry.name == "files-smb";
    Ok((all.iter().filter(is_service).count(), all.len()))
}

async fn foreign(run: &mut Run<'_>) -> Outcome {
    let files = run.files().clone();
    let mark = files.scene.world.cluster.audit().mark()?;
    for number in 0..FOREIGN / 2 {
        let note =
            json!({"metadata": {"annotations": {"somebody.example/note": number.to_string()}}});
        write::<Service>(&files, SOMEBODY, "files-smb", note.clone()).await?;
        write::<NetworkPolicy>(&files, SOMEBODY, "files-smb", note).await?;
    }
    run.rest().await?;
    let (_, all) = writes(&files, mark)?;
    ensure!(
        all == 0,
        "{all} writes for {FOREIGN} changes of what is not ours"
    );
    Ok(())
}

async fn owned(run: &mut Run<'_>) -> Outcome {
    let files = run.files().clone();
    let mark = files.scene.world.cluster.audit().mark()?;
    for number in 0..OWNED {
        write::<Service>(&files, SOMEBODY, "files-smb", spoilt(number)).await?;
        put_back(&files).await?;
    }
    run.rest().await?;
    let (service, all) = writes(&files, mark)?;
    ensure!(
        service == OWNED && all == OWNED,
        "{service} writes to the Service, {all} in all, for {OWNED} changes of what is ours"
    );
    Ok(())
}

fn condition(server: &DittoServer, r#type: &str) -> String {
    let conditions = server.status.iter().flat_map(|status| &status.conditions);
    let found = conditions.filter(|condition| condition.type_ == r#type);
    found.map(|found| found.message.clone()).collect()
}

/// Says how often the operator wrote.
async fn fight(run: &mut Run<'_>) -> Result<usize, Failed> {
    let files = run.files().clone();
    let mark = files.scene.world.cluster.audit().mark()?;
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < FIGHT {
        number += 1;
        write::<Service>(&files, SOMEBODY, "files-smb", spoilt(number)).await?;
        sleep(PERIOD).await;
    }
    let (service, _) = writes(&files, mark)?;
    ensure!(
        service <= REPAIRS,
        "{service} writes to the Service for {number} changes"
    );
    let server = files
        .wait_condition(
            "ObjectsUncontested",
            "False",
            Some("ChangedByOthers"),
            API_DEADLINE,
        )
        .await?;
    let told = condition(&server, "ObjectsUncontested");
    let words = "Service files-smb: \"somebody\" keeps changing spec.selector";
    ensure!(told.contains(words), "{told}");
    put_back(&files).await?;
    run.rest().await?;
    Ok(service)
}

async fn all(run: &mut Run<'_>) -> Result<usize, Failed> {
    foreign(run).await?;
    owned(run).await?;
    fight(run).await
}

pub async fn others_write_to_the_same_objects(scene: Scene) -> Outcome {
    let lane = Lane::open(&scene, NAMES[0]).await?;
    let mut run = lane.exposed("fights").await?;
    let fought = all(&mut run).await;
    let mut tally = Tally {
        plans: FOREIGN + OWNED,
        faults: FOREIGN + OWNED,
        ..Tally::default()
    };
    let more = match fought {
        Ok(writes) => format!(", {writes} writes in a fight of {} s", FIGHT.as_secs()),
        Err(error) => {
            tally.violations.push(error.to_string());
            String::new()
        }
    };
    tally.tell("others write to the same objects", &more)
}
