//! Kinds of others come, are what they should be, and go.

use super::{Outcome, ensure, timed_end, timed_start};
use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_rig::{ClusterOptions, block_on_in};
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use std::time::Instant;

/// An object of each kind is accepted while the kind is there and by no means afterwards; twice, since a kind that has
/// been there before is a case of its own.
pub fn come_and_go() -> Outcome {
    let crds = ForeignCrds::ensure()?;
    let cluster = timed_start(&ClusterOptions::control_plane("crds"))?;
    block_on_in(&cluster, || async {
        let client = cluster.client()?;
        for round in 1..=2 {
            refuses_all(&client, "before").await?;
            let began = Instant::now();
            crds.install(&client, &Kind::ALL).await?;
            // Of no effect the second time.
            crds.install(&client, &Kind::ALL).await?;
            println!("  installed after {:.1} s", began.elapsed().as_secs_f64());
            for object in objects() {
                create(&client, &object).await?;
            }
            percona_refuses_what_it_should(&client).await?;
            let began = Instant::now();
            ForeignCrds::remove(&client, &Kind::ALL).await?;
            println!("  removed after {:.1} s", began.elapsed().as_secs_f64());
            refuses_all(&client, &format!("after round {round}")).await?;
        }
        Outcome::Ok(())
    })??;
    timed_end(cluster)
}

async fn refuses_all(client: &Client, when: &str) -> Outcome {
    for object in objects() {
        let refused = create(client, &object).await.is_err();
        ensure(refused, format!("{} is accepted {when}", object["kind"]))?;
    }
    Ok(())
}

async fn create(client: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = version.split_once('/').unwrap_or_default();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    let api: Api<DynamicObject> = match kind.as_str() {
        "GatewayClass" => Api::all_with(client.clone(), &resource),
        _ => Api::default_namespaced_with(client.clone(), &resource),
    };
    let object = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
    api.create(&PostParams::default(), &object).await
}

fn objects() -> Vec<Value> {
    let route = |kind: &str| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1alpha2", "kind": kind, "metadata": {"name": "files"},
            "spec": {
                "parentRefs": [{"name": "edge", "sectionName": "nfs"}],
                "rules": [{"backendRefs": [{"name": "files-nfs", "port": 12049}]}],
            },
        })
    };
    vec![
        percona(&json!({"enabled": false})),
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "files"},
            "spec": {"selector": {}, "endpoints": [{"port": "metrics"}]},
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "edge"},
            "spec": {"controllerName": "dittofs.com/rig"},
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "edge"},
            "spec": {
                "gatewayClassName": "edge",
                "listeners": [{"name": "nfs", "protocol": "TCP", "port": 2049}],
            },
        }),
        route("TCPRoute"),
        route("UDPRoute"),
    ]
}

fn percona(backups: &Value) -> Value {
    json!({
        "apiVersion": "pgv2.percona.com/v2", "kind": "PerconaPGCluster", "metadata": {"generateName": "files-"},
        "spec": {
            "crVersion": "2.8.0",
            "postgresVersion": 16,
            "instances": [{"name": "instance1", "dataVolumeClaimSpec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}},
            }}],
            "users": [{"name": "dittofs", "databases": ["dittofs"]}],
            "backups": backups,
        },
    })
}

async fn percona_refuses_what_it_should(client: &Client) -> Outcome {
    let s3 = json!({"bucket": "b", "endpoint": "s3.example", "region": "r"});
    let repository = json!({"pgbackrest": {"repos": [{
        "name": "repo1", "s3": s3, "schedules": {"full": "0 2 * * *"},
    }]}});
    let with_backup = create(client, &percona(&repository)).await?;
    let defaults = [
        &with_backup.data["spec"]["port"],
        &with_backup.data["spec"]["instances"][0]["replicas"],
    ];
    ensure(
        defaults == [&json!(5432), &json!(1)],
        format!("{} has the defaults {defaults:?}", with_backup.name_any()),
    )?;
    for backups in [Value::Null, json!({}), json!({"enabled": true})] {
        let accepted = create(client, &percona(&backups)).await.is_ok();
        ensure(!accepted, format!("Percona accepts backups {backups}"))?;
    }
    Ok(())
}
