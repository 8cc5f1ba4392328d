//! Services that take the place of others: an address goes when there is a new one. No cloud serves the class of these load
//! balancers, so that the test gives out the addresses.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::exposure::both_published;
use super::seen::{Failed, settled, version};

const CLASS: &str = "example.com/by-hand";

/// Both adapters have load balancers with addresses.
async fn both_addressed(scene: &Scene) -> Result<Instance, Failed> {
    let spec = json!({
        "storage": {"storageClassName": "nowhere"},
        "adapterServices": {"type": "LoadBalancer", "loadBalancerClass": CLASS},
    });
    let files = both_published(scene, spec).await?;
    wait_names(&files, &["files-nfs", "files-smb"]).await?;
    give_address(&files, "files-nfs", "203.0.113.1").await?;
    give_address(&files, "files-smb", "203.0.113.2").await?;
    wait_told(&files, &["203.0.113.1:12049", "203.0.113.2:1445"]).await?;
    Ok(files)
}

/// As a load balancer controller does it.
async fn give_address(files: &Instance, service: &str, address: &str) -> Outcome {
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}});
    let api = files.api::<Service>();
    api.patch_status(service, &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}

async fn wait_names(files: &Instance, expected: &[&str]) -> Outcome {
    let what = format!("the Services {expected:?}");
    wait_for(&what, API_DEADLINE, || async {
        let services = files.adapter_services().await;
        let services = services.map_err(|error| error.to_string())?;
        let names: Vec<_> = services.iter().map(ResourceExt::name_any).collect();
        if names == expected {
            Ok(())
        } else {
            Err(format!("{names:?}"))
        }
    })
    .await?;
    Ok(())
}

fn addresses(server: &DittoServer) -> Vec<String> {
    let adapters = server.status.clone().unwrap_or_default().adapters;
    let address = |adapter: dittofs_shared::crd::AdapterStatus| adapter.address;
    adapters.into_iter().filter_map(address).collect()
}

async fn wait_told(files: &Instance, expected: &[&str]) -> Outcome {
    let what = format!("the addresses {expected:?}");
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let told = addresses(server);
            if told == expected {
                Ok(())
            } else {
                Err(format!("{told:?}"))
            }
        })
        .await?;
    Ok(())
}

/// Waits until the condition names all of these.
async fn wait_waiting(files: &Instance, words: &[&str]) -> Outcome {
    let what = format!("AdaptersReady to name {words:?}");
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let conditions = server.status.iter().flat_map(|status| &status.conditions);
            let found = conditions
                .filter(|condition| condition.type_ == "AdaptersReady")
                .find(|condition| condition.reason == "WaitingForAddress");
            match found {
                Some(found) if words.iter().all(|word| found.message.contains(word)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    Ok(())
}

async fn wait_exposed(files: &Instance) -> Outcome {
    let exposed = Some("AdaptersExposed");
    files
        .wait_condition("AdaptersReady", "True", exposed, API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn a_renamed_load_balancer_stays_until_the_new_one_has_an_address(
    scene: Scene,
) -> Outcome {
    let files = both_addressed(&scene).await?;
    let policies = files.api::<NetworkPolicy>();
    let policy = version(&policies.get("files-smb").await?);
    files
        .change(json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}))
        .await?;
    let all = ["files-nfs", "files-smb", "nfs-of-files", "smb-of-files"];
    wait_names(&files, &all).await?;
    let words = [
        "nfs-of-files",
        "files-nfs",
        "smb-of-files",
        "files-smb",
        "kubectl describe service",
    ];
    wait_waiting(&files, &words).await?;
    settled(&scene).await?;
    wait_names(&files, &all).await?;
    wait_told(&files, &["203.0.113.1:12049", "203.0.113.2:1445"]).await?;
    // One is served. The other one goes on waiting, and nothing closes in between.
    give_address(&files, "nfs-of-files", "203.0.113.3").await?;
    wait_names(&files, &["files-smb", "nfs-of-files", "smb-of-files"]).await?;
    wait_told(&files, &["203.0.113.3:12049", "203.0.113.2:1445"]).await?;
    wait_waiting(&files, &["smb-of-files", "files-smb"]).await?;
    give_address(&files, "smb-of-files", "203.0.113.4").await?;
    wait_names(&files, &["nfs-of-files", "smb-of-files"]).await?;
    wait_told(&files, &["203.0.113.3:12049", "203.0.113.4:1445"]).await?;
    wait_exposed(&files).await?;
    ensure!(
        policy == version(&policies.get("files-smb").await?),
        "the NetworkPolicy was written again"
    );
    Ok(())
}

pub async fn a_change_of_the_mode_keeps_every_address_until_the_new_ones_are_there(
    scene: Scene,
) -> Outcome {
    let files = both_addressed(&scene).await?;
    files
        .change(json!({"adapterServices": {"mode": "Shared"}}))
        .await?;
    let all = ["files-adapters", "files-nfs", "files-smb"];
    wait_names(&files, &all).await?;
    wait_waiting(&files, &all).await?;
    settled(&scene).await?;
    wait_names(&files, &all).await?;
    give_address(&files, "files-adapters", "203.0.113.3").await?;
    wait_names(&files, &["files-adapters"]).await?;
    wait_told(&files, &["203.0.113.3:12049", "203.0.113.3:1445"]).await?;
    // And back: one Service stands for two, and waits for both.
    files
        .change(json!({"adapterServices": {"mode": "PerAdapter"}}))
        .await?;
    wait_names(&files, &all).await?;
    give_address(&files, "files-nfs", "203.0.113.4").await?;
    wait_told(&files, &["203.0.113.4:12049", "203.0.113.3:1445"]).await?;
    settled(&scene).await?;
    wait_names(&files, &all).await?;
    wait_waiting(&files, &["files-adapters", "files-smb"]).await?;
    give_address(&files, "files-smb", "203.0.113.5").await?;
    wait_names(&files, &["files-nfs", "files-smb"]).await?;
    wait_exposed(&files).await
}

pub async fn a_service_that_waits_can_be_deleted_by_hand_or_taken_back(scene: Scene) -> Outcome {
    let files = both_addressed(&scene).await?;
    files
        .change(json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}))
        .await?;
    wait_waiting(&files, &["smb-of-files", "files-smb"]).await?;
    // The next step that the condition names.
    let api = files.api::<Service>();
    api.delete("files-nfs", &kube::api::DeleteParams::default())
        .await?;
    wait_names(&files, &["files-smb", "nfs-of-files", "smb-of-files"]).await?;
    let old = version(&api.get("files-smb").await?);
    files
        .change(json!({"adapterServices": {"nameTemplate": "{instance}-{adapter}"}}))
        .await?;
    // Nobody has an address of nfs, so that nothing waits for it; that of smb has never gone.
    wait_names(&files, &["files-nfs", "files-smb"]).await?;
    wait_told(&files, &["203.0.113.2:1445"]).await?;
    ensure!(
        old == version(&api.get("files-smb").await?),
        "the Service was written again"
    );
    Ok(())
}
