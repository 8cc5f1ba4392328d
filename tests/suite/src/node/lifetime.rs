//! A `DittoServer` that is deleted and made again over the claims it has left, and once more without them.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use hyper::Method;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// From the start of the server's container until the instance is ready.
const READY_WITHIN: i64 = 60;
const ADAPTERS: [(&str, i32); 2] = [("files-nfs", 12049), ("files-smb", 1445)];
/// A user of the server's own, who is in its table and nowhere else.
const USER: &str = "/api/v1/users/alice";

pub async fn a_server_made_again_over_its_claims_lets_everybody_in(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    is_in_order(&files).await?;
    let administrator = files.administrator().await?;
    let alice = json!({"username": "alice", "password": "alice-Passw0rd-1", "role": "user"});
    administrator
        .ask(Method::POST, "/api/v1/users", Some(&alice))
        .await?
        .accepted("POST /api/v1/users")?;
    drop(administrator);
    let (claims, secrets) = (claims(&files).await?, secrets(&files).await?);

    files.delete().await?;
    let again = Instance::create(&scene, "files", json!({})).await?;
    is_in_order(&again).await?;
    ensure!(self::claims(&again).await? == claims, "other claims");
    ensure!(self::secrets(&again).await? == secrets, "other Secrets");
    knows_alice(&again, true).await?;

    again.delete().await?;
    again.remove_for_good().await?;
    let fresh = Instance::create(&scene, "files", json!({})).await?;
    is_in_order(&fresh).await?;
    let uids = self::claims(&fresh).await?;
    ensure!(
        uids.iter().all(|uid| !claims.contains(uid)),
        "a claim is an old one"
    );
    let others = self::secrets(&fresh).await?;
    ensure!(
        others.iter().all(|(name, data)| secrets[name] != *data),
        "a Secret is an old one"
    );
    knows_alice(&fresh, false).await
}

/// Ready soon after its start, with its Services.
async fn is_in_order(files: &Instance) -> Outcome {
    let server = files.wait_ready().await?;
    let took = ready_at(&server)?.as_second() - started_at(&files.pod().await?)?.as_second();
    println!("ready {took} s after the start of the server");
    ensure!(took <= READY_WITHIN, "it took {took} s to be ready");
    files.wait_services(&ADAPTERS, API_DEADLINE).await?;
    Ok(())
}

fn ready_at(server: &DittoServer) -> Result<Timestamp, Error> {
    let conditions = server.status.iter().flat_map(|status| &status.conditions);
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    let ready = ready.next().ok_or("there is no condition Ready")?;
    Ok(ready.last_transition_time.0)
}

fn started_at(pod: &Pod) -> Result<Timestamp, Error> {
    let status = pod.status.iter();
    let mut containers = status.flat_map(|status| status.container_statuses.iter().flatten());
    let server = containers.find(|container| container.name == names::SERVER_CONTAINER);
    let state = server.and_then(|server| server.state.as_ref()?.running.as_ref());
    let started = state.and_then(|running| running.started_at.as_ref());
    Ok(started.ok_or("the server does not run")?.0)
}

async fn claims(files: &Instance) -> Result<Vec<Option<String>>, Error> {
    let claims = files.api::<PersistentVolumeClaim>();
    let claims = claims.list(&ListParams::default()).await?;
    Ok(claims.iter().map(kube::ResourceExt::uid).collect())
}

async fn secrets(files: &Instance) -> Result<BTreeMap<String, Value>, Error> {
    let found = files.api::<Secret>().list(&ListParams::default()).await?;
    let entry = |secret: &Secret| (secret.name_any(), json!(secret.data));
    Ok(found.iter().map(entry).collect())
}

/// Also logs in as the administrator, with the password of the Secret.
async fn knows_alice(files: &Instance, expected: bool) -> Outcome {
    let administrator = files.administrator().await?;
    let status = administrator.ask(Method::GET, USER, None).await?.status;
    ensure!(status.is_success() == expected, "GET {USER}: {status}");
    Ok(())
}
