//! Who reaches what: adapters through their Services, the REST API by nobody outside the pod but `kubectl port-forward`.

use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use serde_json::json;

use super::client::Client;

pub async fn another_pod_reaches_the_adapters_and_not_the_api(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let services = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let client = Client::start(&files).await?;
    let pod_address = files
        .pod()
        .await?
        .status
        .and_then(|status| status.pod_ip)
        .unwrap_or_default();

    let api = client.run(&format!(
        "/bin/wget -T 3 -O - http://{pod_address}:8080/health"
    ))?;
    ensure!(
        api.contains("refused"),
        "the API port of the pod does not refuse connections: {api}"
    );
    for service in &services {
        let spec = service.spec.as_ref().unwrap();
        let (address, port) = (
            spec.cluster_ip.as_deref().unwrap(),
            spec.ports.as_ref().unwrap()[0].port,
        );
        let question = format!("nc -w 3 {address} {port} </dev/null && echo connected");
        client.wait_said(&question, "connected").await?;
    }
    let health = files
        .administrator()
        .await?
        .ask(hyper::Method::GET, "/health", None)
        .await?;
    ensure!(
        health.status.is_success(),
        "the API through port-forward says {}",
        health.status
    );
    Ok(())
}

pub async fn with_exposure_cluster_another_pod_reaches_the_api(scene: Scene) -> Outcome {
    let spec = json!({"controlPlane": {"exposure": "Cluster", "port": 8180}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    let service = files
        .api::<k8s_openapi::api::core::v1::Service>()
        .get("files-api")
        .await?;
    let address = service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .unwrap_or_default();
    let client = Client::start(&files).await?;
    let question = format!("/bin/wget -T 3 -q -O - http://{address}:8180/health");
    client.wait_said(&question, "healthy").await?;
    Ok(())
}

pub async fn only_the_sidecar_has_a_token(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let words = [
        "exec",
        "files-0",
        "-c",
        "dittofs",
        "--",
        "ls",
        "/var/run/secrets",
    ];
    let output = scene.kubectl(&words).output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        text.contains("No such file"),
        "the server container has secrets mounted: {output:?}"
    );
    let pod = files.pod().await?.spec.unwrap();
    ensure!(
        pod.automount_service_account_token == Some(false),
        "the token is mounted into every container"
    );
    Ok(())
}
