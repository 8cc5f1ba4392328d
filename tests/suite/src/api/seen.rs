//! What several of these tests make and look at.

use dittofs_rig::audit::{Entry, Mark};
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use dittofs_shared::published_state::Adapter;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PodSpec, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Why a test ends early.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Uid and resource version: they stay the same for as long as nobody writes.
pub type Version = (String, String);

/// No pod runs, so that nobody publishes but the test, and no cloud writes to the Services.
pub fn without_pod() -> Value {
    json!({"replicas": 0, "adapterServices": {"type": "ClusterIP"}})
}

/// The same, with a pod that is asked for and never runs, because its claims find no storage: conditions that are
/// silent about a server that is stopped on purpose speak.
pub fn pod_never_runs() -> Value {
    json!({"adapterServices": {"type": "ClusterIP"}, "storage": {"storageClassName": "nowhere"}})
}

/// What a sidecar publishes of a server as it is at its first start.
pub fn good() -> Vec<Adapter> {
    vec![adapter("nfs", 12049), adapter("smb", 1445)]
}

/// An instance whose two adapters have their Services.
pub async fn both_exposed(scene: &Scene, name: &str, spec: Value) -> Result<Instance, Failed> {
    let files = Instance::create(scene, name, spec).await?;
    files.publish(good()).await?;
    let [nfs, smb] = [format!("{name}-nfs"), format!("{name}-smb")];
    files
        .wait_services(&[(&nfs, 12049), (&smb, 1445)], API_DEADLINE)
        .await?;
    // It is written after all Services, the headless one too.
    files
        .wait_status("both adapters to be told", API_DEADLINE, |server| {
            let adapters = server.status.iter().flat_map(|status| &status.adapters);
            match adapters.filter(|adapter| adapter.exposed).count() {
                2 => Ok(()),
                count => Err(format!("{count} are exposed")),
            }
        })
        .await?;
    Ok(files)
}

/// What belongs to the instance of a kind, by its label.
pub async fn of_instance<K>(files: &Instance) -> Result<Vec<K>, Failed>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let selector = format!("{}={}", labels::INSTANCE, files.name);
    let parameters = ListParams::default().labels(&selector);
    Ok(files.api::<K>().list(&parameters).await?.items)
}

/// The names of what belongs to the instance of a kind, with the kind.
pub async fn names_of<K>(files: &Instance) -> Result<Vec<String>, Failed>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let found = of_instance::<K>(files).await?;
    let name = |object: &K| format!("{} {}", K::kind(&()), object.name_any());
    Ok(found.iter().map(name).collect())
}

pub fn version<K: Resource>(object: &K) -> Version {
    (
        object.uid().unwrap_or_default(),
        object.resource_version().unwrap_or_default(),
    )
}

/// The versions of all Services and NetworkPolicies of an instance.
pub async fn doors(files: &Instance) -> Result<BTreeMap<String, Version>, Failed> {
    let services = of_instance::<Service>(files).await?;
    let policies = of_instance::<NetworkPolicy>(files).await?;
    let services = services
        .iter()
        .map(|service| (format!("Service {}", service.name_any()), version(service)));
    let policies = policies.iter().map(|policy| {
        (
            format!("NetworkPolicy {}", policy.name_any()),
            version(policy),
        )
    });
    Ok(services.chain(policies).collect())
}

/// Writes to an object as somebody would by hand.
pub async fn write<K>(
    files: &Instance,
    manager: &str,
    name: &str,
    patch: Value,
) -> Result<K, Failed>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let parameters = PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    };
    Ok(files
        .api::<K>()
        .patch(name, &parameters, &Patch::Merge(patch))
        .await?)
}

/// Waits until something holds of an object; `check` says what it sees instead.
pub async fn wait_object<K>(
    files: &Instance,
    name: &str,
    what: &str,
    check: impl Fn(&K) -> Result<(), String>,
) -> Result<K, Failed>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let api = files.api::<K>();
    let what = format!("{} {name}: {what}", K::kind(&()));
    let found = wait_for(&what, API_DEADLINE, || async {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        check(&object).map(|()| object)
    });
    Ok(found.await?)
}

/// Waits for an Event about the instance with a word in its note. `reason`: how its reason begins, because what is written
/// in one reconcile decides how it ends: `Objects` stands for `ObjectsCreated` and `ObjectsChanged`.
pub async fn wait_event(files: &Instance, reason: &str, word: &str) -> Result<(), Failed> {
    let api = files.api::<Event>();
    let what = format!("an Event {reason} that says {word:?}");
    wait_for(&what, API_DEADLINE, || async {
        let events = api.list(&ListParams::default()).await;
        let events = events.map_err(|error| error.to_string())?.items;
        let told = |event: &Event| {
            let regarding = event
                .regarding
                .as_ref()
                .and_then(|object| object.name.as_ref());
            regarding == Some(&files.name)
                && event.reason.iter().any(|told| told.starts_with(reason))
                && event
                    .note
                    .as_deref()
                    .is_some_and(|note| note.contains(word))
        };
        if events.iter().any(told) {
            return Ok(());
        }
        let all = events.iter().map(|event| {
            format!(
                "{}: {}",
                event.reason.clone().unwrap_or_default(),
                event.note.clone().unwrap_or_default()
            )
        });
        Err(all.collect::<Vec<_>>().join("; "))
    })
    .await?;
    Ok(())
}

/// The requests of the operator in the namespace of the test.
pub fn operator_requests(scene: &Scene, since: Mark) -> Result<Vec<Entry>, Failed> {
    let audit = scene.world.cluster.audit();
    let mut entries = audit.requests_in(&scene.namespace, since)?;
    entries.retain(|entry| entry.user_agent.starts_with("dittofs-operator/"));
    Ok(entries)
}

/// The writes of the operator in the namespace of the test.
pub fn operator_writes(scene: &Scene, since: Mark) -> Result<Vec<Entry>, Failed> {
    let mut entries = operator_requests(scene, since)?;
    entries.retain(Entry::is_write);
    Ok(entries)
}

/// How many seconds the operator must have been still before it counts as done: far more than one of its looks takes.
const STILL: i64 = 2;

/// After this time, what is in trouble has been looked into once, the status says what Events have told, and what a new
/// instance waits for has been reported.
const LOOKED_INTO: i64 = 12;

/// A condition that has not been True for so short a time that the operator will yet look into it.
async fn in_trouble(scene: &Scene) -> kube::Result<Option<String>> {
    let servers = Api::<DittoServer>::namespaced(scene.client.clone(), &scene.namespace);
    let now = Timestamp::now().as_second();
    let is_new = |condition: &Condition| {
        let is_asked = ["StorageReady", "StatefulSetReady"].contains(&condition.type_.as_str());
        let age = now - condition.last_transition_time.0.as_second();
        // There is an Event about this class, which the operator has not read yet.
        let is_open = condition
            .message
            .contains("StorageClass nowhere has not provisioned a volume yet. Run");
        is_asked && condition.status != "True" && (age < LOOKED_INTO || is_open)
    };
    let servers = servers.list(&ListParams::default()).await?;
    let running = servers
        .into_iter()
        .filter(|server| server.spec.replicas != 0 && server.metadata.deletion_timestamp.is_none());
    let mut conditions = running.flat_map(|server| server.status.unwrap_or_default().conditions);
    let found = conditions.find(is_new);
    Ok(found.map(|condition| format!("{}: {}", condition.type_, condition.message)))
}

/// Waits until the operator has made no request about this namespace for a while, and looks into no trouble soon.
pub async fn settled(scene: &Scene) -> Result<(), Failed> {
    // What has just been written it may not have heard of yet.
    let called = Timestamp::now();
    wait_for("the operator to be done", API_DEADLINE, || async {
        // The time before the reading, and the trouble after it: a long log takes long to read, and what is asked for meanwhile
        // is not in what was read.
        let now = Timestamp::now();
        let all = operator_requests(scene, scene.began).map_err(|error| error.to_string())?;
        let last = all.iter().map(|entry| entry.request_received).max();
        if last.is_none_or(|last| now.as_second() - last.max(called).as_second() <= STILL) {
            return Err(format!(
                "at {now} the last of {} requests was at {last:?}",
                all.len()
            ));
        }
        let trouble = in_trouble(scene).await;
        match trouble.map_err(|error| error.to_string())? {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    })
    .await?;
    Ok(())
}

/// A Service of this name, for nothing but to be there.
pub fn any_service(name: &str) -> Result<Service, serde_json::Error> {
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}))
}

/// Waits until the API server would refuse a Service of this name: it follows policies and quotas with a delay.
pub async fn wait_service_refused(
    scene: &Scene,
    name: &str,
    fits: impl Fn(&Status) -> bool,
) -> Outcome {
    let services: Api<Service> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let only_ask = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let (what, service) = (format!("Service {name} to be refused"), any_service(name)?);
    wait_for(&what, API_DEADLINE, || async {
        match services.create(&only_ask, &service).await {
            Err(kube::Error::Api(status)) if fits(&status) => Ok(()),
            other => Err(format!("{:?}", other.map(drop))),
        }
    })
    .await?;
    Ok(())
}

/// Waits until the controller of StatefulSets has seen the latest template: before that, it makes pods of an older one.
pub async fn wait_observed(files: &Instance) -> Result<StatefulSet, Failed> {
    let what = "is seen by its controller";
    wait_object::<StatefulSet>(files, &files.name, what, |set| {
        let status = set.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        if observed.is_some() && observed == set.metadata.generation {
            Ok(())
        } else {
            Err(format!("{observed:?} of {:?}", set.metadata.generation))
        }
    })
    .await
}

/// Name of the ConfigMap that a pod has its server's configuration from.
pub fn config_of(pod: Option<&PodSpec>) -> String {
    let volumes = pod.iter().flat_map(|pod| pod.volumes.iter().flatten());
    let mut mounted = volumes.filter(|volume| volume.name == "config");
    let source = mounted.find_map(|volume| volume.config_map.clone());
    source.unwrap_or_default().name
}

/// Waits until the template mounts a configuration with such a name, and says which.
pub async fn wait_config(files: &Instance, fits: impl Fn(&str) -> bool) -> Result<String, Failed> {
    let mounted = |set: &StatefulSet| {
        let spec = set.spec.as_ref();
        config_of(spec.and_then(|spec| spec.template.spec.as_ref()))
    };
    let what = "mounts the configuration that is asked for";
    let set = wait_object::<StatefulSet>(files, &files.name, what, |set| {
        let name = mounted(set);
        if fits(&name) { Ok(()) } else { Err(name) }
    })
    .await?;
    Ok(mounted(&set))
}

/// Waits until the template has this grace period.
pub async fn wait_grace_period(files: &Instance, seconds: i64) -> Result<(), Failed> {
    let what = format!("has a grace period of {seconds} s");
    wait_object::<StatefulSet>(files, &files.name, &what, |set| {
        let pod = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref());
        match pod.and_then(|pod| pod.termination_grace_period_seconds) {
            Some(found) if found == seconds => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok(())
}

/// Fails if the operator has written anything in the namespace of the test.
pub fn ensure_no_writes(scene: &Scene, since: Mark) -> Outcome {
    let writes = operator_writes(scene, since)?;
    ensure!(
        writes.is_empty(),
        "the operator has written:\n{}\nof its requests:\n{}",
        lines(&writes),
        lines(&operator_requests(scene, scene.began)?)
    );
    Ok(())
}

/// Waits until the operator is done, and fails if it has written anything since the mark.
pub async fn ensure_quiet(scene: &Scene, since: Mark) -> Outcome {
    settled(scene).await?;
    ensure_no_writes(scene, since)
}

/// Requests on one line each, for a message.
pub fn lines(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        format!(
            "{} {} {}/{} {}: {}",
            entry.request_received,
            entry.verb,
            entry.resource,
            entry.name,
            entry.subresource,
            entry.code
        )
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}
