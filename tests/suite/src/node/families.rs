//! The main job where all addresses are of IPv6, and where there are both families.

use dittofs_rig::wait_for;
use dittofs_shared::crd::AdapterStatus;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

use super::client::Client;
use super::main_job::{follow, restarts};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// With everything that listens: kubelet and Prometheus ask the API and the metrics from outside the pod.
pub async fn the_main_job_is_done_over_ipv6_alone(scene: Scene) -> Outcome {
    let spec = json!({
        "controlPlane": {"exposure": "Cluster"},
        "metrics": {"enabled": true},
        "adapterDiscovery": {"removalHold": "1s"},
    });
    let files = Instance::create(&scene, "files", spec).await?;
    follow(&files).await?;
    let client = Client::start(&files).await?;
    for service in files.adapter_services().await? {
        is_reached(&files, &client, &service, 1).await?;
    }
    for (service, path) in [
        ("files-api", ":8080/health"),
        ("files-metrics", ":9090/metrics"),
    ] {
        let service = files.api::<Service>().get(service).await?;
        for address in within(&service)? {
            let script = format!(
                "/bin/wget -T 3 -O /dev/null http://{}{path} && echo answered",
                host(address)
            );
            client.wait_said(&script, "answered").await?;
        }
    }
    tells_an_address(&files).await?;
    nothing_restarted(&scene, &files).await
}

pub async fn the_main_job_is_done_over_both_families(scene: Scene) -> Outcome {
    let spec = json!({
        "adapterServices": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]},
        "adapterDiscovery": {"removalHold": "1s"},
    });
    let files = Instance::create(&scene, "files", spec).await?;
    follow(&files).await?;
    let client = Client::start(&files).await?;
    for service in files.adapter_services().await? {
        is_reached(&files, &client, &service, 2).await?;
    }
    tells_an_address(&files).await?;
    nothing_restarted(&scene, &files).await
}

/// From another pod at every address within the cluster, and from the node at every address of the load balancer.
async fn is_reached(
    files: &Instance,
    client: &Client<'_>,
    service: &Service,
    addresses: usize,
) -> Outcome {
    let spec = service.spec.as_ref().ok_or("no spec")?;
    let port = spec.ports.as_ref().ok_or("no ports")?[0].port;
    let within = within(service)?;
    ensure!(within.len() == addresses, "it has {within:?}");
    for address in within {
        let script = format!("nc -w 3 {address} {port} </dev/null && echo connected");
        client.wait_said(&script, "connected").await?;
    }
    for address in wait_outside(files, service, addresses).await? {
        let address = SocketAddr::new(address, u16::try_from(port)?);
        let what = format!("{address} to answer");
        wait_for(&what, API_DEADLINE, || async {
            let connected = TcpStream::connect(address).await;
            connected.map(drop).map_err(|error| error.to_string())
        })
        .await?;
    }
    Ok(())
}

fn within(service: &Service) -> Result<Vec<IpAddr>, Error> {
    let spec = service.spec.as_ref();
    let all = spec.and_then(|spec| spec.cluster_ips.as_ref());
    let all = all.into_iter().flatten().map(|address| address.parse());
    Ok(all.collect::<Result<_, _>>()?)
}

/// The cloud follows a new Service with a delay.
async fn wait_outside(
    files: &Instance,
    service: &Service,
    addresses: usize,
) -> Result<Vec<IpAddr>, Error> {
    let services = files.api::<Service>();
    let what = format!("{} to have {addresses} addresses", service.name_any());
    let found = wait_for(&what, API_DEADLINE, || async {
        let now = services.get(&service.name_any()).await;
        let now = now.map_err(|error| error.to_string())?;
        let found = outside(&now).map_err(|error| error.to_string())?;
        (found.len() == addresses)
            .then(|| found.clone())
            .ok_or_else(|| format!("{found:?}"))
    });
    Ok(found.await?)
}

fn outside(service: &Service) -> Result<Vec<IpAddr>, Error> {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let all = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let all = all
        .into_iter()
        .flatten()
        .filter_map(|ingress| ingress.ip.as_ref());
    Ok(all
        .map(|address| address.parse())
        .collect::<Result<_, _>>()?)
}

/// As it stands in a URL.
fn host(address: IpAddr) -> String {
    let address = SocketAddr::new(address, 0).to_string();
    address.trim_end_matches(":0").to_owned()
}

/// The first address is one of IPv6: commands are there to be pasted.
async fn tells_an_address(files: &Instance) -> Outcome {
    let tells = |adapter: &AdapterStatus| {
        let address = adapter.address.as_deref().unwrap_or_default();
        let command = adapter.mount_commands.first();
        let words = if adapter.r#type == "nfs" {
            "[2001:"
        } else {
            "-I 2001:"
        };
        address.starts_with("[2001:") && command.is_some_and(|command| command.contains(words))
    };
    files
        .wait_status("addresses to be told", POD_DEADLINE, |server| {
            let adapters = server.status.clone().unwrap_or_default().adapters;
            if adapters.len() == 2 && adapters.iter().all(tells) {
                Ok(())
            } else {
                Err(format!("{adapters:?}"))
            }
        })
        .await?;
    Ok(())
}

/// Nothing was killed by its probes.
async fn nothing_restarted(scene: &Scene, files: &Instance) -> Outcome {
    let operators: Api<Pod> =
        Api::namespaced(scene.client.clone(), dittofs_rig::installation::NAMESPACE);
    let mut pods = operators.list(&ListParams::default()).await?.items;
    pods.push(files.pod().await?);
    for pod in pods {
        let restarts = restarts(&pod);
        ensure!(
            restarts == 0,
            "{} has restarted {restarts} times",
            pod.name_any()
        );
    }
    Ok(())
}
