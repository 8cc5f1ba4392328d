//! Kinds of others, in the world in which none of them is installed to begin with.

use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, ResourceExt};

use super::seen::without_pod;

/// An operator that needs none of them works before they come, while they are there, and when they are gone.
pub async fn an_operator_works_while_they_come_and_go(scene: Scene) -> Outcome {
    let crds: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let installed = crds.list(&kube::api::ListParams::default()).await?;
    let names: Vec<_> = installed.iter().map(ResourceExt::name_any).collect();
    ensure!(
        names == ["dittoservers.dittofs.dittofs.com"],
        "the bare world has {names:?}"
    );
    works(&scene, "before").await?;
    let definitions = ForeignCrds::ensure()?;
    definitions.install(&scene.client, &Kind::ALL).await?;
    works(&scene, "while").await?;
    ForeignCrds::remove(&scene.client, &Kind::ALL).await?;
    works(&scene, "after").await
}

async fn works(scene: &Scene, name: &str) -> Outcome {
    let instance = Instance::create(scene, name, without_pod()).await?;
    instance.publish(vec![adapter("nfs", 12049)]).await?;
    instance
        .wait_services(&[(&format!("{name}-nfs"), 12049)], API_DEADLINE)
        .await?;
    instance
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}
