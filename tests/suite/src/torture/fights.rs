//! Others write to our objects: what is theirs stays and costs nothing, and what is ours is put back, once for each change. How often the
//! operator writes in a fight that goes on is told and not judged: it does not slow down yet.

use dittofs_rig::wait_for;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, grounds};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

use super::lane::{Lane, NAMES, Run};
use super::settings::Tally;
use crate::api::seen::Failed;

/// Writes to what is not ours.
const FOREIGN: usize = 200;
/// Changes of what is ours, each after the last one was put back.
const OWNED: usize = 20;
/// How long the fight goes on, and the time between two changes then.
const FIGHT: Duration = Duration::from_secs(20);
const PERIOD: Duration = Duration::from_millis(100);

async fn write<K>(files: &Instance, name: &str, patch: &Value) -> Outcome
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let parameters = PatchParams {
        field_manager: Some("somebody".to_owned()),
        ..PatchParams::default()
    };
    files
        .api::<K>()
        .patch(name, &parameters, &Patch::Merge(patch))
        .await?;
    Ok(())
}

/// Somebody adds to the selector of the Service.
fn spoilt(number: usize) -> Value {
    json!({"spec": {"selector": {"somebody": number.to_string()}}})
}

async fn put_back(files: &Instance) -> Outcome {
    wait_for("the selector to be put back", API_DEADLINE, || async {
        let service = files.api::<Service>().get("files-smb").await;
        let spec = service.map_err(|error| error.to_string())?.spec;
        let selector = spec.and_then(|spec| spec.selector).unwrap_or_default();
        if selector.contains_key("somebody") {
            Err(format!("{selector:?}"))
        } else {
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// How often the operator has written to the Service, and to anything but Events.
fn writes(run: &Run<'_>) -> (usize, usize) {
    let all = run.writes();
    let all = all.iter().filter(|write| !write.is_report());
    let to_service = all
        .clone()
        .filter(|write| write.target.contains("/services/files-smb"));
    (to_service.count(), all.count())
}

async fn foreign(run: &mut Run<'_>) -> Outcome {
    let files = run.files().clone();
    run.forget();
    for number in 0..FOREIGN / 2 {
        let note =
            json!({"metadata": {"annotations": {"somebody.example/note": number.to_string()}}});
        write::<Service>(&files, "files-smb", &note).await?;
        write::<NetworkPolicy>(&files, "files-smb", &note).await?;
    }
    run.rest().await?;
    let (_, all) = writes(run);
    ensure!(
        all == 0,
        "{all} writes for {FOREIGN} changes of what is not ours"
    );
    Ok(())
}

async fn owned(run: &mut Run<'_>) -> Outcome {
    let files = run.files().clone();
    run.forget();
    for number in 0..OWNED {
        write::<Service>(&files, "files-smb", &spoilt(number)).await?;
        put_back(&files).await?;
    }
    run.rest().await?;
    let (service, all) = writes(run);
    ensure!(
        service == OWNED && all == OWNED,
        "{service} writes to the Service, {all} in all, for {OWNED} changes of what is ours"
    );
    Ok(())
}

/// Says how often the operator wrote.
async fn fight(run: &mut Run<'_>) -> Result<usize, Failed> {
    let files = run.files().clone();
    run.forget();
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < FIGHT {
        number += 1;
        write::<Service>(&files, "files-smb", &spoilt(number)).await?;
        sleep(PERIOD).await;
    }
    let (service, _) = writes(run);
    ensure!(
        service <= number,
        "{service} writes to the Service for {number} changes"
    );
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
    let files = grounds::instance(&scene, "fights").await?;
    let mut run = lane.begin(files.clone())?;
    let spec = json!({
        "image": scene.world.server_image,
        "storage": {"metadataSize": "1Gi", "storageClassName": "nowhere"},
        "adapterServices": {"type": "ClusterIP"},
        "replicas": 0,
    });
    files.apply(spec).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    run.rest().await?;
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
