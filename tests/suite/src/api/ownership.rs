//! Who owns what: two writers on one ConfigMap, and objects of other people that have the names we want.

use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::Role;
use kube::ResourceExt;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::seen::{Failed, pod_never_runs, settled, version, wait_event, wait_object, without_pod};

async fn foreign_service(files: &Instance, name: &str) -> Result<Service, Failed> {
    let foreign = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"who": "somebody"}},
        "spec": {"selector": {"who": "somebody"}, "ports": [{"port": 80}]},
    }))?;
    Ok(files
        .api::<Service>()
        .create(&PostParams::default(), &foreign)
        .await?)
}

async fn is_untouched(files: &Instance, foreign: &Service) -> Outcome {
    let now = files.api::<Service>().get(&foreign.name_any()).await?;
    ensure!(
        version(foreign) == version(&now),
        "the foreign Service is now {now:?}"
    );
    Ok(())
}

pub async fn a_foreign_service_of_the_same_name_is_not_touched(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let foreign = foreign_service(&files, "files-smb").await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    // One name that is taken does not keep the rest from being made.
    files
        .wait_services(&[("files-nfs", 12049)], API_DEADLINE)
        .await?;
    let server = files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let message = &server.status.unwrap_or_default().conditions[0].message;
    ensure!(
        message.contains("files-smb") && message.contains("Service"),
        "Ready says {message:?}"
    );
    wait_event(&files, "ApplyFailed", "files-smb").await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    is_untouched(&files, &foreign).await?;
    // The other one makes room, and it heals by itself.
    files
        .api::<Service>()
        .delete("files-smb", &DeleteParams::default())
        .await?;
    // The foreign one is not watched: it heals with a retry, a minute later at most.
    files
        .wait_services(
            &[("files-nfs", 12049), ("files-smb", 1445)],
            API_DEADLINE + API_DEADLINE,
        )
        .await?;
    Ok(())
}

pub async fn an_address_stays_when_its_new_name_is_taken(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    let before = files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    let foreign = foreign_service(&files, "smb-of-files").await?;
    files
        .change(json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}))
        .await?;
    let after = files
        .wait_services(
            &[("files-smb", 1445), ("nfs-of-files", 12049)],
            API_DEADLINE,
        )
        .await?;
    files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    ensure!(
        before[1].uid() == after[0].uid(),
        "the Service is another one"
    );
    is_untouched(&files, &foreign).await
}

pub async fn two_instances_that_want_the_same_service_do_not_fight_over_it(
    scene: Scene,
) -> Outcome {
    let spec = json!({"adapterServices": {"type": "ClusterIP", "nameTemplate": "share-{adapter}"}, "replicas": 0});
    let first = Instance::create(&scene, "first", spec.clone()).await?;
    first.publish(vec![adapter("smb", 1445)]).await?;
    let before = first
        .wait_services(&[("share-smb", 1445)], API_DEADLINE)
        .await?;
    let second = Instance::create(&scene, "second", spec).await?;
    second.publish(vec![adapter("smb", 1446)]).await?;
    let server = second
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let message = &server.status.unwrap_or_default().conditions[0].message;
    ensure!(
        message.contains("share-smb") && message.contains("DittoServer first"),
        "Ready says {message:?}"
    );
    first
        .wait_condition("Ready", "True", None, API_DEADLINE)
        .await?;
    let after = first
        .wait_services(&[("share-smb", 1445)], API_DEADLINE)
        .await?;
    ensure!(
        version(&before[0]) == version(&after[0]),
        "the Service has been written to"
    );
    Ok(())
}

/// A pod that somebody else controls bears our label and the name of ours. It would be in the way of ours, and is never
/// deleted for it.
pub async fn a_pod_that_our_stateful_set_does_not_control_is_never_deleted(
    scene: Scene,
) -> Outcome {
    let mut spec = pod_never_runs();
    spec["paused"] = json!(true);
    let files = Instance::create(&scene, "files", spec).await?;
    let owner = serde_json::from_value(json!({"metadata": {"name": "team"}}))?;
    let owner = files
        .api::<ConfigMap>()
        .create(&PostParams::default(), &owner)
        .await?;
    let container = json!({"name": "dittofs", "image": "docker.io/local/nothing:1", "securityContext": {
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"}}});
    let foreign = serde_json::from_value(json!({
        "metadata": {
            "name": "files-0", "labels": {"app": "dittofs-server", "instance": "files"},
            "annotations": {"dittofs.dittofs.com/roll-hash": "image:0000000000000000"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "team",
                "uid": owner.uid(), "controller": true}],
        },
        "spec": {"serviceAccountName": "default", "containers": [container],
            "nodeSelector": {"nowhere": "true"}},
    }))?;
    let pods = files.api::<Pod>();
    wait_object::<ServiceAccount>(&files, "default", "is there", |_| Ok(())).await?;
    let before = pods.create(&PostParams::default(), &foreign).await?;
    files.change(json!({"paused": null})).await?;
    wait_object::<StatefulSet>(&files, "files", "has been looked at", |set| {
        let seen = set
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        if seen == set.metadata.generation {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await?;
    settled(&scene).await?;
    let now = pods.get("files-0").await?;
    ensure!(
        now.uid() == before.uid() && now.metadata.deletion_timestamp.is_none(),
        "the pod is {:?}",
        now.metadata
    );
    Ok(())
}

fn names_in(role: &Role) -> Vec<&str> {
    let rules = role.rules.iter().flatten();
    let names = rules.flat_map(|rule| rule.resource_names.iter().flatten());
    names.map(String::as_str).collect()
}

pub async fn a_sidecar_gets_no_right_to_a_config_map_of_somebody_else(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({"paused": true, "replicas": 0})).await?;
    let maps = files.api::<ConfigMap>();
    let foreign = serde_json::from_value(
        json!({"metadata": {"name": "files-adapters"}, "data": {"of": "somebody"}}),
    )?;
    let foreign = maps.create(&PostParams::default(), &foreign).await?;
    files.change(json!({"paused": null})).await?;
    files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let role = wait_object::<Role>(&files, "files-sidecar", "is there", |_| Ok(())).await?;
    ensure!(
        names_in(&role) == ["files-sidecar"],
        "it is about {:?}",
        names_in(&role)
    );
    let now = maps.get("files-adapters").await?;
    ensure!(version(&foreign) == version(&now), "it is now {now:?}");
    maps.delete("files-adapters", &DeleteParams::default())
        .await?;
    wait_object::<Role>(&files, "files-sidecar", "is whole", |role| {
        let names = names_in(role);
        if names.contains(&"files-adapters") {
            Ok(())
        } else {
            Err(format!("{names:?}"))
        }
    })
    .await?;
    Ok(())
}

/// Of every kind that the operator makes: group, version, kind, and what makes it valid.
fn of_every_kind() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let (pods, port) = (
        json!({"matchLabels": {"a": "b"}}),
        json!([{"name": "a", "port": 80}]),
    );
    let container = json!({"name": "a", "image": "docker.io/local/nothing:1"});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}});
    let rbac = "rbac.authorization.k8s.io";
    let role = json!({"apiGroup": rbac, "kind": "Role", "name": "made"});
    let route = json!({"rules": [{"backendRefs": [{"name": "a", "port": 80}]}]});
    let claim =
        json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let gateway = "gateway.networking.k8s.io";
    vec![
        ("", "v1", "ConfigMap", json!({"data": {"a": "b"}})),
        ("", "v1", "ServiceAccount", json!({})),
        ("", "v1", "Service", json!({"spec": {"ports": port}})),
        (
            "apps",
            "v1",
            "StatefulSet",
            json!({"spec": {"replicas": 0, "serviceName": "a",
            "selector": pods, "template": template}}),
        ),
        (
            "networking.k8s.io",
            "v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": pods}}),
        ),
        (
            "policy",
            "v1",
            "PodDisruptionBudget",
            json!({"spec": {"maxUnavailable": 0, "selector": pods}}),
        ),
        (rbac, "v1", "Role", json!({"rules": []})),
        (rbac, "v1", "RoleBinding", json!({"roleRef": role})),
        (
            "monitoring.coreos.com",
            "v1",
            "ServiceMonitor",
            json!({"spec": {"selector": pods, "endpoints": []}}),
        ),
        (gateway, "v1alpha2", "TCPRoute", json!({"spec": route})),
        (gateway, "v1alpha2", "UDPRoute", json!({"spec": route})),
        (
            "pgv2.percona.com",
            "v2",
            "PerconaPGCluster",
            json!({"spec": {"crVersion": "2.8.0",
            "postgresVersion": 16, "backups": {"enabled": false},
            "instances": [{"name": "a", "replicas": 1, "dataVolumeClaimSpec": claim}]}}),
        ),
    ]
}

/// What `Writer::send` builds on, for each kind: an apply with a grace period makes an object and changes none, and one
/// with a uid changes this object and makes none.
pub async fn an_apply_can_be_held_to_making_or_to_changing(scene: Scene) -> Outcome {
    for (group, version, kind, body) in of_every_kind() {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: kube::Api<DynamicObject> =
            kube::Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
        let apply = |name: &str, more: Value| {
            let mut sent = body.clone();
            let mut metadata = json!({"name": name});
            dittofs_suite::instance::merge(&mut metadata, more);
            sent["metadata"] = metadata;
            sent["apiVersion"] = json!(resource.api_version);
            sent["kind"] = json!(kind);
            let (api, name) = (api.clone(), name.to_owned());
            async move {
                let parameters = PatchParams::apply("one").force();
                match api.patch(&name, &parameters, &Patch::Apply(sent)).await {
                    Ok(made) => Ok(made),
                    Err(kube::Error::Api(status)) => Err((status.code, status.message)),
                    Err(error) => Err((0, error.to_string())),
                }
            }
        };
        let new = json!({"resourceVersion": i64::MAX.to_string()});
        let made = apply("made", new.clone())
            .await
            .map_err(|refusal| format!("{kind} is not made: {refusal:?}"))?;
        let managers = made.metadata.managed_fields.iter().flatten();
        ensure!(
            managers
                .clone()
                .all(|one| one.operation.as_deref() == Some("Apply")),
            "{kind} has other managers: {:?}",
            made.metadata.managed_fields
        );
        let again = apply("made", new).await;
        ensure!(
            matches!(again, Err((409, _))),
            "{kind} that exists: {again:?}"
        );
        let other = json!({"uid": "00000000-0000-0000-0000-000000000000"});
        let answer = apply("made", other.clone()).await;
        let refused = matches!(&answer, Err((422, message)) if message.contains("metadata.uid"));
        ensure!(refused, "{kind} with another uid: {answer:?}");
        let answer = apply("missing", other).await;
        ensure!(
            matches!(answer, Err((409, _))),
            "{kind} that is missing: {answer:?}"
        );
        let same = apply("made", json!({"uid": made.uid()})).await;
        ensure!(same.is_ok(), "{kind} with its uid: {same:?}");
    }
    Ok(())
}
