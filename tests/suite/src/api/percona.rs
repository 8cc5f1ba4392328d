//! A database of Percona's operator, which a script plays.

use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::percona::{CLUSTER, Percona, SECRET, database};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::seen::{Failed, lines, operator_writes, settled, wait_object, without_pod};

#[allow(clippy::needless_pass_by_value)] // The macro makes a value.
fn with_percona(more: Value) -> Value {
    let mut spec = without_pod();
    merge(&mut spec, json!({"percona": {"enabled": true}}));
    merge(&mut spec, json!({"percona": more}));
    spec
}

async fn has_no_stateful_set(files: &Instance) -> Outcome {
    settled(&files.scene).await?;
    let found = files.api::<StatefulSet>().get_opt("files").await?;
    ensure!(found.is_none(), "there is a StatefulSet");
    Ok(())
}

/// Waits for a StatefulSet whose server reads the connection from the Secret.
async fn is_connected(files: &Instance) -> Result<StatefulSet, Failed> {
    wait_object::<StatefulSet>(files, "files", "to have the connection", |set| {
        let template = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref());
        let containers = template.iter().flat_map(|pod| &pod.containers);
        let variables = containers.flat_map(|container| container.env.iter().flatten());
        let found: Vec<_> = variables
            .filter_map(|variable| {
                let key = variable.value_from.as_ref()?.secret_key_ref.as_ref()?;
                let whole = key.optional != Some(true);
                (key.name == SECRET && whole).then(|| format!("{}={}", variable.name, key.key))
            })
            .collect();
        let expected = [
            "DITTOFS_DATABASE_POSTGRES_HOST=host",
            "DITTOFS_DATABASE_POSTGRES_PORT=port",
            "DITTOFS_DATABASE_POSTGRES_DATABASE=dbname",
            "DITTOFS_DATABASE_POSTGRES_USER=user",
            "DITTOFS_DATABASE_POSTGRES_PASSWORD=password",
        ];
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

pub async fn a_kind_that_comes_later_is_picked_up(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", with_percona(json!({}))).await?;
    let server = database(&files, "False", "KindMissing").await?;
    let conditions = server
        .status
        .map(|status| status.conditions)
        .unwrap_or_default();
    let told = conditions.iter().any(|condition| {
        condition.type_ == "Ready"
            && condition
                .message
                .contains("perconapgclusters.pgv2.percona.com")
    });
    ensure!(told, "Ready does not tell: {conditions:?}");
    has_no_stateful_set(&files).await?;
    ForeignCrds::ensure()?
        .install(&scene.client, &[Kind::PerconaPgCluster])
        .await?;
    let percona = Percona::of(&scene);
    percona.cluster().await?;
    percona.is_ready().await?;
    is_connected(&files).await?;
    let server = database(&files, "True", "Ready").await?;
    let name = server.status.and_then(|status| status.percona_cluster_name);
    ensure!(
        name.as_deref() == Some(CLUSTER),
        "the status names {name:?}"
    );
    Ok(())
}

pub async fn no_server_starts_before_and_none_stops_for_a_hiccup(scene: Scene) -> Outcome {
    let percona = Percona::of(&scene);
    let backup = json!({
        "enabled": true, "bucket": "b", "endpoint": "https://s3.example", "retentionDays": 9,
        "credentialsSecretRef": {"name": "s3"},
    });
    let spec = with_percona(json!({"replicas": 2, "storageSize": "5Gi", "backup": backup}));
    let files = Instance::create(&scene, "files", spec).await?;
    let cluster = percona.cluster().await?;
    let at = |path: &str| cluster.data.pointer(path).cloned().unwrap_or_default();
    for (path, expected) in [
        ("/spec/postgresVersion", json!(16)),
        ("/spec/instances/0/replicas", json!(2)),
        (
            "/spec/instances/0/dataVolumeClaimSpec/resources/requests/storage",
            json!("5Gi"),
        ),
        ("/spec/users/0/databases", json!(["dittofs"])),
        (
            "/spec/backups/pgbackrest/global/repo1-retention-full",
            json!("9"),
        ),
        (
            "/spec/backups/pgbackrest/configuration/0/secret/name",
            json!("s3"),
        ),
    ] {
        ensure!(at(path) == expected, "{path} is {}", at(path));
    }
    percona.says("initializing").await?;
    database(&files, "False", "NotReady").await?;
    has_no_stateful_set(&files).await?;
    percona.says("ready").await?;
    database(&files, "False", "SecretMissing").await?;
    has_no_stateful_set(&files).await?;
    percona.is_ready().await?;
    let before = is_connected(&files).await?;
    percona.says("initializing").await?;
    database(&files, "False", "NotReady").await?;
    settled(&scene).await?;
    files
        .change(json!({"terminationGracePeriodSeconds": 66}))
        .await?;
    let after = wait_object::<StatefulSet>(&files, "files", "to follow the spec", |set| {
        let template = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref());
        match template.and_then(|pod| pod.termination_grace_period_seconds) {
            Some(66) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    ensure!(before.uid() == after.uid(), "the StatefulSet was made anew");
    is_connected(&files).await?;
    let replicas = after.spec.and_then(|spec| spec.replicas);
    ensure!(
        replicas == Some(0),
        "replicas were asked to be 0 and are {replicas:?}"
    );
    Ok(())
}

pub async fn a_cluster_of_somebody_else_is_used_and_never_changed(scene: Scene) -> Outcome {
    let percona = Percona::of(&scene);
    let theirs = json!({
        "apiVersion": "pgv2.percona.com/v2", "kind": "PerconaPGCluster", "metadata": {"name": CLUSTER},
        "spec": {
            "postgresVersion": 15, "backups": {"enabled": false},
            "instances": [{"name": "theirs", "dataVolumeClaimSpec": {}}],
        },
    });
    percona
        .clusters
        .patch(
            CLUSTER,
            &PatchParams::apply("somebody"),
            &Patch::Apply(theirs),
        )
        .await?;
    percona.is_ready().await?;
    let before = percona.cluster().await?.resource_version();
    let spec = with_percona(json!({"replicas": 3, "deleteWithServer": true}));
    let files = Instance::create(&scene, "files", spec).await?;
    is_connected(&files).await?;
    database(&files, "True", "ExternallyManaged").await?;
    settled(&scene).await?;
    let after = percona.cluster().await?.resource_version();
    ensure!(before == after, "it was changed");
    Ok(())
}

pub async fn it_goes_with_the_server_only_when_asked(scene: Scene) -> Outcome {
    let percona = Percona::of(&scene);
    let files = Instance::create(&scene, "files", with_percona(json!({}))).await?;
    let first = percona.cluster().await?;
    ensure!(first.owner_references().is_empty(), "it has an owner");
    percona.is_ready().await?;
    is_connected(&files).await?;
    delete(&files).await?;
    // The same name again finds it, and nothing is made anew.
    let again = Instance::create(&scene, "files", with_percona(json!({}))).await?;
    is_connected(&again).await?;
    database(&again, "True", "Ready").await?;
    settled(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    again.change(json!({"percona": {"enabled": false}})).await?;
    settled(&scene).await?;
    let found = percona.cluster().await?;
    ensure!(found.uid() == first.uid(), "it is another one");
    let writes = operator_writes(&scene, mark)?;
    let touched = writes
        .iter()
        .any(|entry| entry.resource == "perconapgclusters");
    ensure!(!touched, "it was written to:\n{}", lines(&writes));
    let spec = json!({"percona": {"enabled": true, "deleteWithServer": true}});
    again.change(spec).await?;
    wait_owners(&percona, 1).await?;
    again
        .change(json!({"percona": {"deleteWithServer": false}}))
        .await?;
    wait_owners(&percona, 0).await?;
    again
        .change(json!({"percona": {"deleteWithServer": true}}))
        .await?;
    wait_owners(&percona, 1).await?;
    delete(&again).await?;
    wait_for("the PerconaPGCluster to go", API_DEADLINE, || async {
        match percona.clusters.get_opt(CLUSTER).await {
            Ok(None) => Ok(()),
            other => Err(format!(
                "{:?}",
                other.map(|found| found.map(|one| one.metadata))
            )),
        }
    })
    .await?;
    Ok(())
}

async fn wait_owners(percona: &Percona, expected: usize) -> Outcome {
    wait_for(&format!("{expected} owners"), API_DEADLINE, || async {
        let found = percona.clusters.get(CLUSTER).await;
        let owners = found
            .map_err(|error| error.to_string())?
            .metadata
            .owner_references;
        match owners.unwrap_or_default().len() {
            count if count == expected => Ok(()),
            count => Err(format!("{count}")),
        }
    })
    .await?;
    Ok(())
}

async fn delete(files: &Instance) -> Outcome {
    let servers = files.api::<DittoServer>();
    servers.delete("files", &DeleteParams::background()).await?;
    wait_for("the StatefulSet to go", API_DEADLINE, || async {
        match files.api::<StatefulSet>().get_opt("files").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}
