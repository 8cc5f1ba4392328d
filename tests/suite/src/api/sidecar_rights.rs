//! What a sidecar may do: use its two ConfigMaps, and nothing else.

use dittofs_rig::{Caller, wait_for};
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{
    DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::rights::{Question, answers, may};
use super::seen::{Failed, wait_config, wait_object, without_pod};

const MAY: [&str; 4] = [
    "get configmaps own files-adapters",
    "patch configmaps own files-adapters",
    "list configmaps own files-sidecar",
    "watch configmaps own files-sidecar",
];

const MAY_NOT: [&str; 51] = [
    "get configmaps own files-sidecar",
    "list configmaps own files-adapters",
    "watch configmaps own files-adapters",
    "create configmaps own files-adapters",
    "update configmaps own files-adapters",
    "delete configmaps own files-adapters",
    "deletecollection configmaps own -",
    "patch configmaps own files-sidecar",
    "update configmaps own files-sidecar",
    "delete configmaps own files-sidecar",
    "get configmaps own files-config-0123456789ab",
    "patch configmaps own files-config-0123456789ab",
    "get configmaps own other-adapters",
    "patch configmaps own other-adapters",
    "get configmaps own other-sidecar",
    "get configmaps own kube-root-ca.crt",
    "list configmaps own -",
    "watch configmaps own -",
    "create configmaps own -",
    "get configmaps default files-adapters",
    "patch configmaps default files-adapters",
    "list configmaps - files-sidecar",
    "list configmaps - -",
    "get configmaps kube-system kubeadm-config",
    "get secrets own files-jwt-secret",
    "get secrets own files-admin-bootstrap-credentials",
    "get secrets own files-sidecar-credentials",
    "list secrets own -",
    "list secrets - -",
    "create secrets own -",
    "get pods own files-0",
    "list pods own -",
    "delete pods own files-0",
    "create pods own -",
    "create pods/exec own files-0",
    "get pods/log own files-0",
    "create pods/portforward own files-0",
    "get services own files-smb",
    "patch services own files-smb",
    "create services own -",
    "delete networkpolicies.networking.k8s.io own files-baseline",
    "patch statefulsets.apps own files",
    "get dittoservers.dittofs.dittofs.com own files",
    "patch dittoservers.dittofs.dittofs.com own files",
    "patch dittoservers/status.dittofs.dittofs.com own files",
    "create serviceaccounts/token own files-sidecar",
    "patch roles.rbac.authorization.k8s.io own files-sidecar",
    "create rolebindings.rbac.authorization.k8s.io own -",
    "create events own -",
    "get nodes - -",
    "get namespaces - default",
];

pub async fn a_sidecar_may_use_its_two_config_maps_and_nothing_else(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    Instance::create(&scene, "other", without_pod()).await?;
    wait_for_rights(&files).await?;
    let account = names::sidecar("files");
    let account = (scene.namespace.as_str(), account.as_str());
    answers(&scene, account, true, &MAY).await?;
    answers(&scene, account, false, &MAY_NOT).await
}

/// The API server's own copy of the rights follows a little later.
async fn wait_for_rights(files: &Instance) -> Outcome {
    let account = names::sidecar(&files.name);
    let question = format!("patch configmaps own {}", names::adapters(&files.name));
    wait_for("the sidecar's rights", API_DEADLINE, || async {
        let account = (files.scene.namespace.as_str(), account.as_str());
        match may(&files.scene, account, &Question(&question)).await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}

fn as_sidecar(files: &Instance) -> Result<Api<ConfigMap>, Failed> {
    let scene = &files.scene;
    let caller = Caller::service_account(&scene.namespace, &names::sidecar(&files.name));
    let client: Client = scene.world.cluster.client_as(&caller)?;
    Ok(Api::namespaced(client, &scene.namespace))
}

fn code<T>(answer: kube::Result<T>) -> u16 {
    match answer {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

fn state(name: &str) -> Patch<Value> {
    let data = json!({"schema": "v1"});
    Patch::Apply(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}),
    )
}

const OWN_SETTINGS: &str = "metadata.name=files-sidecar";

/// Watches the settings from a version on, until they have a log level.
async fn watch_level(api: &Api<ConfigMap>, since: &str, level: &str) -> Result<(), Failed> {
    let parameters = WatchParams::default().fields(OWN_SETTINGS);
    let mut changes = std::pin::pin!(api.watch(&parameters, since).await?);
    while let Some(event) = changes.try_next().await? {
        if let WatchEvent::Modified(settings) = event
            && settings
                .data
                .unwrap_or_default()
                .get("logLevel")
                .is_some_and(|seen| seen == level)
        {
            return Ok(());
        }
    }
    Err("the watch has ended without the change".into())
}

/// What the sidecar really does, as the sidecar.
pub async fn a_sidecar_publishes_and_watches_its_settings(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    wait_for_rights(&files).await?;
    wait_object::<ConfigMap>(&files, "files-adapters", "is there", |_| Ok(())).await?;
    let api = as_sidecar(&files)?;
    let parameters = PatchParams::apply(labels::SIDECAR_MANAGER).force();
    let published = api
        .patch("files-adapters", &parameters, &state("files-adapters"))
        .await?;
    ensure!(published.data.is_some(), "nothing is published");
    let listed = api
        .list(&ListParams::default().fields(OWN_SETTINGS))
        .await?;
    ensure!(
        listed.items.len() == 1,
        "{} settings are listed",
        listed.items.len()
    );
    let since = listed.metadata.resource_version.unwrap_or_default();
    files
        .change(json!({"sidecar": {"logLevel": "DEBUG"}}))
        .await?;
    tokio::time::timeout(API_DEADLINE, watch_level(&api, &since, "DEBUG")).await?
}

pub async fn a_sidecar_is_refused_everything_else(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    wait_for_rights(&files).await?;
    let config = wait_config(&files, |_| true).await?;
    let api = as_sidecar(&files)?;
    let parameters = PatchParams::apply(labels::SIDECAR_MANAGER).force();
    let new = serde_json::from_value(json!({"metadata": {"name": "new"}}))?;
    for (what, answer) in [
        ("list of all", code(api.list(&ListParams::default()).await)),
        (
            "watch of all",
            code(api.watch(&WatchParams::default(), "0").await.map(drop)),
        ),
        (
            "apply elsewhere",
            code(api.patch(&config, &parameters, &state(&config)).await),
        ),
        (
            "create",
            code(api.create(&PostParams::default(), &new).await),
        ),
    ] {
        ensure!(answer == 403, "{what} is answered with {answer}");
    }
    Ok(())
}

/// With `patch` and without `create`, an apply to what is not there makes nothing: the sidecar must wait for the operator.
pub async fn a_sidecar_cannot_make_its_config_map(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    wait_for_rights(&files).await?;
    wait_object::<ConfigMap>(&files, "files-adapters", "is there", |_| Ok(())).await?;
    // So that it stays away.
    files.change(json!({"paused": true})).await?;
    files
        .wait_condition("Paused", "True", None, API_DEADLINE)
        .await?;
    files
        .api::<ConfigMap>()
        .delete("files-adapters", &DeleteParams::default())
        .await?;
    let api = as_sidecar(&files)?;
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files-adapters"}});
    let parameters = PatchParams::apply(labels::SIDECAR_MANAGER).force();
    let answer = code(
        api.patch("files-adapters", &parameters, &Patch::Apply(body))
            .await,
    );
    ensure!(
        answer == 403,
        "the answer to an apply that would create is {answer}"
    );
    let answer = code(
        api.patch(
            "files-adapters",
            &PatchParams::default(),
            &Patch::Merge(json!({"data": {}})),
        )
        .await,
    );
    ensure!(
        answer == 404,
        "the answer to a patch of what is not there is {answer}"
    );
    ensure!(
        files
            .api::<ConfigMap>()
            .get_opt("files-adapters")
            .await?
            .is_none(),
        "it has been made"
    );
    Ok(())
}
