//! What happens to an instance while its operator meets faults. A new feature is a new row.

mod rows;

use dittofs_golden::fields;
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::Adapter;
use dittofs_shared::{AdapterType, names};
use dittofs_suite::Outcome;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use dittofs_suite::kubelet::NOWHERE;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::api::seen::Failed;
use crate::api::seen_pods::latest_pod;

/// One of them.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    pub name: String,
    /// The instance to begin with. `None`: there is none.
    pub spec: Option<Value>,
    /// What happens to it, one after the other, and without waiting.
    pub steps: Vec<Step>,
    /// The operator makes its Secrets. Otherwise they are there before, and the same for all instances.
    pub makes_secrets: bool,
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

fn both() -> Vec<Adapter> {
    vec![adapter("nfs", 12049), adapter("smb", 1445)]
}

/// All of them: those by hand, and one for each change of a field.
pub fn all() -> Result<Vec<Scenario>, Failed> {
    let mut all = rows::by_hand();
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
                ..Scenario::default()
            });
        }
    }
    Ok(all)
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
        self.wait_pod(files, None).await
    }

    /// Whether its server has a pod: in the beginning, and so in the end.
    pub fn has_pod(&self) -> bool {
        self.spec.as_ref().is_some_and(|spec| spec["replicas"] == 1)
    }

    /// Whether the instance is deleted and created once more, with other Secrets.
    pub fn starts_anew(&self) -> bool {
        let is_end =
            |step: &Step| matches!(step, Step::Delete(kind, _) if kind.kind == "DittoServer");
        self.steps.iter().any(is_end)
    }

    /// How often its pod may be deleted, to be made anew. Another sidecar is none of the reasons.
    pub fn restarts(&self) -> usize {
        let specs = self.steps.iter().filter_map(|step| match step {
            Step::Spec(spec) => Some(spec),
            _ => None,
        });
        let specs: Vec<_> = self.spec.iter().chain(specs).map(without_sidecar).collect();
        specs.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The sidecar that its pod has in the end, unless that cannot run.
    pub fn sidecar(&self) -> Option<&str> {
        let mut specs = self.steps.iter().rev().filter_map(|step| match step {
            Step::Spec(spec) => spec.pointer("/sidecar/image")?.as_str(),
            _ => None,
        });
        specs.next().filter(|image| !image.starts_with(NOWHERE))
    }

    /// Waits until its pod, if it has one, is the one that the StatefulSet would make now, and ready, with this sidecar if one
    /// is asked for.
    pub async fn wait_pod(&self, files: &Instance, sidecar: Option<&str>) -> Outcome {
        if !self.has_pod() {
            return Ok(());
        }
        wait_for("the pod to be as the template", API_DEADLINE, || async {
            latest_pod(files).await?;
            latest_sidecar(files, sidecar).await
        })
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

fn without_sidecar(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("sidecar");
    }
    spec
}

/// The pod has the sidecar that the next one would have, and that was asked for.
async fn latest_sidecar(files: &Instance, asked: Option<&str>) -> Result<(), String> {
    let text = |error: kube::Error| error.to_string();
    let set = files.api::<StatefulSet>().get(&files.name).await;
    let pod = files.api::<Pod>().get(&names::pod(&files.name)).await;
    let image = |pod: Option<&PodSpec>| {
        let mut containers = pod?.init_containers.iter().flatten();
        containers
            .find(|container| container.name == names::SIDECAR_CONTAINER)
            .and_then(|sidecar| sidecar.image.clone())
    };
    let spec = set.map_err(text)?.spec;
    let next = image(spec.as_ref().and_then(|spec| spec.template.spec.as_ref()));
    let now = image(pod.map_err(text)?.spec.as_ref());
    if now == next && asked.is_none_or(|asked| now.as_deref() == Some(asked)) {
        return Ok(());
    }
    Err(format!(
        "sidecar {now:?}, and the next pod has {next:?}; asked for is {asked:?}"
    ))
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
                // Between two pods there is none.
                if let Err(error) = api(kind).delete(name, &DeleteParams::background()).await
                    && !matches!(&error, kube::Error::Api(status) if status.code == 404)
                {
                    return Err(error.into());
                }
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
