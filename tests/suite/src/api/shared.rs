//! One Service for all adapters.

use dittofs_rig::audit::Entry;
use dittofs_rig::wait_for;
use dittofs_shared::published_state::Adapter;
use dittofs_shared::{crd::DittoServer, labels};
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::exposure::{both_published, has};
use super::seen::{
    Failed, doors, good, lines, operator_writes, pod_never_runs, settled, wait_object,
};

const SHARED: &str = "files-adapters";

fn shared() -> Value {
    json!({"replicas": 0, "adapterServices": {"type": "ClusterIP", "mode": "Shared"}})
}

fn ports(service: &Service) -> Vec<(String, i32)> {
    let ports = service.spec.iter().flat_map(|spec| &spec.ports).flatten();
    let mut ports: Vec<_> = ports
        .map(|port| (port.name.clone().unwrap_or_default(), port.port))
        .collect();
    ports.sort();
    ports
}

async fn wait_ports(files: &Instance, expected: &[(&str, i32)]) -> Result<Service, Failed> {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, port)| ((*name).to_owned(), *port))
        .collect();
    let what = format!("has the ports {expected:?}");
    wait_object::<Service>(files, SHARED, &what, |service| {
        let seen = ports(service);
        if seen == expected {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await
}

async fn names(files: &Instance) -> Result<Vec<String>, Failed> {
    let services = files.adapter_services().await?;
    Ok(services.iter().map(ResourceExt::name_any).collect())
}

fn leaving(r#type: &str, port: i64) -> Adapter {
    Adapter {
        enabled: false,
        running: false,
        leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..adapter(r#type, port)
    }
}

pub async fn a_shared_service_stays_while_its_adapters_come_and_go(scene: Scene) -> Outcome {
    let files = both_published(&scene, shared()).await?;
    let first = wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    ensure!(
        names(&files).await? == [SHARED],
        "{:?}",
        names(&files).await?
    );
    has(
        &first,
        &json!({"metadata": {"labels": {labels::ADAPTER: labels::ALL_ADAPTERS}}, "spec": {"type": "ClusterIP"}}),
    )?;
    files
        .wait_status(
            "both adapters in the shared Service",
            API_DEADLINE,
            |server| {
                let adapters = server.status.clone().unwrap_or_default().adapters;
                let told = adapters.iter().filter(|adapter| {
                    adapter.exposed
                        && adapter.service.as_deref() == Some(SHARED)
                        && adapter.address.is_some()
                });
                if told.count() == 2 {
                    Ok(())
                } else {
                    Err(format!("{adapters:?}"))
                }
            },
        )
        .await?;
    let off = Adapter {
        enabled: false,
        running: false,
        ..adapter("smb", 1445)
    };
    files
        .publish(vec![adapter("nfs", 12050), leaving("smb", 1445)])
        .await?;
    wait_ports(&files, &[("nfs", 12050), ("smb", 1445)]).await?;
    files.publish(vec![adapter("nfs", 12050), off]).await?;
    wait_ports(&files, &[("nfs", 12050)]).await?;
    files.publish(good()).await?;
    let last = wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    ensure!(first.uid() == last.uid(), "it is another Service");
    settled(&scene).await?;
    let policies = files.policies().await?;
    ensure!(
        policies == ["files-baseline", "files-nfs", "files-smb"],
        "the policies are {policies:?}"
    );
    Ok(())
}

pub async fn a_shared_service_loses_nothing_while_nothing_is_known(scene: Scene) -> Outcome {
    let mut spec = pod_never_runs();
    merge(&mut spec, shared());
    merge(&mut spec, json!({"replicas": 1}));
    let files = both_published(&scene, spec).await?;
    wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    settled(&scene).await?;
    let before = doors(&files).await?;
    files
        .publish_data(json!({"schema": "v9", "adapters": "[]", "server": "{}"}))
        .await?;
    files
        .wait_condition(
            "AdaptersReady",
            "False",
            Some("PublishedStateUnusable"),
            API_DEADLINE,
        )
        .await?;
    settled(&scene).await?;
    let after = doors(&files).await?;
    ensure!(before == after, "{before:?} became {after:?}");
    // A change of the mode waits until it is known what there should be.
    files
        .change(json!({"adapterServices": {"mode": "PerAdapter"}}))
        .await?;
    settled(&scene).await?;
    ensure!(
        names(&files).await? == [SHARED],
        "{:?}",
        names(&files).await?
    );
    files.publish(good()).await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn a_change_of_the_mode_makes_the_new_services_before_the_old_ones_go(
    scene: Scene,
) -> Outcome {
    let files = both_published(&scene, shared()).await?;
    wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    for (mode, new, old) in [
        ("PerAdapter", vec!["files-nfs", "files-smb"], vec![SHARED]),
        ("Shared", vec![SHARED], vec!["files-nfs", "files-smb"]),
    ] {
        let mark = scene.world.cluster.audit().mark()?;
        files
            .change(json!({"adapterServices": {"mode": mode}}))
            .await?;
        let what = format!("{new:?} before the end of {old:?}");
        wait_for(&what, API_DEADLINE, || async {
            let mut writes = operator_writes(&scene, mark).map_err(|error| error.to_string())?;
            writes.sort_by_key(|entry| entry.request_received);
            let at = |verb: &str, name: &str| {
                let fits = |entry: &Entry| {
                    entry.resource == "services" && entry.verb == verb && entry.name == name
                };
                writes.iter().position(fits)
            };
            let made = new
                .iter()
                .map(|name| at("patch", name))
                .collect::<Option<Vec<_>>>();
            let gone = old
                .iter()
                .map(|name| at("delete", name))
                .collect::<Option<Vec<_>>>();
            match (made, gone) {
                (Some(made), Some(gone)) if made.iter().max() < gone.iter().min() => Ok(()),
                _ => Err(lines(&writes)),
            }
        })
        .await?;
        ensure!(names(&files).await? == new, "{:?}", names(&files).await?);
    }
    Ok(())
}

pub async fn a_leaving_adapter_keeps_the_shared_service_through_a_change_of_the_mode(
    scene: Scene,
) -> Outcome {
    let files = both_published(&scene, shared()).await?;
    let first = wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    files
        .publish(vec![adapter("nfs", 12049), leaving("smb", 1445)])
        .await?;
    let leaves = |server: &DittoServer| {
        let adapters = server.status.clone().unwrap_or_default().adapters;
        let mut smb = adapters.iter().filter(|one| one.r#type == "smb");
        let is_off = smb.any(|smb| !smb.enabled);
        is_off.then_some(()).ok_or_else(|| format!("{adapters:?}"))
    };
    files
        .wait_status("smb to leave", API_DEADLINE, leaves)
        .await?;
    files
        .change(json!({"adapterServices": {"mode": "PerAdapter"}}))
        .await?;
    wait_object::<Service>(&files, "files-nfs", "is there", |_| Ok(())).await?;
    settled(&scene).await?;
    let now = wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    ensure!(first.uid() == now.uid(), "it is another Service");
    files.publish(vec![adapter("nfs", 12049)]).await?;
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn who_has_a_port_of_the_shared_service_keeps_it(scene: Scene) -> Outcome {
    let files = both_published(&scene, shared()).await?;
    let first = wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    files
        .change(json!({"adapterServices": {"overrides": {"nfs": {"port": 1445}}}}))
        .await?;
    let refused = |server: &DittoServer| {
        let adapters = server.status.clone().unwrap_or_default().adapters;
        let told = adapters.iter().any(|adapter| {
            let message = adapter.message.as_deref().unwrap_or_default();
            adapter.r#type == "nfs" && message.contains("adapter smb already uses")
        });
        if told {
            Ok(())
        } else {
            Err(format!("{adapters:?}"))
        }
    };
    files
        .wait_status("nfs to be refused", API_DEADLINE, refused)
        .await?;
    let now = wait_ports(&files, &[("nfs", 12049), ("smb", 1445)]).await?;
    ensure!(first.uid() == now.uid(), "it is another Service");
    Ok(())
}
