//! Tries the rig itself on this machine: `cargo test -p dittofs-rig --features real`.
//!
//! Cases that need a node say so and are skipped where there can be none.

mod crds;
mod pods;

use dittofs_rig::{Caller, Cluster, ClusterOptions, NodeSupport, block_on_in, reaper, wait_for};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
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
        ("kinds of others", crds::come_and_go),
    ];
    match NodeSupport::check() {
        NodeSupport::Available => cases.extend([
            (
                "pods and services",
                pods::pods_and_services as fn() -> Outcome,
            ),
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
                pods::load(cluster)?;
                pods::run_server_pod(&cluster.client()?).await?;
            }
            Outcome::Ok(())
        })??;
    }
    timed_end(one)?;
    timed_end(other)
}
