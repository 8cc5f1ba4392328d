//! A running pod gets another sidecar, and nobody notices.

use dittofs_rig::{images, installation, wait_for};
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::traffic::{Question, Traffic};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::PoisonError;

use super::hardship::server_restarts;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How often the image is changed, unless `DITTOFS_TEST_RENEWALS` says otherwise. Each takes some 12 s, until it has proved itself.
const CHANGES: usize = 3;
/// An image that nobody has.
const MISSING: &str = "docker.io/local/no-such-sidecar:1";

fn changes() -> usize {
    let asked = std::env::var("DITTOFS_TEST_RENEWALS").ok();
    asked
        .and_then(|asked| asked.parse().ok())
        .unwrap_or(CHANGES)
}

/// The address of a Service, once it leads to the pod.
async fn address(files: &Instance, name: &str, port: u16) -> Result<SocketAddr, Error> {
    let service = files.api::<Service>().get(name).await?;
    let address = service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .unwrap_or_default();
    let address = SocketAddr::new(address.parse()?, port);
    wait_for(
        &format!("{name} to lead to the pod"),
        API_DEADLINE,
        || async {
            let connected = tokio::net::TcpStream::connect(address).await;
            connected.map(drop).map_err(|error| error.to_string())
        },
    )
    .await?;
    Ok(address)
}

fn runs_simulator(scene: &Scene) -> bool {
    let installed = scene.world.installation.lock();
    let installed = installed.unwrap_or_else(PoisonError::into_inner);
    installed.server.contains("simulator")
}

/// Clients of both protocols. The simulator speaks neither, so that it is asked for a line.
async fn clients(files: &Instance) -> Result<Traffic, Error> {
    let is_simulator = runs_simulator(&files.scene);
    let (nfs_question, smb_question) = if is_simulator {
        (Question::Line, Question::Line)
    } else {
        (Question::NfsNull, Question::SmbNegotiate)
    };
    let nfs = address(files, "files-nfs", 12049).await?;
    let smb = address(files, "files-smb", 1445).await?;
    let traffic = Traffic::new()
        .connecting(nfs, nfs_question)
        .connecting(smb, smb_question);
    Ok(traffic.holding(nfs, nfs_question).await?)
}

/// What nobody should notice: conditions with the time of their last transition, without the one about the sidecar.
async fn noticed(files: &Instance) -> Result<Vec<String>, Error> {
    let server = files.api::<DittoServer>().get(&files.name).await?;
    let conditions = server.status.unwrap_or_default().conditions;
    let others = conditions
        .iter()
        .filter(|found| found.type_ != "SidecarUpToDate");
    let told = others.map(|found| {
        format!(
            "{}={} since {}",
            found.type_, found.status, found.last_transition_time.0
        )
    });
    Ok(told.collect())
}

/// Notes of the operator's Events that warn, or that are about a condition.
async fn alarms(files: &Instance) -> Result<Vec<String>, Error> {
    let events = files.events_of_operator().await?;
    let loud = events.into_iter().filter(|event| {
        event.type_.as_deref() == Some("Warning") || event.action.as_deref() == Some("Reconcile")
    });
    let notes = loud.filter_map(|event| event.note);
    // Written after the status, and perhaps only now.
    Ok(notes
        .filter(|note| !note.starts_with("Ready: the server is running"))
        .collect())
}

async fn wait_sidecar(files: &Instance, image: &str) -> Outcome {
    files
        .wait_status(&format!("sidecar {image}"), POD_DEADLINE, |server| {
            let status = server.status.clone().unwrap_or_default();
            let current = status.conditions.iter().any(|found| {
                found.type_ == "SidecarUpToDate"
                    && found.status == "True"
                    && found.message.contains(image)
            });
            if current && status.sidecar_image.as_deref() == Some(image) {
                Ok(())
            } else {
                Err(format!(
                    "{:?} {:?}",
                    status.sidecar_image, status.conditions
                ))
            }
        })
        .await?;
    Ok(())
}

/// The template follows when the image has proved itself, and its controller has seen it.
async fn wait_template(files: &Instance, image: &str) -> Outcome {
    let what = format!("the template to have sidecar {image}");
    wait_for(&what, API_DEADLINE, || async {
        let set = files.api::<StatefulSet>().get("files").await;
        let set = set.map_err(|error| error.to_string())?;
        let template = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref());
        let sidecar = template.and_then(|spec| spec.init_containers.as_ref()?.first());
        let found = sidecar.and_then(|sidecar| sidecar.image.as_deref());
        let observed = set
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        if found == Some(image) && observed == set.metadata.generation {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await?;
    Ok(())
}

/// Images and ids of what runs in the pod: sidecar, server.
fn containers(pod: &Pod) -> (Option<String>, Option<String>) {
    let status = pod.status.as_ref();
    let first = |statuses: Option<&Vec<k8s_openapi::api::core::v1::ContainerStatus>>| {
        statuses?.first()?.container_id.clone()
    };
    (
        first(status.and_then(|status| status.init_container_statuses.as_ref())),
        first(status.and_then(|status| status.container_statuses.as_ref())),
    )
}

pub async fn new_sidecars_disturb_no_client(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    wait_sidecar(&files, images::SIDECAR).await?;
    let traffic = clients(&files).await?;
    let (before, told, alarmed) = (
        files.pod().await?,
        noticed(&files).await?,
        alarms(&files).await?,
    );
    let mut sidecar = containers(&before).0;
    for change in 0..changes() {
        let image = [images::OTHER_SIDECAR, images::SIDECAR][change % 2];
        files.change(json!({"sidecar": {"image": image}})).await?;
        wait_sidecar(&files, image).await?;
        wait_template(&files, image).await?;
        let now = containers(&files.pod().await?).0;
        ensure!(
            now != sidecar,
            "change {change}: the sidecar is the same one, {now:?}"
        );
        sidecar = now;
    }
    traffic.finish().await?;
    let after = files.pod().await?;
    ensure!(
        server_restarts(&after) == 0
            && before.uid() == after.uid()
            && containers(&before).1 == containers(&after).1,
        "the server restarted"
    );
    let (after, alarmed_after) = (noticed(&files).await?, alarms(&files).await?);
    ensure!(told == after, "conditions moved:\n{told:#?}\n{after:#?}");
    ensure!(alarmed == alarmed_after, "{alarmed_after:#?}");
    Ok(())
}

pub async fn an_image_that_cannot_be_pulled_is_put_back(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let traffic = clients(&files).await?;
    let (before, told) = (files.pod().await?, noticed(&files).await?);
    for image in [MISSING, "docker.io/local/NO:1"] {
        files.change(json!({"sidecar": {"image": image}})).await?;
        let refused = Some("ImageRefused");
        files
            .wait_condition("SidecarUpToDate", "False", refused, POD_DEADLINE)
            .await?;
        files
            .wait_status("the first image", POD_DEADLINE, |server| {
                let image = server.status.clone().unwrap_or_default().sidecar_image;
                if image.as_deref() == Some(images::SIDECAR) {
                    Ok(())
                } else {
                    Err(format!("{image:?}"))
                }
            })
            .await?;
        wait_for("the sidecar to run", POD_DEADLINE, || async {
            let pod = files.pod().await.map_err(|error| error.to_string())?;
            let statuses = pod.status.and_then(|status| status.init_container_statuses);
            if statuses.iter().flatten().all(|status| status.ready) {
                Ok(())
            } else {
                Err(format!("{statuses:?}"))
            }
        })
        .await?;
    }
    files
        .change(json!({"sidecar": {"image": images::OTHER_SIDECAR}}))
        .await?;
    wait_sidecar(&files, images::OTHER_SIDECAR).await?;
    traffic.finish().await?;
    let after = files.pod().await?;
    ensure!(
        server_restarts(&after) == 0 && before.uid() == after.uid(),
        "the server restarted"
    );
    let after = noticed(&files).await?;
    ensure!(told == after, "conditions moved:\n{told:#?}\n{after:#?}");
    Ok(())
}

/// Gives the operator another default image, as a new version of it has one.
async fn upgrade_operator(scene: &Scene, image: &str) -> Outcome {
    let deployment = format!("deployment/{}", installation::OPERATOR);
    let variable = format!("DITTOFS_OPERATOR_SIDECAR_IMAGE={image}");
    for words in [
        vec!["set", "env", &deployment, &variable],
        vec!["rollout", "status", "--timeout=180s", &deployment],
    ] {
        let mut kubectl = scene.world.cluster.kubectl(["-n", installation::NAMESPACE]);
        kubectl.args(&words);
        // The clients ask meanwhile.
        let output = tokio::process::Command::from(kubectl).output().await?;
        ensure!(output.status.success(), "{words:?}: {output:?}");
    }
    Ok(())
}

pub async fn an_upgrade_of_the_operator_brings_the_sidecars_along(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({"rollPolicy": "Manual"})).await?;
    files.wait_ready().await?;
    let traffic = clients(&files).await?;
    let before = files.pod().await?;
    upgrade_operator(&scene, images::OTHER_SIDECAR).await?;
    let outcome = wait_sidecar(&files, images::OTHER_SIDECAR).await;
    upgrade_operator(&scene, images::SIDECAR).await?;
    outcome?;
    wait_sidecar(&files, images::SIDECAR).await?;
    traffic.finish().await?;
    let after = files.pod().await?;
    ensure!(
        server_restarts(&after) == 0 && before.uid() == after.uid(),
        "the server restarted"
    );
    Ok(())
}
