//! A typical instance at rest: golden case `minimal`, with two adapters, three claims and a pod that runs.

use dittofs_operator_core::desired::{Content, Desired, GeneratedSecret, adapter_of};
use dittofs_operator_core::instance::Defaults;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::ownership::Ownership;
use dittofs_operator_core::renewal::Renewal;
use dittofs_operator_core::roll::Roll;
use dittofs_operator_core::secrets::{KeyFacts, SecretFacts};
use dittofs_shared::{labels, names, settings};
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod, Service,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use kube::Resource as _;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::pass::{self, Pass};

const CASE: &str = "../tests/cases/minimal";
const IMAGE: &str = "registry.example/dittofs-sidecar:1";
/// Long after everything has started.
const NOW: &str = "2026-01-02T03:04:05Z";
/// Passes until nothing changes any more: the Secrets, the objects, what the next templates remember of them, the status.
const ROUNDS: usize = 5;

/// What the passes get.
pub struct Corpus {
    /// The cluster.
    pub observed: Observed,
    /// What the operator decides for all instances.
    pub defaults: Defaults,
}

impl Corpus {
    /// Reads the case, and makes everything that it asks for.
    ///
    /// # Errors
    /// The case cannot be read, or a reconcile would still change something.
    pub fn at_rest() -> Result<Self, Error> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASE);
        let read = |file: &str| std::fs::read_to_string(folder.join(file));
        let mut server: dittofs_shared::crd::DittoServer =
            serde_saphyr::from_str(&read("in.yaml")?)?;
        server.metadata.namespace = Some("storage".to_owned());
        server.metadata.uid = Some(uid(1));
        server.metadata.generation = Some(1);
        server.metadata.resource_version = Some("1".to_owned());
        let mut corpus = Self {
            observed: Observed::nothing_of(server, NOW.parse()?),
            defaults: Defaults {
                sidecar_image: IMAGE.to_owned(),
                keep_unused_config: Duration::from_mins(10),
                forbidden: std::collections::BTreeSet::new(),
            },
        };
        corpus.publish(serde_saphyr::from_str(&read("adapters.yaml")?)?);
        for _ in 0..ROUNDS {
            let pass = pass::run(&corpus);
            corpus.make(pass)?;
        }
        corpus.is_at_rest()?;
        Ok(corpus)
    }

    fn publish(&mut self, data: std::collections::BTreeMap<String, String>) {
        let name = self
            .observed
            .server
            .metadata
            .name
            .clone()
            .unwrap_or_default();
        let metadata = ObjectMeta {
            name: Some(names::adapters(&name)),
            uid: Some(uid(2)),
            ..ObjectMeta::default()
        };
        let keys = data.keys().map(|key| (format!("f:{key}"), json!({})));
        let fields = json!({"f:data": Value::Object(keys.collect())});
        let mut published = ConfigMap {
            data: Some(data),
            metadata,
            ..ConfigMap::default()
        };
        published.metadata.managed_fields = Some(vec![ManagedFieldsEntry {
            manager: Some(labels::SIDECAR_MANAGER.to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }]);
        self.observed.adapters = Some(Arc::new(published));
    }

    /// The cluster once all that is desired has been made and runs.
    fn make(&mut self, pass: Pass) -> Result<(), Error> {
        let Desired {
            secrets,
            config_maps,
            network_policies,
            services,
            stateful_set,
            ..
        } = pass.desired;
        let observed = &mut self.observed;
        observed
            .secrets
            .extend(secrets.iter().filter_map(of_recipe));
        let mut settings = config_maps.iter().filter_map(|map| map.data.as_ref());
        observed.publish_to = settings.find_map(settings::publish_to).map(str::to_owned);
        let of_adapters = services
            .into_iter()
            .filter(|service| adapter_of(&service.metadata).is_some());
        observed.adapter_services = of_adapters
            .zip(1..)
            .map(|(service, number)| complete(service, number).map(Arc::new))
            .collect::<Result<_, Error>>()?;
        observed.network_policies = network_policies.into_iter().map(Arc::new).collect();
        // Not before its Secrets are there.
        let Some(mut set) = stateful_set else {
            return Ok(());
        };
        run(&mut set);
        observed.claims = claims(&set)?;
        observed.pod = Some(Arc::new(pod(&set)?));
        observed.stateful_set = Some(Arc::new(set));
        observed.server.status = Some(pass.status);
        Ok(())
    }

    /// A corpus in which something would be written measures something else.
    fn is_at_rest(&self) -> Result<(), Error> {
        let pass = pass::run(self);
        let desired = &pass.desired;
        let is_quiet =
            pass.is_quiet && desired.growing_claims.is_empty() && desired.marked_claims.is_empty();
        if !is_quiet || pass.roll != Roll::Current || pass.renewal != Renewal::Current {
            return Err(format!(
                "the corpus is not at rest: {:?}, {:?}, {:#?}",
                pass.roll, pass.renewal, pass.status
            )
            .into());
        }
        Ok(())
    }
}

fn uid(number: u8) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

/// A Secret that the operator has generated.
fn of_recipe(secret: &GeneratedSecret) -> Option<(String, SecretFacts)> {
    let Content::Random { fixed, key, length } = &secret.content else {
        return None;
    };
    let fixed = fixed
        .iter()
        .map(|(key, value)| (key.clone(), KeyFacts::of(value.as_bytes())));
    let random = (key.clone(), KeyFacts::of("x".repeat(*length).as_bytes()));
    let facts = SecretFacts {
        keys: fixed.chain([random]).collect(),
        resource_version: Some("1".to_owned()),
        ownership: Ownership::Ours,
    };
    Some((secret.metadata.name.clone()?, facts))
}

/// As the API server and a load balancer complete it.
fn complete(mut service: Service, number: i32) -> Result<Service, Error> {
    if let Some(spec) = &mut service.spec {
        spec.cluster_ip = Some(format!("198.51.100.{number}"));
        for port in spec.ports.iter_mut().flatten() {
            port.node_port = Some(30_000 + number);
        }
    }
    let status = json!({"loadBalancer": {"ingress": [{"ip": format!("203.0.113.{number}")}]}});
    service.status = Some(serde_json::from_value(status)?);
    Ok(service)
}

/// As its controller leaves it.
fn run(set: &mut StatefulSet) {
    set.metadata.uid = Some(uid(3));
    set.metadata.generation = Some(1);
    set.status = Some(StatefulSetStatus {
        observed_generation: Some(1),
        replicas: 1,
        ready_replicas: Some(1),
        available_replicas: Some(1),
        current_revision: Some("files-1".to_owned()),
        update_revision: Some("files-1".to_owned()),
        ..StatefulSetStatus::default()
    });
}

/// Its claims, bound to volumes as large as requested.
fn claims(set: &StatefulSet) -> Result<Vec<Arc<PersistentVolumeClaim>>, Error> {
    let spec = set.spec.as_ref().ok_or("no spec")?;
    let templates = spec.volume_claim_templates.iter().flatten();
    let claims = templates.zip(4..).map(|(template, number)| {
        let mut claim = template.clone();
        let name = claim.metadata.name.take().unwrap_or_default();
        claim.metadata.name = Some(names::claim(
            &name,
            set.metadata.name.as_deref().unwrap_or_default(),
        ));
        claim.metadata.namespace.clone_from(&set.metadata.namespace);
        claim.metadata.uid = Some(uid(number));
        let size = claim
            .spec
            .as_ref()
            .and_then(|spec| spec.resources.as_ref()?.requests.clone());
        claim.status = Some(PersistentVolumeClaimStatus {
            phase: Some("Bound".to_owned()),
            capacity: size,
            ..PersistentVolumeClaimStatus::default()
        });
        Arc::new(claim)
    });
    Ok(claims.collect())
}

/// Its pod, whose containers run and are ready.
fn pod(set: &StatefulSet) -> Result<Pod, Error> {
    let template = &set.spec.as_ref().ok_or("no spec")?.template;
    let container = |name: &str| {
        json!({
            "name": name, "image": "", "imageID": "", "restartCount": 0, "ready": true, "started": true,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        })
    };
    let mut pod: Pod = serde_json::from_value(json!({
        "metadata": template.metadata,
        "spec": template.spec,
        "status": {
            "hostIP": "192.0.2.1",
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container(names::SERVER_CONTAINER)],
            "initContainerStatuses": [container(names::SIDECAR_CONTAINER)],
        },
    }))?;
    pod.metadata.name = set.metadata.name.as_deref().map(names::pod);
    pod.metadata.namespace.clone_from(&set.metadata.namespace);
    pod.metadata.uid = Some(uid(9));
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert("controller-revision-hash".to_owned(), "files-1".to_owned());
    pod.metadata.owner_references = Some(set.controller_owner_ref(&()).into_iter().collect());
    Ok(pod)
}
