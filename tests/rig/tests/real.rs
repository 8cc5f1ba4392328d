//! Tries the rig itself on this machine: `cargo test -p dittofs-rig --features real`.
//!
//! Cases that need a node say so and are skipped where there can be none.

use dittofs_rig::{
    Caller, Cluster, ClusterOptions, NodeSupport, block_on_in, images, reaper, wait_for,
};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
type Case = (&'static str, fn() -> Outcome);

const SOON: Duration = Duration::from_secs(45);

fn main() {
    reaper::main_if_requested();
    let mut cases: Vec<Case> = vec![
        ("control plane", control_plane),
        ("outages", outages),
        ("two control planes at once", two_control_planes),
    ];
    match NodeSupport::check() {
        NodeSupport::Available => cases.extend([
            ("pods and services", pods_and_services as fn() -> Outcome),
            ("two nodes at once", two_nodes),
        ]),
        NodeSupport::Unavailable(reason) => println!("no node here: {reason}"),
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    cases.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word)));
    let failed = cases.into_iter().filter(|case| !passes(case)).count();
    std::process::exit(i32::from(failed > 0));
}

fn passes((name, case): &Case) -> bool {
    let began = Instant::now();
    let outcome = case();
    let seconds = began.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => println!("{name}: ok ({seconds:.1} s)"),
        Err(ref error) => println!("{name}: FAILED ({seconds:.1} s): {error}"),
    }
    outcome.is_ok()
}

fn ensure(holds: bool, what: impl Into<String>) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(what.into().into())
    }
}

fn timed_start(options: &ClusterOptions) -> Result<Cluster, dittofs_rig::cluster::Error> {
    let began = Instant::now();
    let cluster = Cluster::start(options)?;
    println!(
        "  {} is up after {:.1} s",
        options.name,
        began.elapsed().as_secs_f64()
    );
    Ok(cluster)
}

fn timed_end(cluster: Cluster) -> Outcome {
    let began = Instant::now();
    let state = cluster.state_dir().to_owned();
    cluster.shutdown()?;
    println!("  ended after {:.1} s", began.elapsed().as_secs_f64());
    let kept = std::env::var_os(reaper::KEEP_STATE).is_some();
    ensure(
        kept || !state.exists(),
        format!("{} is still there", state.display()),
    )
}

/// Claims are bound and grow, load balancers get addresses, RBAC judges the impersonated, and the
/// audit log tells all of it.
fn control_plane() -> Outcome {
    let cluster = timed_start(&ClusterOptions::control_plane("cp"))?;
    block_on_in(&cluster, || async {
        let client = cluster.client()?;
        claim_is_served(&client).await?;
        load_balancer_is_served(&client).await?;
        let mark = cluster.audit().mark()?;
        let probe = Caller::service_account("default", "default").user_agent("probe/1");
        let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client_as(&probe)?);
        let refused = maps.get("any").await.err();
        ensure(
            refused.is_some(),
            "the default ServiceAccount may read ConfigMaps",
        )?;
        let entries = cluster.audit().requests_since(mark)?;
        let entry = entries.iter().find(|entry| entry.user_agent == "probe/1");
        let seen = entry.map(|entry| (entry.code, entry.user.as_str()));
        let expected = Some((403, "system:serviceaccount:default:default"));
        ensure(seen == expected, format!("the audit log says {seen:?}"))
    })??;
    let version = cluster.kubectl(["version"]).output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    ensure(version.contains("Server Version: v1.36.3"), version)?;
    timed_end(cluster)
}

async fn create_claim(client: &Client) -> Outcome {
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    let claim: PersistentVolumeClaim = serde_json::from_value(json!({
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }))?;
    claims.create(&PostParams::default(), &claim).await?;
    Ok(())
}

async fn claim_is_served(client: &Client) -> Outcome {
    create_claim(client).await?;
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    claim_has(&claims, "1Gi").await?;
    let larger = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
    let patch = kube::api::Patch::Merge(larger);
    claims
        .patch("data", &kube::api::PatchParams::default(), &patch)
        .await?;
    claim_has(&claims, "2Gi").await?;
    claims.delete("data", &DeleteParams::default()).await?;
    let volumes: Api<k8s_openapi::api::core::v1::PersistentVolume> = Api::all(client.clone());
    wait_for("released volumes to be removed", SOON, || async {
        let left = volumes
            .list(&ListParams::default())
            .await
            .map_err(|e| e.to_string())?;
        if left.items.is_empty() {
            Ok(())
        } else {
            Err(format!("{} volumes", left.items.len()))
        }
    })
    .await?;
    Ok(())
}

async fn claim_has(claims: &Api<PersistentVolumeClaim>, size: &str) -> Outcome {
    wait_for(&format!("the claim to have {size}"), SOON, || async {
        let claim = claims.get("data").await.map_err(|e| e.to_string())?;
        let status = claim.status.unwrap_or_default();
        let has = status
            .capacity
            .and_then(|c| c.get("storage").map(|q| q.0.clone()));
        if has.as_deref() == Some(size) {
            Ok(())
        } else {
            Err(format!("{has:?}"))
        }
    })
    .await?;
    Ok(())
}

async fn load_balancer_is_served(client: &Client) -> Outcome {
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let service: Service = serde_json::from_value(json!({
        "metadata": {"name": "lb"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }))?;
    services.create(&PostParams::default(), &service).await?;
    wait_for("an address from the cloud", SOON, || async {
        let service = services.get("lb").await.map_err(|e| e.to_string())?;
        let status = serde_json::to_string(&service.status).unwrap_or_default();
        if status.contains("203.0.113.") && !service.finalizers().is_empty() {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await?;
    services.delete("lb", &DeleteParams::default()).await?;
    wait_for("the Service to go", SOON, || async {
        match services.get_opt("lb").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}

/// A stopped API server refuses, a paused one hangs, and afterwards the data is still there.
fn outages() -> Outcome {
    let cluster = timed_start(&ClusterOptions::control_plane("outage"))?;
    block_on_in(&cluster, || async {
        let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client()?);
        let map = serde_json::from_value(json!({"metadata": {"name": "kept"}}))?;
        maps.create(&PostParams::default(), &map).await?;
        let look = || tokio::time::timeout(Duration::from_secs(2), maps.get("kept"));
        cluster.pause_api_server();
        ensure(look().await.is_err(), "a paused API server answers")?;
        cluster.resume_api_server();
        look().await??;
        cluster.stop_api_server();
        ensure(
            matches!(look().await, Ok(Err(_))),
            "a stopped API server does not refuse",
        )?;
        let began = Instant::now();
        cluster.start_api_server()?;
        println!(
            "  API server back after {:.1} s",
            began.elapsed().as_secs_f64()
        );
        look().await??;
        claim_is_served(&cluster.client()?).await?;
        cluster.pause_api_server();
        Outcome::Ok(())
    })??;
    // Ends although it is paused.
    timed_end(cluster)
}

fn two_control_planes() -> Outcome {
    at_once(&[
        ClusterOptions::control_plane("one"),
        ClusterOptions::control_plane("other"),
    ])
}

fn two_nodes() -> Outcome {
    at_once(&[ClusterOptions::node("one"), ClusterOptions::node("other")])
}

/// Both work, and neither sees the other's objects.
fn at_once(options: &[ClusterOptions; 2]) -> Outcome {
    let [one, other] = options;
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| timed_start(one));
        let other = timed_start(other);
        (one.join(), other)
    });
    let one = one.map_err(|_| "the first start panicked")??;
    let other = other?;
    for cluster in [&one, &other] {
        block_on_in(cluster, || async {
            let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client()?);
            let map = serde_json::from_value(json!({"metadata": {"name": "mine"}}))?;
            maps.create(&PostParams::default(), &map).await?;
            if cluster.mode() == dittofs_rig::Mode::Node {
                load(cluster)?;
                run_server_pod(&cluster.client()?).await?;
            }
            Outcome::Ok(())
        })??;
    }
    timed_end(one)?;
    timed_end(other)
}

fn load(cluster: &Cluster) -> Outcome {
    for tar in images::write_all(&cluster.state_dir().join("images"), &[images::client()?])? {
        cluster.load_image(&tar)?;
    }
    Ok(())
}

/// A restricted pod with a native sidecar serves; another pod reaches it through its Service, and so
/// does the test through the load balancer's address; a loopback-only port is closed to both.
fn pods_and_services() -> Outcome {
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

async fn run_server_pod(client: &Client) -> Outcome {
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
