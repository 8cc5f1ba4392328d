//! What happens to an instance while its operator meets faults. A new feature is a new row.

use dittofs_golden::fields;
use dittofs_rig::wait_for;
use dittofs_shared::AdapterType;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::Adapter;
use dittofs_suite::Outcome;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::{Value, json};

use crate::api::seen::Failed;

/// One of them.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    /// The instance to begin with. `None`: there is none.
    pub spec: Option<Value>,
    /// What happens to it, one after the other, and without waiting.
    pub steps: Vec<Step>,
}

/// Something that a user, a sidecar or another program does.
#[derive(Clone, Debug)]
pub enum Step {
    /// The user applies this spec.
    Spec(Value),
    /// The sidecar publishes these adapters.
    Publish(Vec<Adapter>),
    /// Something is published that is no state.
    PublishRaw(Value),
    /// Somebody merges this into an object.
    Edit(ApiResource, &'static str, Value),
    /// Somebody deletes an object.
    Delete(ApiResource, &'static str),
    /// An object is gone.
    Gone(ApiResource, &'static str),
}

/// Fields that have no change here: what cannot be changed, what hides other changes, what waits for something that nobody
/// provides here, and what is there only once in a cluster.
const LEFT_OUT: [&str; 7] = [
    "storage.storageClassName",
    "replicas",
    "rollPolicy",
    "paused",
    "percona",
    "loadBalancerClass",
    "nodePort",
];

/// No pod runs, no cloud writes to the Services.
pub fn base() -> Value {
    json!({
        "storage": {"metadataSize": "1Gi", "storageClassName": "nowhere"},
        "adapterServices": {"type": "ClusterIP"},
        "replicas": 0,
    })
}

/// The same with more.
pub fn with(more: Value) -> Value {
    let mut spec = base();
    merge(&mut spec, more);
    spec
}

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

fn both() -> Vec<Adapter> {
    vec![adapter("nfs", 12049), adapter("smb", 1445)]
}

fn moved() -> Vec<Adapter> {
    vec![adapter("nfs", 12049), adapter("smb", 1446)]
}

/// All of them: those below, and one for each change of a field.
pub fn all() -> Result<Vec<Scenario>, Failed> {
    let mut all = by_hand();
    for (path, changes) in fields::all()? {
        if LEFT_OUT.iter().any(|left| path.contains(left)) {
            continue;
        }
        for (number, change) in changes.iter().enumerate() {
            let before = change.prepared(&base());
            all.push(Scenario {
                name: format!("field {path} {number}"),
                steps: vec![Step::Spec(change.applied_to(&before))],
                spec: Some(before),
            });
        }
    }
    Ok(all)
}

fn by_hand() -> Vec<Scenario> {
    let mut all = vec![Scenario {
        name: "created".to_owned(),
        spec: None,
        steps: vec![Step::Spec(base()), Step::Publish(both())],
    }];
    let named = |(name, steps): (&str, Vec<Step>)| Scenario {
        name: name.to_owned(),
        spec: Some(base()),
        steps,
    };
    all.extend(of_adapters().into_iter().map(named));
    all.extend(of_specs().into_iter().map(named));
    all.extend(of_others().into_iter().map(named));
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

/// Makes an instance, whose sidecar publishes both adapters.
pub async fn create(files: &Instance, spec: Value) -> Outcome {
    for step in [Step::Spec(spec), Step::Publish(both())] {
        step.take(files).await?;
    }
    Ok(())
}

impl Scenario {
    /// Makes the instance to begin with, if there is one, and waits until the operator has done all of it.
    pub async fn begin(&self, files: &Instance) -> Outcome {
        let Some(spec) = &self.spec else {
            return Ok(());
        };
        create(files, spec.clone()).await?;
        files.wait_complete().await?;
        let exposed = |server: &DittoServer| {
            let adapters = server.status.clone().unwrap_or_default().adapters;
            let is_done = adapters.len() == both().len() && adapters.iter().all(|one| one.exposed);
            is_done.then_some(()).ok_or_else(|| format!("{adapters:?}"))
        };
        files
            .wait_status("both adapters to be exposed", API_DEADLINE, exposed)
            .await?;
        Ok(())
    }

    /// Whether it is meant to cost this Service: it, or the whole instance, is deleted, or its adapter is not served for a while, or it
    /// is made anew on the way to another mode or back.
    pub fn takes_away(&self, service: &str) -> bool {
        let adapter = service.strip_prefix("files-");
        let adapter = adapter.filter(|adapter| AdapterType::NAMES.contains(adapter));
        self.steps.iter().any(|step| match step {
            Step::Delete(kind, name) => kind.kind == "DittoServer" || *name == service,
            Step::Publish(adapters) => {
                let is_on = |one: &Adapter| one.enabled && Some(one.r#type.as_str()) == adapter;
                adapter.is_some() && !adapters.iter().any(is_on)
            }
            Step::Spec(spec) => {
                adapter.is_some() && spec.pointer("/adapterServices/mode").is_some()
            }
            Step::PublishRaw(_) | Step::Edit(..) | Step::Gone(..) => false,
        })
    }

    /// Does everything to it.
    pub async fn act(&self, files: &Instance) -> Outcome {
        for step in &self.steps {
            let taken = step.take(files).await;
            taken.map_err(|error| format!("{step:?}: {error}"))?;
        }
        Ok(())
    }
}

impl Step {
    /// Does it.
    pub async fn take(&self, files: &Instance) -> Outcome {
        let api = |kind: &ApiResource| -> Api<DynamicObject> {
            Api::namespaced_with(files.scene.client.clone(), &files.scene.namespace, kind)
        };
        match self {
            Self::Spec(spec) => {
                let mut spec = spec.clone();
                spec["image"] = json!(files.scene.world.server_image);
                files.apply(spec).await?;
            }
            Self::Publish(adapters) => files.publish(adapters.clone()).await?,
            Self::PublishRaw(data) => files.publish_data(data.clone()).await?,
            Self::Edit(kind, name, patch) => {
                let patch = Patch::Merge(patch);
                api(kind)
                    .patch(name, &PatchParams::default(), &patch)
                    .await?;
            }
            Self::Delete(kind, name) => {
                api(kind).delete(name, &DeleteParams::background()).await?;
            }
            Self::Gone(kind, name) => {
                let api = api(kind);
                let what = format!("{} {name} to be gone", kind.kind);
                wait_for(&what, API_DEADLINE, || async {
                    match api.get_opt(name).await {
                        Ok(None) => Ok(()),
                        Ok(Some(_)) => Err("it is there".to_owned()),
                        Err(error) => Err(error.to_string()),
                    }
                })
                .await?;
            }
        }
        Ok(())
    }
}
