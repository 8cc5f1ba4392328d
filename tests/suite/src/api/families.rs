//! Services with addresses of both families, and settings of families that a cluster cannot meet.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::exposure::both_published;
use super::seen::{Failed, settled, write};
use super::services::wait_has;

async fn exposed(scene: &Scene, settings: Value) -> Result<Instance, Failed> {
    let mut whole = json!({"type": "ClusterIP"});
    merge(&mut whole, settings);
    both_published(scene, json!({"replicas": 0, "adapterServices": whole})).await
}

fn families(policy: &str, all: &[&str]) -> Value {
    json!({"spec": {"ipFamilyPolicy": policy, "ipFamilies": all}})
}

async fn change(files: &Instance, settings: Value) -> Outcome {
    files.change(json!({"adapterServices": settings})).await?;
    Ok(())
}

/// What is said of the adapters, and whether all are exposed.
fn adapters(server: &DittoServer) -> (bool, Vec<String>) {
    let status = server.status.clone().unwrap_or_default();
    let exposed = status.adapters.iter().filter(|adapter| adapter.exposed);
    let all = exposed.count() == 2;
    let messages = status.adapters.into_iter();
    (
        all,
        messages.filter_map(|adapter| adapter.message).collect(),
    )
}

/// Nothing is wrong with the Services, and nothing is written any more.
async fn is_well(files: &Instance) -> Outcome {
    let well = |server: &DittoServer| match adapters(server) {
        (true, messages) if messages.is_empty() => Ok(()),
        (_, messages) => Err(messages.join("; ")),
    };
    files
        .wait_status("both adapters to be exposed", API_DEADLINE, well)
        .await?;
    settled(&files.scene).await
}

pub async fn a_service_of_one_family_gets_the_other_and_its_ports_follow(scene: Scene) -> Outcome {
    let files = exposed(&scene, json!({"ipFamilies": ["IPv4"]})).await?;
    let single = families("SingleStack", &["IPv4"]);
    let before = wait_has(&files, "files-smb", single.clone()).await?;
    change(&files, json!({"ipFamilyPolicy": "PreferDualStack"})).await?;
    let both = families("PreferDualStack", &["IPv4", "IPv6"]);
    let after = wait_has(&files, "files-smb", both.clone()).await?;
    let addresses = after.spec.and_then(|spec| spec.cluster_ips);
    let addresses = addresses.unwrap_or_default();
    let first = before.spec.and_then(|spec| spec.cluster_ip);
    ensure!(
        addresses.len() == 2 && addresses.first() == first.as_ref(),
        "the addresses are {addresses:?}, and before {first:?}"
    );
    files.moves_smb().await?;
    is_well(&files).await?;
    wait_has(&files, "files-smb", both).await?;
    change(&files, json!({"ipFamilyPolicy": null})).await?;
    wait_has(&files, "files-smb", single).await?;
    is_well(&files).await
}

pub async fn a_new_service_gets_both_families(scene: Scene) -> Outcome {
    let settings = json!({
        "ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"],
        // Two families are meant without a policy.
        "overrides": {"smb": {"ipFamilies": ["IPv4", "IPv6"]}},
    });
    let files = exposed(&scene, settings).await?;
    let made = families("PreferDualStack", &["IPv6", "IPv4"]);
    wait_has(&files, "files-nfs", made).await?;
    let made = families("PreferDualStack", &["IPv4", "IPv6"]);
    wait_has(&files, "files-smb", made).await?;
    files.moves_smb().await?;
    is_well(&files).await?;
    let nfs = wait_has(&files, "files-nfs", json!({})).await?;
    let rewritten = nfs.metadata.annotations.unwrap_or_default();
    ensure!(
        !rewritten.contains_key(labels::OVERRULED_HASH),
        "the second family counts as rewritten: {rewritten:?}"
    );
    Ok(())
}

pub async fn a_policy_that_somebody_else_has_chosen_keeps_both(scene: Scene) -> Outcome {
    let files = exposed(&scene, json!({"ipFamilies": ["IPv4"]})).await?;
    wait_has(&files, "files-smb", families("SingleStack", &["IPv4"])).await?;
    let prefer = json!({"spec": {"ipFamilyPolicy": "PreferDualStack"}});
    write::<Service>(&files, "somebody", "files-smb", prefer).await?;
    let both = families("PreferDualStack", &["IPv4", "IPv6"]);
    wait_has(&files, "files-smb", both.clone()).await?;
    files.moves_smb().await?;
    is_well(&files).await?;
    wait_has(&files, "files-smb", both).await?;
    Ok(())
}

/// In a cluster of one family.
pub async fn ports_follow_though_the_cluster_lacks_a_family(scene: Scene) -> Outcome {
    let files = exposed(&scene, json!({"ipFamilies": ["IPv4"]})).await?;
    let single = families("SingleStack", &["IPv4"]);
    wait_has(&files, "files-smb", single.clone()).await?;
    change(&files, json!({"ipFamilyPolicy": "RequireDualStack"})).await?;
    let failed = |server: &DittoServer| {
        let (_, messages) = adapters(server);
        let told = messages
            .iter()
            .any(|message| message.contains("spec.ipFamilyPolicy"));
        if told {
            Ok(())
        } else {
            Err(messages.join("; "))
        }
    };
    files
        .wait_status("the refusal to be told", API_DEADLINE, failed)
        .await?;
    files.moves_smb().await?;
    wait_has(&files, "files-smb", single.clone()).await?;
    change(&files, json!({"ipFamilyPolicy": null})).await?;
    is_well(&files).await?;
    wait_has(&files, "files-smb", single).await?;
    Ok(())
}
