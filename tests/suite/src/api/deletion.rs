//! A `DittoServer` that goes takes everything with it but the data: the claims, and the Secrets that give access to them. The
//! garbage collector does it by owner, with or without the operator.

use dittofs_rig::wait_for;
use dittofs_shared::crd::{DittoServer, Phase};
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::secrets::nudge;
use super::seen::{Failed, ensure_no_writes, names_of, pod_never_runs, settled, write};

/// Everything of every kind that bears the name of the instance, but the data.
async fn belongings(files: &Instance) -> Result<Vec<String>, Failed> {
    let mut all = names_of::<StatefulSet>(files).await?;
    all.extend(names_of::<Pod>(files).await?);
    all.extend(names_of::<Service>(files).await?);
    all.extend(names_of::<NetworkPolicy>(files).await?);
    let config_maps = names_of::<ConfigMap>(files).await?.into_iter();
    all.extend(config_maps.map(without_hash));
    all.extend(names_of::<ServiceAccount>(files).await?);
    all.extend(names_of::<Role>(files).await?);
    all.extend(names_of::<RoleBinding>(files).await?);
    Ok(all)
}

/// A configuration has a hash of its content in its name.
fn without_hash(config_map: String) -> String {
    let known = "ConfigMap files-config-";
    if config_map.starts_with(known) {
        return format!("{known}…");
    }
    config_map
}

const EVERYTHING: [&str; 14] = [
    "StatefulSet files",
    "Pod files-0",
    "Service files-headless",
    "Service files-nfs",
    "Service files-smb",
    "NetworkPolicy files-baseline",
    "NetworkPolicy files-nfs",
    "NetworkPolicy files-smb",
    "ConfigMap files-adapters",
    "ConfigMap files-config-…",
    "ConfigMap files-sidecar",
    "ServiceAccount files-sidecar",
    "Role files-sidecar",
    "RoleBinding files-sidecar",
];

/// An instance with all that an instance can have.
async fn complete(scene: &Scene) -> Result<Instance, Failed> {
    let files = Instance::create(scene, "files", pod_never_runs()).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    wait_belongings(&files, "all that belongs to the instance", &EVERYTHING).await?;
    wait_for("the claims", POD_DEADLINE, || async {
        let claims = names_of::<PersistentVolumeClaim>(&files)
            .await
            .map_err(|error| error.to_string())?;
        if claims.len() == 3 {
            Ok(())
        } else {
            Err(format!("{claims:?}"))
        }
    })
    .await?;
    Ok(files)
}

async fn wait_belongings(files: &Instance, what: &str, expected: &[&str]) -> Outcome {
    wait_for(what, POD_DEADLINE, || async {
        let mut seen = belongings(files).await.map_err(|error| error.to_string())?;
        let mut expected = expected.to_vec();
        seen.sort();
        expected.sort_unstable();
        if seen == expected {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await?;
    Ok(())
}

async fn data_are_left(files: &Instance) -> Outcome {
    let claims = names_of::<PersistentVolumeClaim>(files).await?;
    ensure!(claims.len() == 3, "the claims are {claims:?}");
    let secrets = names_of::<Secret>(files).await?;
    ensure!(secrets.len() == 3, "the Secrets are {secrets:?}");
    Ok(())
}

async fn delete(files: &Instance, parameters: &DeleteParams) -> Outcome {
    files
        .api::<DittoServer>()
        .delete(&files.name, parameters)
        .await?;
    Ok(())
}

/// Waits until the `DittoServer` itself is gone.
pub async fn is_gone(files: &Instance) -> Outcome {
    let servers = files.api::<DittoServer>();
    wait_for("the DittoServer to go", POD_DEADLINE, || async {
        match servers.get_opt(&files.name).await {
            Ok(None) => Ok(()),
            Ok(Some(server)) => Err(format!("finalizers {:?}", server.finalizers())),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    Ok(())
}

pub async fn everything_goes_but_the_data(scene: Scene) -> Outcome {
    let files = complete(&scene).await?;
    delete(&files, &DeleteParams::background()).await?;
    wait_belongings(&files, "nothing to be left", &[]).await?;
    data_are_left(&files).await?;
    // The same name again finds the same claims and is complete again.
    let again = Instance::create(&scene, "files", pod_never_runs()).await?;
    again
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    wait_belongings(&again, "everything to be there again", &EVERYTHING).await
}

pub async fn orphans_stay_and_are_left_alone(scene: Scene) -> Outcome {
    let files = complete(&scene).await?;
    delete(&files, &DeleteParams::orphan()).await?;
    is_gone(&files).await?;
    wait_belongings(&files, "everything to stay", &EVERYTHING).await
}

/// While somebody's finalizer holds the `DittoServer` back, it is still there, and nothing may be made for it again.
pub async fn nothing_is_made_again_for_an_instance_on_its_way_out(scene: Scene) -> Outcome {
    let files = complete(&scene).await?;
    let hold = |finalizers: Value| {
        let files = files.clone();
        async move {
            let patch = json!({"metadata": {"finalizers": finalizers}});
            write::<DittoServer>(&files, "somebody", "files", patch).await
        }
    };
    hold(json!(["example.com/held"])).await?;
    delete(&files, &DeleteParams::foreground()).await?;
    let server = files.api::<DittoServer>().get("files").await?;
    ensure!(
        server.metadata.deletion_timestamp.is_some(),
        "the DittoServer is not being deleted"
    );
    // The operator's answers to what was before are over when it has been silent about this.
    nudge(&files, 1).await?;
    files
        .wait_status("its last word to be told", API_DEADLINE, |server| {
            let phase = server.status.as_ref().and_then(|status| status.phase);
            if phase == Some(Phase::Deleting) {
                Ok(())
            } else {
                Err(format!("{phase:?}"))
            }
        })
        .await?;
    settled(&scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    // The garbage collector may have been faster.
    let gone = DeleteParams::background();
    let service = files.api::<Service>().delete("files-nfs", &gone).await;
    let settings = files.api::<ConfigMap>();
    let settings = settings.delete("files-sidecar", &gone).await;
    for answer in [service.map(drop), settings.map(drop)] {
        let gone = matches!(&answer, Err(kube::Error::Api(status)) if status.code == 404);
        ensure!(answer.is_ok() || gone, "{answer:?}");
    }
    write::<DittoServer>(
        &files,
        "somebody",
        "files",
        json!({"spec": {"replicas": 0}}),
    )
    .await?;
    hold(Value::Null).await?;
    wait_belongings(&files, "nothing to be left", &[]).await?;
    is_gone(&files).await?;
    data_are_left(&files).await?;
    ensure_no_writes(&scene, mark)
}
