//! Routes of the Gateway API.

use dittofs_operator_core::optional::OptionalKind;
use dittofs_rig::wait_for;
use dittofs_shared::published_state::Adapter;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::exposure::{both_published, has};
use super::seen::Failed;

fn api(files: &Instance, kind: OptionalKind) -> Api<DynamicObject> {
    let scene = &files.scene;
    Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind.resource())
}

async fn wait_routes(
    files: &Instance,
    kind: OptionalKind,
    expected: &[&str],
) -> Result<Vec<DynamicObject>, Failed> {
    let api = api(files, kind);
    let what = format!("{} {expected:?}", kind.name());
    let found = wait_for(&what, API_DEADLINE, || async {
        let routes = api.list(&ListParams::default()).await;
        let routes = routes.map_err(|error| error.to_string())?.items;
        let names: Vec<_> = routes.iter().map(ResourceExt::name_any).collect();
        if names == expected {
            Ok(routes)
        } else {
            Err(format!("{names:?}"))
        }
    });
    Ok(found.await?)
}

fn through_a_gateway() -> Value {
    json!({"replicas": 0, "adapterServices": {
        "type": "ClusterIP",
        "gateway": {"parentRefs": [{"name": "edge", "sectionName": "files"}]},
        "overrides": {
            "nfs": {"port": 2049, "discoveryPorts": ["Portmapper"]},
            "smb": {"parentRefs": [{"name": "smb-edge", "port": 445}]},
        },
    }})
}

pub async fn each_exposed_adapter_has_its_routes(scene: Scene) -> Outcome {
    let files = both_published(&scene, through_a_gateway()).await?;
    let all = ["files-nfs", "files-nfs-portmap", "files-smb"];
    let routes = wait_routes(&files, OptionalKind::TcpRoute, &all).await?;
    let expected = [
        (
            json!({"name": "edge", "sectionName": "files"}),
            "files-nfs",
            2049,
        ),
        (json!({"name": "edge", "port": 111}), "files-nfs", 111),
        (json!({"name": "smb-edge", "port": 445}), "files-smb", 1445),
    ];
    for (route, (parent, service, port)) in routes.iter().zip(expected) {
        has(&route.data["spec"]["parentRefs"][0], &parent)?;
        let backend = &route.data["spec"]["rules"][0]["backendRefs"][0];
        has(backend, &json!({"name": service, "port": port}))?;
    }
    wait_routes(&files, OptionalKind::UdpRoute, &["files-nfs-portmap-udp"]).await?;
    files
        .wait_condition(
            "GatewayReady",
            "Unknown",
            Some("NotAcceptedYet"),
            API_DEADLINE,
        )
        .await?;
    Ok(())
}

pub async fn what_gateways_say_of_the_routes_is_told(scene: Scene) -> Outcome {
    let spec = json!({"replicas": 0, "adapterServices": {
        "type": "ClusterIP", "gateway": {"parentRefs": [{"name": "edge"}]},
    }});
    let files = Instance::create(&scene, "files", spec).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    wait_routes(&files, OptionalKind::TcpRoute, &["files-nfs"]).await?;
    let api = api(&files, OptionalKind::TcpRoute);
    for (accepted, status, reason) in [
        ("False", "False", "RouteNotAccepted"),
        ("True", "True", "RoutesAccepted"),
    ] {
        let parents = json!([{
            "parentRef": {"name": "edge"}, "controllerName": "example.com/gateway",
            "conditions": [{
                "type": "Accepted", "status": accepted, "reason": "Because", "message": "of the test",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            }],
        }]);
        let patch = Patch::Merge(json!({"status": {"parents": parents}}));
        api.patch_status("files-nfs", &PatchParams::default(), &patch)
            .await?;
        files
            .wait_condition("GatewayReady", status, Some(reason), API_DEADLINE)
            .await?;
    }
    Ok(())
}

pub async fn routes_follow_their_adapters_and_go_when_they_are_not_asked_for(
    scene: Scene,
) -> Outcome {
    let files = both_published(&scene, through_a_gateway()).await?;
    let all = ["files-nfs", "files-nfs-portmap", "files-smb"];
    let before = wait_routes(&files, OptionalKind::TcpRoute, &all).await?;
    let leaving = Adapter {
        enabled: false,
        leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..adapter("smb", 1445)
    };
    files.publish(vec![adapter("nfs", 12050), leaving]).await?;
    files
        .wait_services(&[("files-nfs", 2049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let now = wait_routes(&files, OptionalKind::TcpRoute, &all).await?;
    ensure!(
        before[2].uid() == now[2].uid(),
        "the route of smb is another one"
    );
    files.publish(vec![adapter("nfs", 12050)]).await?;
    wait_routes(&files, OptionalKind::TcpRoute, &all[..2]).await?;
    files
        .change(json!({"adapterServices": {"gateway": null, "overrides": null}}))
        .await?;
    wait_routes(&files, OptionalKind::TcpRoute, &[]).await?;
    wait_routes(&files, OptionalKind::UdpRoute, &[]).await?;
    files
        .wait_status("no condition GatewayReady", API_DEADLINE, |server| {
            let conditions = server.status.clone().unwrap_or_default().conditions;
            let there = conditions
                .iter()
                .any(|condition| condition.type_ == "GatewayReady");
            if there {
                Err(format!("{conditions:?}"))
            } else {
                Ok(())
            }
        })
        .await?;
    Ok(())
}
