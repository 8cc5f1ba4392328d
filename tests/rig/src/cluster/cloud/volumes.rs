//! Storage: makes a hostPath PersistentVolume for each claim, grows it on request, and removes it
//! once it is released.

mod plan;

use crate::cluster::cloud::retry::{FixedDelay, retry};
use crate::cluster::cloud::volumes::plan::{Need, is_released, need, persistent_volume};
use crate::cluster::readiness::FIELD_MANAGER;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::runtime::Controller;
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::cluster::cloud::volumes::plan::{PROVISIONER, STORAGE_CLASS};

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error(transparent)]
    Folder(#[from] std::io::Error),
}

struct Context {
    client: Client,
    folder: PathBuf,
}

/// Serves claims until dropped.
pub async fn run(client: Client, folder: PathBuf) {
    while let Err(error) = create_storage_class(&client).await {
        if matches!(error, kube::Error::Api(_)) {
            eprintln!("rig: no StorageClass {STORAGE_CLASS}: {error}");
            return;
        }
        // The API server may be away on purpose.
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    let claims = Controller::new(
        Api::all(client.clone()),
        kube::runtime::watcher::Config::default(),
    );
    let volumes = Controller::new(
        Api::all(client.clone()),
        kube::runtime::watcher::Config::default(),
    );
    let context = Arc::new(Context { client, folder });
    tokio::join!(
        claims
            .trigger_backoff(FixedDelay)
            .run(serve_claim, retry, context.clone())
            .for_each(|_| std::future::ready(())),
        volumes
            .trigger_backoff(FixedDelay)
            .run(remove_released, retry, context)
            .for_each(|_| std::future::ready(())),
    );
}

async fn create_storage_class(client: &Client) -> Result<(), kube::Error> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": true,
    });
    let api: Api<StorageClass> = Api::all(client.clone());
    let signed = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(STORAGE_CLASS, &signed, &Patch::Apply(class))
        .await
        .map(drop)
}

async fn serve_claim(
    claim: Arc<PersistentVolumeClaim>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    match need(&claim) {
        Need::Nothing => {}
        Need::Volume { size } => provision(&claim, &size, &context).await?,
        Need::Growth { volume, size } => grow(&claim, &volume, &size, &context.client).await?,
    }
    Ok(Action::await_change())
}

async fn provision(
    claim: &PersistentVolumeClaim,
    size: &str,
    context: &Context,
) -> Result<(), Error> {
    let name = format!("rig-{}", claim.uid().unwrap_or_default());
    let folder = context.folder.join(&name);
    fs::create_dir_all(&folder)?;
    // hostPath volumes know no fsGroup: whoever the pod runs as must be able to write.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
    let volume = persistent_volume(&name, claim, size, &folder);
    let api: Api<PersistentVolume> = Api::all(context.client.clone());
    let signed = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &signed, &Patch::Apply(volume)).await?;
    Ok(())
}

/// A folder grows by being called larger.
async fn grow(
    claim: &PersistentVolumeClaim,
    volume: &str,
    size: &str,
    client: &Client,
) -> Result<(), Error> {
    let capacity = json!({"capacity": {"storage": size}});
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let larger = json!({"spec": capacity});
    volumes
        .patch(volume, &PatchParams::default(), &Patch::Merge(larger))
        .await?;
    let namespace = claim.namespace().unwrap_or_default();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &namespace);
    let told = json!({"status": capacity});
    claims
        .patch_status(
            &claim.name_any(),
            &PatchParams::default(),
            &Patch::Merge(told),
        )
        .await?;
    Ok(())
}

async fn remove_released(
    volume: Arc<PersistentVolume>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    if is_released(&volume) {
        let name = volume.name_any();
        // The name is made of a claim's uid, so it is a plain name below our own folder.
        match fs::remove_dir_all(context.folder.join(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let api: Api<PersistentVolume> = Api::all(context.client.clone());
        match api.delete(&name, &DeleteParams::default()).await {
            Err(kube::Error::Api(answer)) if answer.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(Action::await_change())
}
