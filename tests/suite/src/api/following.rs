//! Services follow their adapters, and an address outlives a hiccup.

use dittofs_rig::load_balancer;
use dittofs_rig::wait_for;
use dittofs_shared::crd::AdapterStatus;
use dittofs_shared::published_state::Adapter;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::seen::{Failed, doors, wait_event, wait_object, without_pod, write};

const BOTH: [(&str, i32); 2] = [("files-nfs", 12049), ("files-smb", 1445)];

async fn both_told(scene: &Scene) -> Result<Instance, Failed> {
    let files = Instance::create(scene, "files", without_pod()).await?;
    // Otherwise one Event may tell of the Services together with everything else that is created.
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let both = vec![adapter("nfs", 12049), adapter("smb", 1445)];
    files.publish(both).await?;
    files.wait_services(&BOTH, API_DEADLINE).await?;
    wait_adapter(&files, "smb", |smb| smb.exposed).await?;
    Ok(files)
}

/// Waits until the operator has seen something of an adapter.
async fn wait_adapter(
    files: &Instance,
    r#type: &str,
    check: impl Fn(&AdapterStatus) -> bool,
) -> Outcome {
    let what = format!(
        "status.adapters to tell the latest of {type}",
        r#type = r#type
    );
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let adapters = server.status.clone().unwrap_or_default().adapters;
            let found = adapters.iter().find(|adapter| adapter.r#type == r#type);
            match found {
                Some(adapter) if check(adapter) => Ok(()),
                _ => Err(format!("{adapters:?}")),
            }
        })
        .await?;
    Ok(())
}

fn smb_off() -> Adapter {
    Adapter {
        enabled: false,
        running: false,
        ..adapter("smb", 1445)
    }
}

fn smb_leaving() -> Adapter {
    Adapter {
        leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..smb_off()
    }
}

/// What a client or a cloud depends on.
fn address(service: &Service) -> Value {
    let spec = service.spec.clone().unwrap_or_default();
    let node_ports = spec.ports.iter().flatten().map(|port| port.node_port);
    json!({
        "uid": service.uid(),
        "type": spec.type_,
        "clusterIP": spec.cluster_ip,
        "nodePorts": node_ports.collect::<Vec<_>>(),
        "finalizers": service.finalizers(),
        "class": spec.load_balancer_class,
        "cloud": service.annotations().get(load_balancer::ANNOTATION),
        "note": service.annotations().get("example.com/note"),
        "label": service.labels().get("example.com/label"),
        "status": service.status,
    })
}

async fn port_change(scene: &Scene, r#type: &str) -> Outcome {
    let spec = json!({"replicas": 0, "adapterServices": {"type": r#type}});
    let files = Instance::create(scene, "files", spec).await?;
    files.publish(vec![adapter("smb", 1445)]).await?;
    files
        .wait_services(&[("files-smb", 1445)], API_DEADLINE)
        .await?;
    let foreign = json!({"metadata": {
        "annotations": {"example.com/note": "mine"}, "labels": {"example.com/label": "mine"},
    }});
    write::<Service>(&files, "somebody", "files-smb", foreign).await?;
    let before = wait_object::<Service>(&files, "files-smb", "has an address", |service| {
        let seen = address(service);
        let cloud =
            r#type != "LoadBalancer" || !seen["status"]["loadBalancer"]["ingress"].is_null();
        if cloud && !seen["nodePorts"][0].is_null() {
            Ok(())
        } else {
            Err(seen.to_string())
        }
    })
    .await?;
    // A second change would show what the first has left behind.
    for port in [1446, 1447] {
        files.publish(vec![adapter("smb", i64::from(port))]).await?;
        let after = files
            .wait_services(&[("files-smb", port)], API_DEADLINE)
            .await?;
        ensure!(
            address(&before) == address(&after[0]),
            "{} became {}",
            address(&before),
            address(&after[0])
        );
        let seen = json!(after[0].spec.as_ref().and_then(|spec| spec.ports.as_ref()));
        ensure!(
            seen.as_array().is_some_and(|ports| ports.len() == 1) && seen[0]["targetPort"] == port,
            "the ports are {seen}"
        );
    }
    let changed = "Service files-smb (spec.ports.0.port: changed from 1446 to 1447)";
    wait_event(&files, "Objects", changed).await
}

pub async fn a_port_change_keeps_the_address_of_a_load_balancer(scene: Scene) -> Outcome {
    port_change(&scene, "LoadBalancer").await
}

pub async fn a_port_change_keeps_the_port_of_the_nodes(scene: Scene) -> Outcome {
    port_change(&scene, "NodePort").await
}

pub async fn an_adapter_that_is_on_and_does_not_run_keeps_its_service(scene: Scene) -> Outcome {
    let files = both_told(&scene).await?;
    let before = doors(&files).await?;
    let down = Adapter {
        running: false,
        ..adapter("smb", 1445)
    };
    files.publish(vec![adapter("nfs", 12049), down]).await?;
    wait_adapter(&files, "smb", |smb| !smb.running && smb.exposed).await?;
    let after = doors(&files).await?;
    ensure!(before == after, "{before:?} became {after:?}");
    let created =
        "NetworkPolicy files-nfs, NetworkPolicy files-smb, Service files-nfs, Service files-smb";
    wait_event(&files, "Objects", created).await
}

pub async fn an_adapter_that_leaves_keeps_its_service_and_goes_after_the_hold(
    scene: Scene,
) -> Outcome {
    let files = both_told(&scene).await?;
    let before = doors(&files).await?;
    files
        .publish(vec![adapter("nfs", 12049), smb_leaving()])
        .await?;
    wait_adapter(&files, "smb", |smb| {
        smb.message
            .as_deref()
            .is_some_and(|message| message.contains("removalHold"))
    })
    .await?;
    let after = doors(&files).await?;
    ensure!(before == after, "{before:?} became {after:?}");
    files
        .publish(vec![adapter("nfs", 12049), smb_off()])
        .await?;
    files.wait_services(&BOTH[..1], API_DEADLINE).await?;
    let deleted = "Service files-smb (adapter smb was disabled or removed, and removalHold has elapsed), NetworkPolicy files-smb (";
    wait_event(&files, "Objects", deleted).await?;
    // A removal and nothing else: the other address is the same.
    let after = doors(&files).await?;
    let nfs = "Service files-nfs";
    ensure!(
        before[nfs] == after[nfs],
        "{:?} became {:?}",
        before[nfs],
        after[nfs]
    );
    Ok(())
}

pub async fn an_adapter_that_leaves_gets_nothing_new(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .publish(vec![adapter("nfs", 12049), smb_leaving()])
        .await?;
    files.wait_services(&BOTH[..1], API_DEADLINE).await?;
    wait_adapter(&files, "smb", |smb| !smb.exposed).await?;
    wait_adapter(&files, "nfs", |nfs| nfs.exposed).await?;
    let all = doors(&files).await?;
    ensure!(
        !all.keys().any(|name| name.contains("smb")),
        "there are {all:?}"
    );
    Ok(())
}

pub async fn an_adapter_that_is_gone_from_the_list_loses_its_service(scene: Scene) -> Outcome {
    let files = both_told(&scene).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    files.wait_services(&BOTH[..1], API_DEADLINE).await?;
    files.publish(vec![]).await?;
    files.wait_services(&[], API_DEADLINE).await?;
    let deleted =
        "Service files-nfs (adapter nfs was disabled or removed, and removalHold has elapsed)";
    wait_event(&files, "Objects", deleted).await?;
    let files_api = files.api::<Service>();
    wait_for(
        "the headless Service without ports",
        API_DEADLINE,
        || async {
            let service = files_api
                .get("files-headless")
                .await
                .map_err(|error| error.to_string())?;
            match service.spec.and_then(|spec| spec.ports) {
                None => Ok(()),
                Some(ports) => Err(format!("{ports:?}")),
            }
        },
    )
    .await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    files.wait_services(&BOTH, API_DEADLINE).await?;
    Ok(())
}
