//! Ports of the pod that are not for clients: those that are asked for, and those that the running pod was made with.

use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use dittofs_suite::kubelet::{Kubelet, is_ready};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};
use std::time::Duration;

use super::exposure::{both_published, has};
use super::seen::{pod_never_runs, settled, wait_object, write};

fn leads_to(port: i32) -> Value {
    json!({"spec": {"ports": [{"targetPort": port}]}})
}

/// Where the first port of a Service leads, written like [`leads_to`].
fn first_port(service: &Service) -> Value {
    let port = service.spec.iter().flat_map(|spec| &spec.ports).flatten();
    let port = port
        .map(|port| json!({"targetPort": port.target_port}))
        .next();
    json!({"spec": {"ports": [port]}})
}

async fn is_refused(files: &Instance, r#type: &str, words: &[&str]) -> Outcome {
    let what = format!(
        "adapter {type} to be refused with {words:?}",
        r#type = r#type
    );
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let adapters = server.status.clone().unwrap_or_default().adapters;
            let told = adapters.iter().any(|adapter| {
                let message = adapter.message.as_deref().unwrap_or_default();
                adapter.r#type == r#type
                    && !adapter.exposed
                    && words.iter().all(|word| message.contains(word))
            });
            if told {
                Ok(())
            } else {
                Err(format!("{adapters:?}"))
            }
        })
        .await?;
    Ok(())
}

async fn opens(files: &Instance, policy: &str, port: i32) -> Outcome {
    let ingress = json!([{"ports": [{"port": port, "protocol": "TCP"}]}]);
    wait_object::<NetworkPolicy>(files, policy, "opens one port", |policy| {
        has(policy, &json!({"spec": {"ingress": ingress}})).map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

pub async fn no_adapter_leads_to_the_api_or_the_metrics_of_the_running_pod(
    scene: Scene,
) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let mut spec = pod_never_runs();
    merge(
        &mut spec,
        json!({
            "rollPolicy": "Manual", "controlPlane": {"exposure": "Cluster"}, "metrics": {"enabled": true, "port": 9090},
        }),
    );
    let files = both_published(&scene, spec).await?;
    let old = wait_object::<Pod>(&files, "files-0", "runs", |pod| {
        is_ready(pod)
            .then_some(())
            .ok_or_else(|| "it is not ready".to_owned())
    })
    .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    files
        .change(json!({"controlPlane": {"port": 9443}, "metrics": {"port": 9191}}))
        .await?;
    files
        .wait_condition("RollPending", "True", Some("Manual"), API_DEADLINE)
        .await?;
    // The running server still listens where it did.
    files
        .publish(vec![adapter("nfs", 9090), adapter("smb", 8080)])
        .await?;
    is_refused(&files, "smb", &["port 8080", "REST API", "running pod"]).await?;
    is_refused(&files, "nfs", &["port 9090", "metrics", "running pod"]).await?;
    settled(&scene).await?;
    let services = files.adapter_services().await?;
    let targets: Vec<_> = services.iter().map(first_port).collect();
    ensure!(
        targets == [leads_to(12049), leads_to(1445)],
        "the Services lead to {targets:?}"
    );
    opens(&files, "files-smb", 1445).await?;
    // What is asked for is reserved as well.
    files
        .publish(vec![adapter("nfs", 9191), adapter("smb", 9443)])
        .await?;
    is_refused(&files, "smb", &["port 9443", "REST API"]).await?;
    is_refused(&files, "nfs", &["port 9191", "metrics"]).await?;

    // The next pod listens elsewhere, and the ports are free.
    let annotations = json!({labels::RESTARTED_AT: "2026-01-01T00:00:00Z"});
    let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    write::<StatefulSet>(&files, "somebody", "files", patch).await?;
    wait_object::<Pod>(&files, "files-0", "is another one", |pod| {
        if pod.metadata.uid == old.metadata.uid {
            Err("it is the same".to_owned())
        } else {
            Ok(())
        }
    })
    .await?;
    files
        .publish(vec![adapter("nfs", 9090), adapter("smb", 8080)])
        .await?;
    files
        .wait_services(&[("files-nfs", 9090), ("files-smb", 8080)], API_DEADLINE)
        .await?;
    opens(&files, "files-smb", 8080).await
}
