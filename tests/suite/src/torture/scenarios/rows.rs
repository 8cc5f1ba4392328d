//! The scenarios that are no change of a single field.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::Adapter;
use dittofs_suite::instance::{adapter, merge};
use dittofs_suite::kubelet::NOWHERE;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Resource;
use kube::api::ApiResource;
use serde_json::{Value, json};

use super::{Scenario, Step, base, both, with};

fn of<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

fn off(r#type: &str, port: i64) -> Adapter {
    Adapter {
        enabled: false,
        running: false,
        ..adapter(r#type, port)
    }
}

fn moved() -> Vec<Adapter> {
    vec![adapter("nfs", 12049), adapter("smb", 1446)]
}

/// All of them.
pub fn by_hand() -> Vec<Scenario> {
    let created = |name: &str, makes_secrets| Scenario {
        name: name.to_owned(),
        spec: None,
        steps: vec![Step::Spec(base()), Step::Publish(both())],
        makes_secrets,
    };
    let mut all = vec![
        created("created", false),
        created("created, and its Secrets with it", true),
    ];
    let named = |(name, steps): (&str, Vec<Step>)| Scenario {
        name: name.to_owned(),
        spec: Some(base()),
        steps,
        ..Scenario::default()
    };
    all.extend(of_adapters().into_iter().map(named));
    all.extend(of_specs().into_iter().map(named));
    all.extend(of_others().into_iter().map(named));
    all.extend(of_pods());
    all
}

fn of_adapters() -> Vec<(&'static str, Vec<Step>)> {
    let state = || of::<ConfigMap>();
    vec![
        ("an adapter moves", vec![Step::Publish(moved())]),
        (
            "an adapter has left",
            vec![Step::Publish(vec![adapter("nfs", 12049), off("smb", 1445)])],
        ),
        (
            "an adapter is listed no more",
            vec![Step::Publish(vec![adapter("nfs", 12049)])],
        ),
        (
            "all adapters have left",
            vec![Step::Publish(vec![off("nfs", 12049), off("smb", 1445)])],
        ),
        (
            "an adapter comes back",
            vec![
                Step::Publish(vec![adapter("nfs", 12049), off("smb", 1445)]),
                Step::Publish(moved()),
            ],
        ),
        (
            "the published state is deleted",
            vec![
                Step::Delete(state(), "files-adapters"),
                Step::Publish(moved()),
            ],
        ),
        (
            "the published state is spoilt for a while",
            vec![
                Step::PublishRaw(json!({"schema": "v9"})),
                Step::Publish(moved()),
            ],
        ),
        (
            "the published state stays spoilt",
            vec![Step::PublishRaw(
                json!({"schema": "v1", "server": "?", "adapters": "?"}),
            )],
        ),
        (
            "the published state is empty",
            vec![Step::Publish(Vec::new())],
        ),
    ]
}

fn of_specs() -> Vec<(&'static str, Vec<Step>)> {
    let shared = || with(json!({"adapterServices": {"mode": "Shared"}}));
    vec![
        ("one Service for all", vec![Step::Spec(shared())]),
        (
            "one Service for all, and back",
            vec![Step::Spec(shared()), Step::Spec(base())],
        ),
        (
            "other names, and an adapter moves",
            vec![
                Step::Spec(with(
                    json!({"adapterServices": {"nameTemplate": "{adapter}-of-{instance}"}}),
                )),
                Step::Publish(moved()),
            ],
        ),
        (
            "paused, and no longer",
            vec![
                Step::Spec(with(json!({"paused": true, "logging": {"level": "DEBUG"}}))),
                Step::Spec(with(json!({"logging": {"level": "DEBUG"}}))),
            ],
        ),
        (
            "no policies, and again",
            vec![
                Step::Spec(with(json!({"networkPolicy": {"enabled": false}}))),
                Step::Spec(base()),
            ],
        ),
        (
            "everything at once",
            vec![
                Step::Publish(moved()),
                Step::Spec(with(json!({
                    "adapterServices": {"type": "NodePort", "labels": {"example.com/a": "b"}},
                    "metrics": {"enabled": true},
                    "controlPlane": {"exposure": "Cluster"},
                    "storage": {"contentSize": "2Gi"},
                }))),
            ],
        ),
    ]
}

fn of_others() -> Vec<(&'static str, Vec<Step>)> {
    let labels = |value: &str| json!({"metadata": {"labels": {"app": value}}});
    vec![
        (
            "a Service is deleted",
            vec![Step::Delete(of::<Service>(), "files-nfs")],
        ),
        (
            "a Service is edited",
            vec![Step::Edit(
                of::<Service>(),
                "files-nfs",
                json!({"spec": {"selector": {"somebody": "else"}}}),
            )],
        ),
        (
            "a policy is opened",
            vec![Step::Edit(
                of::<NetworkPolicy>(),
                "files-baseline",
                json!({"spec": {"ingress": [{}]}}),
            )],
        ),
        (
            "a policy is deleted",
            vec![Step::Delete(of::<NetworkPolicy>(), "files-nfs")],
        ),
        (
            "rights and accounts are deleted",
            vec![
                Step::Delete(of::<Role>(), "files-sidecar"),
                Step::Delete(of::<RoleBinding>(), "files-sidecar"),
                Step::Delete(of::<ServiceAccount>(), "files-sidecar"),
            ],
        ),
        (
            "the StatefulSet is deleted",
            vec![Step::Delete(of::<StatefulSet>(), "files")],
        ),
        (
            "labels are changed everywhere",
            vec![
                Step::Edit(of::<ConfigMap>(), "files-sidecar", labels("other")),
                Step::Edit(of::<ConfigMap>(), "files-adapters", labels("other")),
                Step::Edit(of::<PodDisruptionBudget>(), "files", labels("other")),
                Step::Edit(of::<Service>(), "files-headless", labels("other")),
            ],
        ),
        (
            "settings of the sidecar are emptied",
            vec![Step::Edit(
                of::<ConfigMap>(),
                "files-sidecar",
                json!({"data": null}),
            )],
        ),
        (
            "deleted and created again",
            vec![
                Step::Delete(of::<DittoServer>(), "files"),
                Step::Gone(of::<ConfigMap>(), "files-adapters"),
                Step::Gone(of::<StatefulSet>(), "files"),
                Step::Gone(of::<Service>(), "files-smb"),
                Step::Spec(base()),
                Step::Publish(both()),
            ],
        ),
    ]
}

/// A server with a pod, which a played kubelet runs, and with claims.
fn running(more: Value) -> Value {
    let mut spec = with(json!({"replicas": 1, "storage": {"storageClassName": null}}));
    merge(&mut spec, more);
    spec
}

fn of_pods() -> Vec<Scenario> {
    let level = |level: &str| Step::Spec(running(json!({"logging": {"level": level}})));
    let back = || Step::Spec(running(json!({})));
    let rows = [
        ("a server is restarted", vec![level("DEBUG")]),
        (
            "a server is restarted twice",
            vec![level("DEBUG"), level("WARN")],
        ),
        ("a restart is taken back", vec![level("DEBUG"), back()]),
        (
            "a server is stopped and started",
            vec![Step::Spec(running(json!({"replicas": 0}))), back()],
        ),
        (
            "a pod is deleted",
            vec![Step::Delete(of::<Pod>(), "files-0")],
        ),
        (
            "a pod is deleted that is to be restarted",
            vec![level("DEBUG"), Step::Delete(of::<Pod>(), "files-0")],
        ),
        (
            "a server is restarted while an adapter moves",
            vec![level("DEBUG"), Step::Publish(moved())],
        ),
        (
            "the StatefulSet of a server is deleted",
            vec![Step::Delete(of::<StatefulSet>(), "files")],
        ),
    ];
    rows.into_iter()
        .chain(of_sidecars())
        .map(with_pod)
        .collect()
}

fn with_pod((name, steps): (&'static str, Vec<Step>)) -> Scenario {
    Scenario {
        name: name.to_owned(),
        spec: Some(running(json!({}))),
        steps,
        ..Scenario::default()
    }
}

fn of_sidecars() -> Vec<(&'static str, Vec<Step>)> {
    let ask = |image: &str| Step::Spec(running(json!({"sidecar": {"image": image}})));
    let [second, third] = ["sidecar.example/it:2", "sidecar.example/it:3"];
    let nowhere = format!("{NOWHERE}it:4");
    let restart = |image: &str| {
        let spec = json!({"sidecar": {"image": image}, "logging": {"level": "DEBUG"}});
        Step::Spec(running(spec))
    };
    vec![
        ("a sidecar is replaced", vec![ask(second)]),
        ("a sidecar is replaced twice", vec![ask(second), ask(third)]),
        ("a sidecar does not run", vec![ask(&nowhere)]),
        (
            "a sidecar does not run, and another does",
            vec![ask(&nowhere), ask(third)],
        ),
        (
            "a sidecar is replaced while its server restarts",
            vec![ask(second), restart(second)],
        ),
        (
            "a pod is deleted whose sidecar is replaced",
            vec![ask(second), Step::Delete(of::<Pod>(), "files-0")],
        ),
        (
            "a sidecar is replaced while an adapter moves",
            vec![ask(second), Step::Publish(moved())],
        ),
    ]
}
