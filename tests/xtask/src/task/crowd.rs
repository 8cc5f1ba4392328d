//! `cargo xtask crowd`: what many instances cost one operator.
//!
//! There is no node, so that no server runs: the objects of each instance are made as they would be, and the state of
//! two adapters is published in the sidecar's name.

use super::measure::{mebibytes, resident};
use crate::Outcome;
use dittofs_rig::installation::{self, OPERATOR, Server};
use dittofs_rig::programs::Programs;
use dittofs_rig::{Cluster, ClusterOptions, wait_for};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::json;
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// Number of instances.
    #[arg(long, default_value_t = 200)]
    instances: usize,
    /// Number of namespaces that they are spread over.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    namespaces: u64,
    /// Seconds of rest.
    #[arg(long, default_value_t = 60)]
    rest: u64,
}

/// How many requests of ours are under way at once.
const SIDE_BY_SIDE: usize = 16;
/// Longest that one instance may take on the way.
const PATIENCE: Duration = Duration::from_mins(30);

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Outcome {
    let programs = Programs::build()?;
    let cluster = Cluster::start(&ClusterOptions::control_plane("crowd"))?;
    let _installation = installation::install(&cluster, &programs, &Server::Simulator)?;
    let measured = cluster.in_network(|| measure(&cluster, arguments));
    cluster.shutdown()?;
    measured?
}

async fn measure(cluster: &Cluster, arguments: &Arguments) -> Outcome {
    let client = cluster.client()?;
    memory(cluster, "with no instance")?;
    let places = places(arguments);
    make_namespaces(&client, arguments.namespaces).await?;
    let begun = Instant::now();
    each(&places, |place| make(&client, place)).await?;
    wait_services(&client, places.len() * 2).await?;
    println!(
        "  {} instances with two exposed adapters each after {:.0?}",
        places.len(),
        begun.elapsed()
    );
    memory(cluster, "with all of them")?;
    rest(cluster, Duration::from_secs(arguments.rest)).await?;
    memory(cluster, "after the rest")
}

/// Namespace and name of every instance.
fn places(arguments: &Arguments) -> Vec<(String, String)> {
    let namespaces = (0..arguments.namespaces).cycle();
    namespaces
        .take(arguments.instances)
        .enumerate()
        .map(|(number, namespace)| (format!("crowd-{namespace}"), format!("files-{number}")))
        .collect()
}

async fn each<'a, F>(
    places: &'a [(String, String)],
    act: impl Fn(&'a (String, String)) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    futures::stream::iter(places)
        .map(act)
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect()
        .await
}

async fn make_namespaces(client: &Client, count: u64) -> Result<(), Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    for number in 0..count {
        let name = format!("crowd-{number}");
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        api.patch(
            &name,
            &PatchParams::apply("crowd"),
            &Patch::Apply(namespace),
        )
        .await?;
    }
    Ok(())
}

async fn make(client: &Client, (namespace, name): &(String, String)) -> Result<(), Error> {
    let kind = GroupVersionKind::gvk("dittofs.dittofs.com", "v1alpha1", "DittoServer");
    let resource = ApiResource::from_gvk_with_plural(&kind, "dittoservers");
    let servers: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let server = json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0, "adapterServices": {"type": "ClusterIP"},
            "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
        },
    });
    servers
        .patch(name, &PatchParams::apply("crowd"), &Patch::Apply(server))
        .await?;
    publish(client, namespace, &format!("{name}-adapters")).await
}

/// As the sidecar would.
async fn publish(client: &Client, namespace: &str, name: &str) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    wait_for("the ConfigMap of the published state", PATIENCE, || async {
        api.get_metadata(name)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await?;
    let adapters = "[\n{\"type\":\"nfs\",\"port\":12049,\"enabled\":true,\"running\":true},\n{\"type\":\"smb\",\"port\":1445,\"enabled\":true,\"running\":true}\n]\n";
    let state = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
        "data": {
            "schema": "v1", "adapters": adapters,
            "server": "{\"status\":\"reachable\",\"since\":\"2026-01-01T00:00:00Z\"}",
        },
    });
    let parameters = PatchParams::apply("dittofs-sidecar").force();
    api.patch(name, &parameters, &Patch::Apply(state)).await?;
    Ok(())
}

/// The Services of adapters come last but for the StatefulSets.
async fn wait_services(client: &Client, count: usize) -> Result<(), Error> {
    let api: Api<Service> = Api::all(client.clone());
    let adapters = ListParams::default().labels("dittofs.dittofs.com/adapter");
    wait_for("the Services of all adapters", PATIENCE, || async {
        let found = api.list_metadata(&adapters).await;
        let found = found.map_err(|error| error.to_string())?.items.len();
        if found == count {
            Ok(())
        } else {
            Err(format!("{found} of {count}"))
        }
    })
    .await?;
    Ok(())
}

fn memory(cluster: &Cluster, when: &str) -> Outcome {
    for (_, kibibytes) in resident(cluster, OPERATOR)? {
        println!(
            "  operator {when}: {:.1} MiB resident",
            mebibytes(kibibytes * 1024)
        );
    }
    Ok(())
}

/// Requests of the operator while nothing changes.
async fn rest(cluster: &Cluster, time: Duration) -> Outcome {
    // What the last instance set off is to be over.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mark = cluster.audit().mark()?;
    tokio::time::sleep(time).await;
    let mut requests = cluster.audit().requests_since(mark)?;
    requests.retain(|entry| entry.user_agent.starts_with("dittofs-operator/"));
    let (leases, others): (Vec<_>, Vec<_>) = requests
        .iter()
        .partition(|entry| entry.resource == "leases");
    let writes = others.iter().filter(|entry| entry.is_write()).count();
    println!(
        "  in {} s of rest: {} requests for the Lease, {} others, {writes} of them writes",
        time.as_secs(),
        leases.len(),
        others.len()
    );
    Ok(())
}
