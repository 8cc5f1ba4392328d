//! Fields of the adapters' Services, on Services that exist as well as on new ones.

use dittofs_shared::crd::AdapterStatus;
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::exposure::{both_published, has};
use super::seen::{Failed, both_exposed, settled, wait_object, without_pod, write};

/// Waits until a Service has all of this.
pub async fn wait_has(files: &Instance, name: &str, expected: Value) -> Result<Service, Failed> {
    let what = format!("has {expected}");
    wait_object::<Service>(files, name, &what, |service| {
        has(service, &expected).map_err(|error| error.to_string())
    })
    .await
}

#[allow(clippy::needless_pass_by_value)] // The macro makes a value.
fn services(settings: Value) -> Value {
    json!({"replicas": 0, "adapterServices": settings})
}

pub async fn a_load_balancer_that_we_make_shows_the_server_its_clients(scene: Scene) -> Outcome {
    let files = both_published(&scene, services(json!({}))).await?;
    let local = json!({"spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}});
    wait_has(&files, "files-nfs", local.clone()).await?;
    // The health check's port is allocated by the API server, and stays.
    let made = wait_has(&files, "files-smb", local.clone()).await?;
    let cluster =
        json!({"adapterServices": {"overrides": {"smb": {"externalTrafficPolicy": "Cluster"}}}});
    files.change(cluster).await?;
    wait_has(
        &files,
        "files-smb",
        json!({"spec": {"externalTrafficPolicy": "Cluster"}}),
    )
    .await?;
    files
        .change(json!({"adapterServices": {"overrides": null}}))
        .await?;
    let now = wait_has(&files, "files-smb", local).await?;
    ensure!(made.uid() == now.uid(), "it is another Service");
    Ok(())
}

/// Instances whose Service two change at once: the operator may hear of both in any order.
const RACES: usize = 8;

pub async fn a_traffic_policy_that_somebody_has_chosen_stays(scene: Scene) -> Outcome {
    let races = (0..RACES).map(|number| race_for_a_policy(&scene, format!("files-{number}")));
    futures::future::try_join_all(races).await?;
    Ok(())
}

async fn race_for_a_policy(scene: &Scene, name: String) -> Outcome {
    let files = both_exposed(scene, &name, services(json!({}))).await?;
    let smb = format!("{name}-smb");
    let local = json!({"spec": {"externalTrafficPolicy": "Local"}});
    wait_has(&files, &smb, local.clone()).await?;
    let cluster = json!({"spec": {"externalTrafficPolicy": "Cluster"}});
    // Something else is changed at the same time, so that the operator writes the Service again.
    let labels = json!({"adapterServices": {"labels": {"example.com/tier": "files"}}});
    let (chosen, changed) = tokio::join!(
        write::<Service>(&files, "somebody", &smb, cluster.clone()),
        files.change(labels)
    );
    chosen?;
    changed?;
    let label = json!({"metadata": {"labels": {"example.com/tier": "files"}}});
    wait_has(&files, &smb, label).await?;
    settled(scene).await?;
    let now = files.api::<Service>().get(&smb).await?;
    has(&now, &cluster)?;
    files
        .change(json!({"adapterServices": {"externalTrafficPolicy": "Local"}}))
        .await?;
    wait_has(&files, &smb, local).await?;
    Ok(())
}

pub async fn every_field_is_in_the_service(scene: Scene) -> Outcome {
    let settings = json!({
        "loadBalancerClass": "example.com/internal",
        "loadBalancerSourceRanges": ["192.0.2.0/24"],
        "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"],
        "serviceTemplate": {
            "metadata": {"annotations": {"example.com/a": "b"}, "labels": {"instance": "forged"}},
            "spec": {"allocateLoadBalancerNodePorts": false, "internalTrafficPolicy": "Local"},
        },
        "overrides": {
            "nfs": {"sessionAffinity": "ClientIP", "discoveryPorts": ["Portmapper"]},
            "smb": {
                "type": "NodePort", "port": 445, "nodePort": 30045, "externalTrafficPolicy": "Local",
                "serviceTemplate": {"spec": {"ports": [
                    {"port": 445, "appProtocol": "example.com/smb"},
                    {"name": "more", "port": 4450, "targetPort": 1445},
                ]}},
            },
        },
    });
    let files = both_published(&scene, services(settings)).await?;
    let nfs = json!({
        "metadata": {"labels": {"instance": "files"}, "annotations": {"example.com/a": "b"}},
        "spec": {
            "loadBalancerClass": "example.com/internal", "loadBalancerSourceRanges": ["192.0.2.0/24"],
            "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"], "sessionAffinity": "ClientIP",
            "allocateLoadBalancerNodePorts": false, "internalTrafficPolicy": "Local", "externalTrafficPolicy": "Local",
            "ports": [
                {"name": "nfs", "port": 12049, "targetPort": 12049, "protocol": "TCP"},
                {"name": "nfs-portmap", "port": 111, "targetPort": 10111, "protocol": "TCP"},
                {"name": "nfs-portmap-udp", "port": 111, "targetPort": 10111, "protocol": "UDP"},
            ],
        },
    });
    wait_has(&files, "files-nfs", nfs).await?;
    let smb = json!({"spec": {
        "type": "NodePort", "externalTrafficPolicy": "Local", "loadBalancerClass": null, "loadBalancerSourceRanges": null,
    }});
    let smb = wait_has(&files, "files-smb", smb).await?;
    let ports = &smb.spec.as_ref().ok_or("no spec")?.ports;
    let ports = ports.as_ref().ok_or("no ports")?;
    has(
        &ports[0],
        &json!({"name": "smb", "port": 445, "targetPort": 1445, "nodePort": 30045, "appProtocol": "example.com/smb"}),
    )?;
    has(
        &ports[1],
        &json!({"name": "more", "port": 4450, "targetPort": 1445}),
    )?;
    // All of it can be taken back.
    files
        .change(json!({"adapterServices": {
            "loadBalancerSourceRanges": null, "serviceTemplate": null, "overrides": null,
            "ipFamilyPolicy": null, "ipFamilies": null,
        }}))
        .await?;
    let bare = json!({"spec": {
        "loadBalancerSourceRanges": null, "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
        "externalTrafficPolicy": "Local",
    }});
    let nfs = wait_has(&files, "files-nfs", bare.clone()).await?;
    ensure!(
        !nfs.annotations().contains_key("example.com/a"),
        "the annotation stays"
    );
    ensure!(
        nfs.spec
            .iter()
            .flat_map(|spec| &spec.ports)
            .flatten()
            .count()
            == 1,
        "{:?}",
        nfs.spec
    );
    wait_has(
        &files,
        "files-smb",
        json!({"spec": {"type": "LoadBalancer"}}),
    )
    .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    settled(&scene).await
}

pub async fn the_type_goes_back_and_forth_and_the_service_stays(scene: Scene) -> Outcome {
    let settings = json!({
        "loadBalancerSourceRanges": ["192.0.2.0/24"], "loadBalancerClass": "example.com/internal",
        "externalTrafficPolicy": "Local",
    });
    let files = both_published(&scene, services(settings)).await?;
    let is = |r#type: &str| json!({"spec": {"type": r#type}});
    let first = wait_has(&files, "files-smb", is("LoadBalancer")).await?;
    for r#type in [
        "ClusterIP",
        "NodePort",
        "LoadBalancer",
        "NodePort",
        "ClusterIP",
        "LoadBalancer",
    ] {
        let mut change = json!({"type": r#type});
        let class = (r#type == "LoadBalancer").then_some("example.com/internal");
        change["loadBalancerClass"] = json!(class);
        files.change(json!({"adapterServices": change})).await?;
        let now = wait_has(&files, "files-smb", is(r#type)).await?;
        ensure!(
            first.uid() == now.uid(),
            "{type} is another Service",
            r#type = r#type
        );
        let spec = now.spec.clone().unwrap_or_default();
        let outside = r#type != "ClusterIP";
        ensure!(
            spec.external_traffic_policy.is_some() == outside,
            "{spec:?}"
        );
        let node_port = spec
            .ports
            .iter()
            .flatten()
            .any(|port| port.node_port.is_some());
        ensure!(node_port == outside, "{spec:?}");
        ensure!(
            spec.load_balancer_source_ranges.is_some() == (r#type == "LoadBalancer"),
            "{spec:?}"
        );
    }
    Ok(())
}

/// Waits until an adapter is told of with this word.
pub async fn wait_told(
    files: &Instance,
    adapter: &str,
    word: &str,
) -> Result<AdapterStatus, Failed> {
    let what = format!("adapter {adapter} to be told of with {word:?}");
    let server = files
        .wait_status(&what, API_DEADLINE, |server| {
            let adapters = server.status.clone().unwrap_or_default().adapters;
            let told = adapters.iter().any(|status| {
                let message = status.message.as_deref().unwrap_or_default();
                status.r#type == adapter && message.contains(word)
            });
            if told {
                Ok(())
            } else {
                Err(format!("{adapters:?}"))
            }
        })
        .await?;
    let adapters = server.status.unwrap_or_default().adapters;
    let mut adapters = adapters.into_iter();
    let found = adapters.find(|status| status.r#type == adapter);
    Ok(found.ok_or("the adapter is gone")?)
}

pub async fn a_class_that_cannot_be_changed_is_told_and_stops_nothing_else(
    scene: Scene,
) -> Outcome {
    let files = both_published(
        &scene,
        services(json!({"loadBalancerClass": "example.com/one"})),
    )
    .await?;
    let class = |class: &str| json!({"spec": {"loadBalancerClass": class}});
    let first = wait_has(&files, "files-smb", class("example.com/one")).await?;
    let change =
        json!({"loadBalancerClass": "example.com/two", "overrides": {"smb": {"port": 445}}});
    files.change(json!({"adapterServices": change})).await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 445)], API_DEADLINE)
        .await?;
    let now = files.api::<Service>().get("files-smb").await?;
    ensure!(first.uid() == now.uid(), "it is another Service");
    has(&now, &class("example.com/one"))?;
    let told = wait_told(&files, "smb", "immutable and stays example.com/one").await?;
    ensure!(told.exposed, "{told:?}");
    // The remedy that is named.
    let api = files.api::<Service>();
    api.delete("files-smb", &kube::api::DeleteParams::default())
        .await?;
    wait_has(&files, "files-smb", class("example.com/two")).await?;
    Ok(())
}

pub async fn a_node_port_that_is_asked_for_moves_with_the_service(scene: Scene) -> Outcome {
    let settings = json!({"type": "NodePort", "overrides": {"smb": {"nodePort": 30046}}});
    let files = both_published(&scene, services(settings)).await?;
    let has_port = |service: &Service, expected: i32| {
        let ports = service.spec.iter().flat_map(|spec| &spec.ports).flatten();
        let found: Vec<_> = ports.map(|port| port.node_port).collect();
        if found == [Some(expected)] {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    };
    wait_object::<Service>(&files, "files-smb", "has its node port", |service| {
        has_port(service, 30046)
    })
    .await?;
    files
        .change(json!({"adapterServices": {"overrides": {"smb": {"nodePort": 30047}}}}))
        .await?;
    wait_object::<Service>(&files, "files-smb", "has another one", |service| {
        has_port(service, 30047)
    })
    .await?;
    files
        .change(json!({"adapterServices": {"nameTemplate": "new-{adapter}"}}))
        .await?;
    wait_object::<Service>(&files, "new-smb", "has it, too", |service| {
        has_port(service, 30047)
    })
    .await?;
    settled(&scene).await
}

pub async fn addresses_and_mount_commands_are_told(scene: Scene) -> Outcome {
    let files = both_published(&scene, without_pod()).await?;
    files
        .wait_status("commands with the address", API_DEADLINE, |server| {
            let adapters = server.status.clone().unwrap_or_default().adapters;
            let fits = |adapter: &AdapterStatus, word: &str| {
                let host = adapter
                    .address
                    .as_deref()
                    .and_then(|address| address.split(':').next());
                let host = host.unwrap_or("none");
                let mut commands = adapter.mount_commands.iter();
                commands.any(|command| command.contains(word) && command.contains(host))
            };
            if adapters.len() == 2
                && fits(&adapters[0], "port=12049")
                && fits(&adapters[1], "smbclient")
            {
                Ok(())
            } else {
                Err(format!("{adapters:?}"))
            }
        })
        .await?;
    Ok(())
}
