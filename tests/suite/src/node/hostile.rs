//! A server that says what cannot be: nothing of it is exposed, and what is there stays.

use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use kube::ResourceExt as _;
use serde_json::{Value, json};

pub async fn impossible_adapters_are_not_exposed_and_existing_services_stay(
    scene: Scene,
) -> Outcome {
    if scene.world.server_image != dittofs_rig::images::SERVER {
        println!("a real server cannot be told to misbehave");
        return Ok(());
    }
    // What this server says changes without any port that opens or closes, so it is seen with the next resync.
    let spec = json!({"adapterDiscovery": {"resyncInterval": "1s"}, "adapterServices": {"type": "ClusterIP"}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    let expected = [("files-nfs", 12049), ("files-smb", 1445)];
    let before = versions(&files.wait_services(&expected, API_DEADLINE).await?);
    let administrator = files.administrator().await?;
    let nfs = json!({"type": "nfs", "port": 12049, "enabled": true, "running": true});
    let smb = |port: i64| json!({"type": "smb", "port": port, "enabled": true, "running": true});
    let webdav = json!({"type": "webdav", "port": 9999, "enabled": true, "running": true});
    let many: Vec<Value> = (0..17).map(|n| json!({"type": format!("a{n}"), "port": 2000 + n, "enabled": true, "running": true})).collect();
    for (what, list, reason) in [
        (
            "the API's port",
            json!([nfs, smb(8080)]),
            "AdapterNotExposed",
        ),
        ("port 0", json!([nfs, smb(0)]), "AdapterNotExposed"),
        ("port 70000", json!([nfs, smb(70000)]), "AdapterNotExposed"),
        (
            "an unknown type",
            json!([nfs, smb(1445), webdav]),
            "AdapterNotExposed",
        ),
        ("17 adapters", json!(many), "PublishedStateUnusable"),
    ] {
        let faults = json!({"rules": [{"path": "/api/v1/adapters/ports", "fault": {"kind": "list", "adapters": list}}]});
        administrator
            .ask(hyper::Method::PUT, "/simulator/faults", Some(&faults))
            .await?
            .accepted("the faults")?;
        files
            .wait_condition("AdaptersReady", "False", Some(reason), API_DEADLINE)
            .await
            .map_err(|error| format!("{what}: {error}"))?;
        let after = versions(&files.wait_services(&expected, API_DEADLINE).await?);
        ensure!(
            before == after,
            "{what} changed the Services: {before:?} is now {after:?}"
        );
        administrator
            .ask(hyper::Method::DELETE, "/simulator/faults", None)
            .await?
            .accepted("no faults")?;
        files.wait_ready().await?;
    }
    Ok(())
}

/// Uid and resource version tell whether anybody wrote.
fn versions(
    services: &[k8s_openapi::api::core::v1::Service],
) -> Vec<(Option<String>, Option<String>)> {
    services
        .iter()
        .map(|service| (service.uid(), service.resource_version()))
        .collect()
}
