//! What clouds and admission policies set on the Services that we make: it stays, is no fault, and keeps neither a change
//! from being made nor the operator busy.

use dittofs_rig::{Admission, Requests};
use dittofs_shared::crd::{AdapterStatus, DittoServer};
use dittofs_shared::labels;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::exposure::has;
use super::seen::{Failed, ensure_no_writes, settled, write};
use super::services::{wait_has, wait_told};

/// A policy on the Services of one instance, which bears its name.
struct Case {
    name: &'static str,
    /// Patches, in CEL.
    patch: &'static str,
    /// What it sets.
    sets: Value,
    /// A change of `adapterServices`, and what the Service has then.
    change: Value,
    then: Value,
}

fn services() -> Vec<Case> {
    let to_cluster_ip = || json!({"type": "ClusterIP"});
    let is_cluster_ip = || json!({"spec": {"type": "ClusterIP", "loadBalancerClass": null}});
    let labelled = || json!({"labels": {"example.com/tier": "files"}});
    let is_labelled = || json!({"metadata": {"labels": {"example.com/tier": "files"}}});
    let case = |name, patch, sets, change, then| Case {
        name,
        patch,
        sets,
        change,
        then,
    };
    vec![
        // As the AWS Load Balancer Controller does it.
        case(
            "class",
            r#"object.spec.type != "LoadBalancer" || has(object.spec.loadBalancerClass) ? [] :
                [JSONPatch{op: "add", path: "/spec/loadBalancerClass", value: "service.k8s.aws/nlb"}]"#,
            json!({"spec": {"loadBalancerClass": "service.k8s.aws/nlb"}}),
            to_cluster_ip(),
            is_cluster_ip(),
        ),
        case(
            "traffic",
            r#"object.spec.type != "LoadBalancer" ? [] :
                [JSONPatch{op: "add", path: "/spec/externalTrafficPolicy", value: "Cluster"}]"#,
            json!({"spec": {"externalTrafficPolicy": "Cluster"}}),
            labelled(),
            is_labelled(),
        ),
        case(
            "inside",
            r#"[JSONPatch{op: "add", path: "/spec/internalTrafficPolicy", value: "Local"}]"#,
            json!({"spec": {"internalTrafficPolicy": "Local"}}),
            labelled(),
            is_labelled(),
        ),
        case(
            "node-ports",
            r#"object.spec.type != "LoadBalancer" ? [] :
                [JSONPatch{op: "add", path: "/spec/allocateLoadBalancerNodePorts", value: false}]"#,
            json!({"spec": {"allocateLoadBalancerNodePorts": false}}),
            to_cluster_ip(),
            is_cluster_ip(),
        ),
        case(
            "ranges",
            r#"object.spec.type != "LoadBalancer" ? [] :
                [JSONPatch{op: "add", path: "/spec/loadBalancerSourceRanges", value: ["192.0.2.0/24"]}]"#,
            json!({"spec": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}}),
            to_cluster_ip(),
            json!({"spec": {"type": "ClusterIP", "loadBalancerSourceRanges": null}}),
        ),
        case(
            "families",
            r#"[JSONPatch{op: "add", path: "/spec/ipFamilyPolicy", value: "PreferDualStack"}]"#,
            json!({"spec": {"ipFamilyPolicy": "PreferDualStack"}}),
            labelled(),
            is_labelled(),
        ),
        case(
            "affinity",
            r#"[JSONPatch{op: "add", path: "/spec/sessionAffinity", value: "ClientIP"}]"#,
            json!({"spec": {"sessionAffinity": "ClientIP"}}),
            to_cluster_ip(),
            is_cluster_ip(),
        ),
        case(
            "unready",
            r#"[JSONPatch{op: "add", path: "/spec/publishNotReadyAddresses", value: false}]"#,
            json!({"spec": {"publishNotReadyAddresses": null}}),
            labelled(),
            is_labelled(),
        ),
        case(
            "ports",
            r#"[JSONPatch{op: "add", path: "/spec/ports/0/appProtocol", value: "example.com/nfs"}]"#,
            json!({}),
            labelled(),
            is_labelled(),
        ),
        case(
            "marks",
            r#"[JSONPatch{op: "add", path: "/metadata/annotations/example.com~1mesh", value: "yes"},
                JSONPatch{op: "add", path: "/metadata/labels/example.com~1team", value: "storage"}]"#,
            json!({"metadata": {
                "annotations": {"example.com/mesh": "yes"}, "labels": {"example.com/team": "storage"},
            }}),
            to_cluster_ip(),
            is_cluster_ip(),
        ),
    ]
}

fn probe(instance: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "probe", "annotations": {"a": "b"},
            "labels": {labels::INSTANCE: instance, labels::ADAPTER: "nfs"},
        },
        "spec": {"type": "LoadBalancer", "ports": [{"port": 1}]},
    })
}

fn load_balancer() -> Value {
    json!({"replicas": 0, "adapterServices": {"type": "LoadBalancer"}})
}

fn service_of(name: &str) -> String {
    format!("{name}-nfs")
}

/// As the controller of a class that the rig does not serve would do it.
async fn give_address(files: &Instance, service: &str) -> Outcome {
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.77"}]}}});
    let api = files.api::<Service>();
    api.patch_status(service, &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}

/// It is ready, its adapter is exposed, and nothing is remarked on that.
pub async fn is_no_fault(files: &Instance) -> Outcome {
    files
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let what = format!("nothing to be remarked on {}", files.name);
    files
        .wait_status(&what, API_DEADLINE, |server| {
            let adapters = server.status.iter().flat_map(|status| &status.adapters);
            let adapters: Vec<_> = adapters.collect();
            let is_fine = |adapter: &&AdapterStatus| adapter.exposed && adapter.message.is_none();
            if adapters.len() == 1 && adapters.iter().all(is_fine) {
                Ok(())
            } else {
                Err(format!("{adapters:?}"))
            }
        })
        .await?;
    Ok(())
}

/// However often the operator looks at them, it writes nothing.
pub async fn are_quiet(all: &[Instance], scene: &Scene) -> Outcome {
    settled(scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    for look in ["1", "2", "3"] {
        for files in all {
            let patch = json!({"metadata": {"annotations": {"example.com/nudge": look}}});
            write::<DittoServer>(files, "somebody", &files.name, patch).await?;
        }
        settled(scene).await?;
    }
    ensure_no_writes(scene, mark)
}

async fn admitted(scene: &Scene, cases: &[Case]) -> Result<Admission, Failed> {
    let mut admission = Admission::of(&scene.client, &scene.namespace);
    for case in cases {
        let services =
            Requests::writing("", "v1", "services").labelled(labels::INSTANCE, case.name);
        // Of an instance only the Services of its adapters.
        let patch = format!(
            "has(object.metadata.labels) && \"{}\" in object.metadata.labels ? ({}) : []",
            labels::ADAPTER,
            case.patch
        );
        admission.mutate(case.name, services, &patch).await?;
    }
    for case in cases {
        let what = format!("policy {} to hold", case.name);
        admission
            .wait(&what, &probe(case.name), |made| {
                has(made, &case.sets).is_ok()
            })
            .await?;
    }
    Ok(admission)
}

pub async fn what_a_cloud_sets_on_services_is_no_fault(scene: Scene) -> Outcome {
    let cases = services();
    let mut admission = admitted(&scene, &cases).await?;
    let mut all = Vec::new();
    for case in &cases {
        let files = Instance::create(&scene, case.name, load_balancer()).await?;
        files.publish(vec![adapter("nfs", 12049)]).await?;
        all.push(files);
    }
    for (case, files) in cases.iter().zip(&all) {
        let name = service_of(case.name);
        let made = wait_has(files, &name, case.sets.clone()).await?;
        if made
            .spec
            .is_some_and(|spec| spec.load_balancer_class.is_some())
        {
            give_address(files, &name).await?;
        }
    }
    for files in &all {
        is_no_fault(files).await?;
    }
    are_quiet(&all, &scene).await?;
    for (case, files) in cases.iter().zip(&all) {
        files.publish(vec![adapter("nfs", 12050)]).await?;
        let name = service_of(case.name);
        files.wait_services(&[(&name, 12050)], API_DEADLINE).await?;
        wait_has(files, &name, case.sets.clone()).await?;
        files
            .change(json!({"adapterServices": case.change}))
            .await?;
    }
    for (case, files) in cases.iter().zip(&all) {
        wait_has(files, &service_of(case.name), case.then.clone()).await?;
        is_no_fault(files).await?;
    }
    are_quiet(&all, &scene).await?;
    admission.remove().await?;
    Ok(())
}

/// The class is worth a word only where another one is asked for, and then the address stays all the same.
pub async fn a_class_that_a_webhook_sets_is_told_only_where_another_is_named(
    scene: Scene,
) -> Outcome {
    let cases: Vec<_> = services().into_iter().take(1).collect();
    let mut admission = admitted(&scene, &cases).await?;
    let files = Instance::create(&scene, "class", load_balancer()).await?;
    files.publish(vec![adapter("nfs", 12049)]).await?;
    let first = wait_has(&files, "class-nfs", cases[0].sets.clone()).await?;
    give_address(&files, "class-nfs").await?;
    is_no_fault(&files).await?;
    let named = |class: &str| json!({"adapterServices": {"loadBalancerClass": class}});
    files.change(named("example.com/other")).await?;
    wait_told(&files, "nfs", "immutable and stays service.k8s.aws/nlb").await?;
    files.change(named("service.k8s.aws/nlb")).await?;
    is_no_fault(&files).await?;
    // What we have sent ourselves cannot be taken back, and is nobody's business either.
    files
        .change(json!({"adapterServices": {"loadBalancerClass": null}}))
        .await?;
    is_no_fault(&files).await?;
    files.publish(vec![adapter("nfs", 12050)]).await?;
    files
        .wait_services(&[("class-nfs", 12050)], API_DEADLINE)
        .await?;
    let now = wait_has(&files, "class-nfs", cases[0].sets.clone()).await?;
    ensure!(first.uid() == now.uid(), "it is another Service");
    are_quiet(&[files], &scene).await?;
    admission.remove().await?;
    Ok(())
}
