//! An instance can always be deleted: whatever of it is dead, and also when the operator is away and comes back later. Nothing is left
//! of it but data.

use dittofs_model::random::Random;
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::kubelet::Kubelet;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, grounds};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::DeleteParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::time::Duration;

use super::lane::{Lane, NAMES, Run};
use super::scenarios::{Step, create, with};
use super::settings::{self, Tally};
use crate::api::deletion::is_gone;
use crate::api::seen::{Failed, names_of, write};

/// So many cases are tried in a short sample.
const SAMPLE: usize = 4;

/// What somebody deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deleted {
    Server,
    Namespace,
}

/// What is wrong while it is deleted.
#[derive(Clone, Copy, Debug)]
struct Case {
    deleted: Deleted,
    /// The pod has never started.
    server_is_dead: bool,
    /// A sidecar that was taken over, and has ended since, has put a finalizer on its ConfigMap.
    is_held: bool,
    /// The operator is killed before, and starts again afterwards.
    operator_is_away: bool,
}

fn cases() -> impl Iterator<Item = Case> {
    (0..16).map(|bits: u8| Case {
        deleted: if bits & 1 == 0 {
            Deleted::Server
        } else {
            Deleted::Namespace
        },
        server_is_dead: bits & 2 != 0,
        is_held: bits & 4 != 0,
        operator_is_away: bits & 8 != 0,
    })
}

async fn left(files: &Instance) -> Result<Vec<String>, Failed> {
    let mut left = names_of::<StatefulSet>(files).await?;
    left.extend(names_of::<Pod>(files).await?);
    left.extend(names_of::<Service>(files).await?);
    left.extend(names_of::<NetworkPolicy>(files).await?);
    left.extend(names_of::<ConfigMap>(files).await?);
    left.extend(names_of::<ServiceAccount>(files).await?);
    left.extend(names_of::<PodDisruptionBudget>(files).await?);
    left.extend(names_of::<Role>(files).await?);
    left.extend(names_of::<RoleBinding>(files).await?);
    let servers = files.api::<DittoServer>();
    let server = servers.get_opt(&files.name).await?;
    left.extend(server.map(|server| format!("DittoServer {:?}", server.finalizers())));
    Ok(left)
}

async fn wait_gone(files: &Instance, case: Case) -> Outcome {
    let namespaces: Api<Namespace> = Api::all(files.scene.client.clone());
    let name = &files.scene.namespace;
    wait_for("nothing to be left", API_DEADLINE, || async {
        let left = left(files).await.map_err(|error| error.to_string())?;
        let found = namespaces.get_opt(name).await;
        let found = found.map_err(|error| error.to_string())?;
        let stays = case.deleted == Deleted::Namespace && found.is_some();
        if left.is_empty() && !stays {
            return Ok(());
        }
        Err(format!("{left:?}, {:?}", found.and_then(|it| it.status)))
    })
    .await?;
    Ok(())
}

async fn delete(run: &mut Run<'_>, case: Case) -> Outcome {
    let files = run.files().clone();
    let running = json!({"replicas": 1, "storage": {"storageClassName": null}});
    let _kubelet = Kubelet::play(&files.scene, Duration::ZERO, move |_| !case.server_is_dead);
    create(&files, with(running)).await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    if case.operator_is_away {
        run.kill();
    }
    if case.is_held {
        let held = json!({"metadata": {"finalizers": ["somebody.example/held"]}});
        let name = names::adapters(&files.name);
        write::<ConfigMap>(&files, "dittofs-sidecar", &name, held).await?;
    }
    match case.deleted {
        Deleted::Server => {
            let kind = kube::api::ApiResource::erase::<DittoServer>(&());
            Step::Delete(kind, "files").take(&files).await?;
        }
        Deleted::Namespace => {
            let namespaces: Api<Namespace> = Api::all(files.scene.client.clone());
            let name = &files.scene.namespace;
            namespaces.delete(name, &DeleteParams::background()).await?;
        }
    }
    if case.operator_is_away {
        // The `DittoServer` itself has nothing to wait for.
        is_gone(&files).await?;
        run.revive()?;
    }
    wait_gone(&files, case).await
}

async fn one(scene: &Scene, lane: &Lane, number: usize, case: Case) -> Outcome {
    let files = grounds::instance(scene, &format!("deletion-{number}")).await?;
    let mut run = lane.begin(files)?;
    delete(&mut run, case).await
}

pub async fn an_instance_can_always_be_deleted(scene: Scene) -> Outcome {
    let lane = Lane::open(&scene, NAMES[0]).await?;
    let mut cases = Random::of(settings::seed(), "deletion").shuffled(cases().collect());
    let mut tally = Tally {
        of: Some(cases.len()),
        ..Tally::default()
    };
    if settings::is_sample() {
        cases.truncate(SAMPLE);
    }
    for (number, case) in cases.into_iter().enumerate() {
        tally.plans += 1;
        tally.faults += 1;
        if let Err(error) = one(&scene, &lane, number, case).await {
            tally.violations.push(format!("{case:?}: {error}"));
        }
    }
    tally.tell("an instance can always be deleted", "")
}
