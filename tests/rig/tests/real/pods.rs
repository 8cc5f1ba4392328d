//! Pods on a node, and who reaches them.

use crate::{Outcome, SOON, create_claim, ensure, timed_end, timed_start};
use dittofs_rig::{Cluster, ClusterOptions, block_on_in, images, wait_for};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::json;
use std::time::{Duration, Instant};

/// Loads the image of the pods.
pub(crate) fn load(cluster: &Cluster) -> Outcome {
    for tar in images::write_all(&cluster.state_dir().join("images"), &[images::client()?])? {
        cluster.load_image(&tar)?;
    }
    Ok(())
}

/// A restricted pod with a native sidecar serves; another pod reaches it through its Service, and so
/// does the test through the load balancer's address; a loopback-only port is closed to both.
pub(crate) fn pods_and_services() -> Outcome {
    let cluster = timed_start(&ClusterOptions::node("pods"))?;
    let began = Instant::now();
    load(&cluster)?;
    println!(
        "  client image loaded after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    block_on_in(&cluster, || async {
        let client = cluster.client()?;
        let began = Instant::now();
        run_server_pod(&client).await?;
        println!("  pod ready after {:.1} s", began.elapsed().as_secs_f64());
        let service = serve(&client).await?;
        let spec = service.spec.unwrap_or_default();
        let address = spec.cluster_ip.unwrap_or_default();
        for (url, expected) in [
            (format!("http://{address}/"), "hello"),
            (format!("http://{address}:81/"), "refused"),
        ] {
            let seen = fetch_from_pod(&cluster, &url, expected).await?;
            println!("  from a pod, {url}: {seen}");
        }
        let address = load_balancer_address(&client).await?;
        connects(&address).await?;
        cluster.stop_api_server();
        connects(&address).await?;
        cluster.start_api_server()?;
        Outcome::Ok(())
    })??;
    pull_gives_up(&cluster)?;
    timed_end(cluster)
}

/// A registry that takes connections and never answers.
fn pull_gives_up(cluster: &Cluster) -> Outcome {
    let registry = std::net::TcpListener::bind("127.0.0.1:0")?;
    let reference = format!("{}/nothing/here:1", registry.local_addr()?);
    let began = Instant::now();
    let outcome = cluster.pull(&reference, Duration::from_secs(2));
    ensure(outcome.is_err(), "pulled an image from nowhere")?;
    let took = began.elapsed();
    ensure(
        took < Duration::from_secs(4),
        format!("gave up after {took:?} only"),
    )
}

pub(crate) async fn run_server_pod(client: &Client) -> Outcome {
    let serve = "echo hello > /data/said; \
        nc -lk -s 127.0.0.1 -p 8081 -e cat /data/said & \
        while true; do (printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; cat /data/said) | nc -l -p 8080; done";
    let restricted = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": true,
    });
    let data = json!([{"name": "data", "mountPath": "/data"}]);
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "server", "labels": {"app": "server"}},
        "spec": {
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 1,
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "initContainers": [{
                "name": "sidecar", "image": images::CLIENT, "restartPolicy": "Always",
                "command": ["sleep", "100000"], "securityContext": restricted,
                "startupProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1},
            }],
            "containers": [{
                "name": "server", "image": images::CLIENT, "command": ["sh", "-c", serve],
                "securityContext": restricted, "volumeMounts": data,
            }],
        },
    }))?;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let strict =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let patch = kube::api::Patch::Merge(strict);
    namespaces
        .patch("default", &kube::api::PatchParams::default(), &patch)
        .await?;
    create_claim(client).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.create(&PostParams::default(), &pod).await?;
    wait_for("the pod to be ready", SOON, || async {
        let pod = pods.get("server").await.map_err(|e| e.to_string())?;
        let status = pod.status.unwrap_or_default();
        let ready = status
            .conditions
            .iter()
            .flatten()
            .any(|c| c.type_ == "Ready" && c.status == "True");
        if ready {
            Ok(())
        } else {
            Err(serde_json::to_string(&status).unwrap_or_default())
        }
    })
    .await?;
    Ok(())
}

async fn serve(client: &Client) -> Result<Service, Box<dyn std::error::Error + Send + Sync>> {
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let service = serde_json::from_value(json!({
        "metadata": {"name": "server"},
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "server"},
            "ports": [
                {"name": "open", "port": 80, "targetPort": 8080},
                {"name": "loopback", "port": 81, "targetPort": 8081},
            ],
        },
    }))?;
    Ok(services.create(&PostParams::default(), &service).await?)
}

/// `kubectl exec` into the server's own pod would not leave it, so a second pod asks.
async fn fetch_from_pod(
    cluster: &Cluster,
    url: &str,
    expected: &str,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    if pods.get_opt("client").await?.is_none() {
        let pod = serde_json::from_value(json!({
            "metadata": {"name": "client"},
            "spec": {
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "client", "image": images::CLIENT, "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                }}],
            },
        }))?;
        pods.create(&PostParams::default(), &pod).await?;
    }
    let words = [
        "exec", "client", "--", "wget", "-q", "-T", "2", "-O", "-", url,
    ];
    let seen = wait_for(&format!("{expected} from {url}"), SOON, || async {
        let output = cluster.kubectl(words).output().map_err(|e| e.to_string())?;
        let seen = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        if seen.contains(expected) {
            Ok(seen)
        } else {
            Err(seen)
        }
    })
    .await?;
    Ok(seen.lines().next().unwrap_or_default().to_owned())
}

async fn load_balancer_address(
    client: &Client,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let address = wait_for("an address of the load balancer", SOON, || async {
        let service = services.get("server").await.map_err(|e| e.to_string())?;
        let balancer = service.status.and_then(|status| status.load_balancer);
        let ingress = balancer.and_then(|b| b.ingress).unwrap_or_default();
        ingress
            .first()
            .and_then(|i| i.ip.clone())
            .ok_or("none yet".to_owned())
    });
    Ok(address.await?)
}

async fn connects(address: &str) -> Outcome {
    wait_for("the load balancer to answer", SOON, || async {
        let connect = tokio::net::TcpStream::connect((address, 80));
        let socket = tokio::time::timeout(Duration::from_secs(1), connect).await;
        socket
            .map_err(|e| e.to_string())?
            .map_err(|e| format!("{address}: {e}"))
            .map(drop)
    })
    .await?;
    Ok(())
}
