//! What a user reads of the adapters.

use dittofs_shared::crd::DittoServerStatus;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::seen::{Failed, pod_never_runs};

/// Waits until the adapters in the status are these.
async fn wait_adapters(files: &Instance, expected: &Value) -> Result<DittoServerStatus, Failed> {
    let server = files
        .wait_status(
            &format!("status.adapters to be {expected}"),
            API_DEADLINE,
            |server| {
                let seen = json!(server.status.clone().unwrap_or_default().adapters);
                if seen == *expected {
                    Ok(())
                } else {
                    Err(seen.to_string())
                }
            },
        )
        .await?;
    Ok(server.status.unwrap_or_default())
}

pub async fn adapters_and_addresses_are_told(scene: Scene) -> Outcome {
    let spec = json!({"adapterServices": {"type": "ClusterIP", "overrides": {"smb": {"port": 445}}}, "replicas": 0});
    let files = Instance::create(&scene, "files", spec).await?;
    files
        .publish(vec![
            adapter("nfs", 12049),
            adapter("smb", 1445),
            adapter("webdav", 9999),
        ])
        .await?;
    let services = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 445)], API_DEADLINE)
        .await?;
    let host = |index: usize| {
        let spec = services[index].spec.clone().unwrap_or_default();
        spec.cluster_ip.unwrap_or_default()
    };
    let status = wait_adapters(&files, &json!([
        {"type": "nfs", "port": 12049, "enabled": true, "running": true, "exposed": true, "service": "files-nfs",
         "address": format!("{}:12049", host(0)), "mountCommands": [
             format!("mount -t nfs -o vers=4.1,port=12049 {}:/{{share}} /mnt", host(0)),
             format!("mount -t nfs -o vers=3,tcp,nolock,port=12049,mountport=12049 {}:/{{share}} /mnt", host(0)),
         ]},
        {"type": "smb", "port": 1445, "enabled": true, "running": true, "exposed": true, "service": "files-smb",
         "address": format!("{}:445", host(1)), "mountCommands": [
             format!("smbclient //{}/{{share}} -U {{user}}", host(1)),
             format!("mount -t cifs -o vers=3.1.1,username={{user}} //{}/{{share}} /mnt", host(1)),
         ]},
        {"type": "webdav", "port": 9999, "enabled": true, "running": true, "exposed": false,
         "message": "unknown adapter type \"webdav\": must be one of nfs, smb"},
    ]))
    .await?;
    ensure!(
        status.address == Some(host(0)),
        "the address is {:?}",
        status.address
    );
    ensure!(
        status.exposed_adapters.as_deref() == Some("nfs:12049,smb:1445"),
        "{:?}",
        status.exposed_adapters
    );
    Ok(())
}

pub async fn an_address_of_a_load_balancer_is_told(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({"replicas": 0})).await?;
    files.publish(vec![adapter("smb", 1445)]).await?;
    let server = files
        .wait_status("an address from the cloud", API_DEADLINE, |server| {
            let status = server.status.clone().unwrap_or_default();
            if status.address.is_some() {
                Ok(())
            } else {
                Err(format!("{:?}", status.adapters))
            }
        })
        .await?;
    let status = server.status.unwrap_or_default();
    let service = files.api::<Service>().get("files-smb").await?;
    let ingress = json!(service.status)["loadBalancer"]["ingress"][0]["ip"].clone();
    ensure!(
        json!(status.address) == ingress,
        "{:?} is not {ingress}",
        status.address
    );
    let address = status.adapters[0].address.clone().unwrap_or_default();
    ensure!(
        address == format!("{}:1445", status.address.unwrap_or_default()),
        "the address of smb is {address}"
    );
    Ok(())
}

fn kubectl(scene: &Scene, words: &[&str]) -> Result<String, Failed> {
    let output = scene.kubectl(words).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

pub async fn kubectl_shows_what_matters_under_every_name(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    let server = files
        .wait_status("both adapters to be exposed", API_DEADLINE, |server| {
            let status = server.status.clone().unwrap_or_default();
            match status.exposed_adapters.as_deref() {
                Some("nfs:12049,smb:1445") if status.address.is_some() => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    let address = server
        .status
        .unwrap_or_default()
        .address
        .unwrap_or_default();
    for name in ["ditto", "dittofs", "dittoserver", "dittoservers"] {
        let table = kubectl(&scene, &["get", name])?;
        let rows: Vec<Vec<_>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let [header, row] = rows.as_slice() else {
            fail!("{table}")
        };
        ensure!(
            header == &["NAME", "READY", "ADAPTERS", "ADDRESS", "VERSION", "AGE"],
            "{name}: {table}"
        );
        let fits = row.starts_with(&["files", "False", "nfs:12049,smb:1445", &address]);
        ensure!(fits, "{name}: {table}");
    }
    let explained = kubectl(
        &scene,
        &["explain", "dittoserver.spec.adapterDiscovery.removalHold"],
    )?;
    ensure!(
        explained.contains("How long an adapter must be disabled or removed"),
        "{explained}"
    );
    Ok(())
}
