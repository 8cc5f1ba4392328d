//! Releases of Gateway API serve the routes in other versions: the operator follows while it runs, and the routes stay.

use dittofs_operator_core::optional::OptionalKind;
use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::wait_for;
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::seen::{Failed, settled, without_pod};

const ROUTES: [(OptionalKind, Kind, &str); 2] = [
    (OptionalKind::TcpRoute, Kind::TcpRoute, "files-nfs"),
    (
        OptionalKind::UdpRoute,
        Kind::UdpRoute,
        "files-nfs-portmap-udp",
    ),
];

/// A release of Gateway API: its name, the versions in its definition with whether each is served, the stored one first,
/// and the version that the operator is to use.
type Release = (&'static str, &'static [(&'static str, bool)], &'static str);

const RELEASES: [Release; 6] = [
    ("1.5", &[("v1alpha2", true)], "v1alpha2"),
    (
        "1.6, experimental",
        &[("v1", true), ("v1alpha2", true)],
        "v1",
    ),
    ("1.6, standard", &[("v1", true), ("v1alpha2", false)], "v1"),
    ("without the old version", &[("v1", true)], "v1"),
    (
        "1.6, experimental, again",
        &[("v1", true), ("v1alpha2", true)],
        "v1",
    ),
    (
        "one that is turned back",
        &[("v1", false), ("v1alpha2", true)],
        "v1alpha2",
    ),
];

fn api(scene: &Scene, kind: OptionalKind, version: &str) -> Api<DynamicObject> {
    let resource = kind.resource_in(version);
    Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource)
}

/// The version under which the operator has applied an object last.
fn applied_in(object: &DynamicObject) -> Option<&str> {
    let mut entries = object.metadata.managed_fields.iter().flatten();
    let ours = entries.find(|entry| {
        entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
    });
    ours?.api_version.as_deref()?.split('/').next_back()
}

/// Waits until a route is applied in a version and attaches to this Gateway.
async fn wait_route(
    scene: &Scene,
    (kind, name): (OptionalKind, &str),
    version: &str,
    gateway: &str,
) -> Result<DynamicObject, Failed> {
    let api = api(scene, kind, version);
    let what = format!(
        "{} {name} to be applied in {version} for {gateway}",
        kind.name()
    );
    let found = wait_for(&what, API_DEADLINE, || async {
        let route = api.get(name).await.map_err(|error| error.to_string())?;
        let parent = &route.data["spec"]["parentRefs"][0]["name"];
        let applied = applied_in(&route);
        if applied == Some(version) && parent == gateway {
            Ok(route)
        } else {
            Err(format!("applied in {applied:?} for {parent}"))
        }
    });
    Ok(found.await?)
}

/// A stored version can be removed only once nothing is stored in it. The operator has written all there is.
async fn migrated(scene: &Scene, versions: &[(&str, bool)]) -> Outcome {
    let crds: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let stored = versions.first().map(|(version, _)| version);
    let patch = Patch::Merge(json!({"status": {"storedVersions": [stored]}}));
    for (_, kind, _) in ROUTES {
        crds.patch_status(kind.crd(), &PatchParams::default(), &patch)
            .await?;
    }
    Ok(())
}

async fn leader(scene: &Scene) -> Result<Option<String>, Failed> {
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), NAMESPACE);
    let lease = leases.get(OPERATOR).await?;
    Ok(lease.spec.and_then(|spec| spec.holder_identity))
}

async fn attach(files: &Instance, gateway: &str) -> Outcome {
    let gateway = json!({"parentRefs": [{"name": gateway}]});
    files
        .change(json!({"adapterServices": {"gateway": gateway}}))
        .await?;
    Ok(())
}

pub async fn routes_stay_while_the_version_changes_in_which_they_are_served(
    scene: Scene,
) -> Outcome {
    let definitions = ForeignCrds::ensure()?;
    let files = Instance::create(&scene, "files", without_pod()).await?;
    let discovery = json!({"overrides": {"nfs": {"discoveryPorts": ["Portmapper"]}}});
    files.change(json!({"adapterServices": discovery})).await?;
    attach(&files, "edge-0").await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    // Who has made it leads: the operator of the test before may still be on its way out.
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    let leading = leader(&scene).await?;
    let mut uids = Vec::new();
    for (number, (release, versions, version)) in RELEASES.iter().enumerate() {
        for (_, kind, _) in ROUTES {
            definitions
                .install_as(&scene.client, kind, versions)
                .await?;
        }
        let mut seen = Vec::new();
        for (kind, _, name) in ROUTES {
            let gateway = format!("edge-{number}");
            let route = wait_route(&scene, (kind, name), version, &gateway).await?;
            seen.push(route.uid());
        }
        if number == 0 {
            uids.clone_from(&seen);
        }
        ensure!(uids == seen, "{release}: there are other routes");
        migrated(&scene, versions).await?;
        let reason = Some("NotAcceptedYet");
        files
            .wait_condition("GatewayReady", "Unknown", reason, API_DEADLINE)
            .await?;
        attach(&files, &format!("edge-{}", number + 1)).await?;
        let next = format!("edge-{}", number + 1);
        for (kind, _, name) in ROUTES {
            wait_route(&scene, (kind, name), version, &next).await?;
        }
    }
    // Drift is noticed in the last of them as in the first.
    settled(&scene).await?;
    let (kind, _, name) = ROUTES[0];
    let routes = api(&scene, kind, "v1alpha2");
    routes.delete(name, &DeleteParams::default()).await?;
    let last = format!("edge-{}", RELEASES.len());
    wait_route(&scene, (kind, name), "v1alpha2", &last).await?;
    ensure!(
        leader(&scene).await? == leading,
        "the operator has restarted"
    );
    Ok(())
}
