//! Everything the operator makes of a case, as YAML.

use dittofs_operator_core::adapters::Adapters;
use dittofs_operator_core::desired::{ClaimMarks, Content, Desired, GeneratedSecret, Prune};
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::observed::OptionalObjects;
use dittofs_operator_core::optional::{Absence, OptionalKind};
use dittofs_operator_core::outcome::{ApplyError, Failure};
use dittofs_operator_core::renewal::{self, PodFacts};
use dittofs_operator_core::roll;
use dittofs_operator_core::status::{self, View};
use dittofs_shared::crd::DittoServerStatus;
use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use kube::core::Status;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::case::{Case, Live, NOW, parse};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// One object that the operator makes, or one thing that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Such as `Service files-nfs`.
    pub title: String,
    /// YAML.
    pub text: String,
}

/// What the operator makes of a case.
pub fn all(case: &Case) -> Result<Vec<Document>, Error> {
    documents(&case.observed()?, &case.live()?)
}

/// What the operator makes of what it sees, object by object.
pub fn documents(observed: &Observed, live: &Live) -> Result<Vec<Document>, Error> {
    let instance = parse(observed);
    let desired = Desired::of(&instance);
    let mut documents = objects(&desired)?;
    documents.push(said("what may be pruned", &prune(&desired.prune))?);
    let status = status(observed, &instance, &desired, live)?;
    documents.push(said("status", &json!({"status": status}))?);
    Ok(documents)
}

/// In the order of `apply`. Taken apart whole, so that a new kind does not compile here either.
fn objects(desired: &Desired) -> Result<Vec<Document>, Error> {
    let Desired {
        secrets,
        service_account,
        role,
        role_binding,
        config_maps,
        network_policies,
        services,
        optional,
        disruption_budget,
        growing_claims,
        marked_claims,
        stateful_set,
        stop,
        config_hash: _,
        sidecar_contract: _,
        prune: _,
    } = desired;
    let mut documents = Vec::new();
    for secret in secrets {
        documents.push(with_remark(
            "created once, never overwritten",
            &recipe(secret),
        )?);
    }
    if let Some(service_account) = service_account {
        documents.push(object(service_account)?);
    }
    documents.push(object(role)?);
    documents.push(object(role_binding)?);
    for config_map in config_maps {
        documents.push(object(config_map)?);
    }
    for policy in network_policies {
        documents.push(object(policy)?);
    }
    for service in services {
        documents.push(object(service)?);
    }
    for one in optional.values().flatten() {
        documents.push(object(one)?);
    }
    if let Some(budget) = disruption_budget {
        documents.push(object(budget)?);
    }
    for marks in marked_claims {
        documents.push(with_remark("patched", &marked(marks))?);
    }
    for claim in growing_claims {
        documents.push(object(claim)?);
    }
    documents.push(match stateful_set {
        Some(stateful_set) => object(stateful_set)?,
        None if *stop => none("one that exists is scaled to zero"),
        None => none("one that exists is left unchanged"),
    });
    Ok(documents)
}

fn recipe(secret: &GeneratedSecret) -> Value {
    let data = match &secret.content {
        Content::Random { fixed, key, length } => {
            let mut data = json!(fixed);
            data[key] = json!(format!("<{length} random characters>"));
            data
        }
        Content::Connection(string) => {
            json!(format!(
                "<the parts of {} in Secret {}>",
                string.key.key, string.key.name
            ))
        }
    };
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": secret.metadata, "data": data})
}

fn marked(marks: &ClaimMarks) -> Value {
    json!({
        "kind": "PersistentVolumeClaim", "name": marks.seen.name_any(),
        "gets": {"labels": marks.labels, "annotations": marks.annotations, "owner": marks.owner},
        "loses": {"owners": marks.released},
    })
}

fn prune(prune: &Prune) -> Value {
    match prune {
        Prune::Nothing => json!({"prune": "nothing"}),
        Prune::AllBut(kept) => {
            json!({"prune": {"everythingNotDesired": true, "butNothingOfTheseAdapters": kept}})
        }
    }
}

fn object(object: &impl Serialize) -> Result<Document, Error> {
    Ok(Document {
        title: title(&serde_json::to_value(object)?),
        text: serde_saphyr::to_string(object)?,
    })
}

fn with_remark(remark: &str, value: &Value) -> Result<Document, Error> {
    let text = serde_saphyr::to_string(value)?;
    Ok(Document {
        title: title(value),
        text: format!("# {remark}\n{text}"),
    })
}

/// What is no object.
fn said(title: &str, value: &Value) -> Result<Document, Error> {
    let text = serde_saphyr::to_string(value)?;
    Ok(Document {
        title: title.to_owned(),
        text: format!("# {title}\n{text}"),
    })
}

fn none(instead: &str) -> Document {
    Document {
        title: "StatefulSet".to_owned(),
        text: format!("# no StatefulSet is written: {instead}\n"),
    }
}

fn title(object: &Value) -> String {
    let name = &object["metadata"]["name"];
    let name = name.as_str().or(object["name"].as_str());
    let kind = object["kind"].as_str().unwrap_or_default();
    format!("{kind} {}", name.unwrap_or_default())
}

/// The status when all is done, but for what `live` says.
fn status(
    observed: &Observed,
    instance: &Instance,
    desired: &Desired,
    live: &Live,
) -> Result<DittoServerStatus, Error> {
    let stateful_set = desired.stateful_set.as_ref().map(observed_by_controller);
    let pod = match stateful_set.as_ref().filter(|_| instance.spec.replicas > 0) {
        Some(stateful_set) => Some(running_pod(stateful_set, live)?),
        None => None,
    };
    let mut services = services(instance, desired, live)?;
    services.extend(staying(observed, instance));
    let decision = roll::decide(
        instance.spec.roll_policy,
        stateful_set.as_ref(),
        pod.as_ref(),
    );
    let mut instance = instance.clone();
    instance.sidecar.pod = pod.as_ref().and_then(PodFacts::of);
    let instance = &instance;
    let renewal = renewal::decide(&instance.sidecar, &desired.sidecar_contract);
    let optional = optional(desired, live);
    let growing = desired
        .growing_claims
        .iter()
        .map(kube::ResourceExt::name_any);
    let refused_growth = refused(growing, live.growth_is_refused.as_deref());
    let owned = desired.marked_claims.iter();
    let owned = owned.filter(|marks| marks.change_owners());
    let owned = owned.map(|marks| marks.seen.name_any());
    let refused_owners = refused(owned, live.owner_is_refused.as_deref());
    let view = View {
        instance,
        generation: Some(1),
        failures: &[],
        refused_growth: &refused_growth,
        refused_owners: &refused_owners,
        contested: &[],
        roll: &decision,
        renewal: &renewal,
        config_hash: desired.config_hash.as_deref(),
        stateful_set: stateful_set.as_ref(),
        pod: pod.as_ref(),
        adapter_services: &services,
        optional: &optional,
        warnings: &[],
        reconcile_request: None,
        previous: None,
    };
    Ok(status::of(&view, NOW.parse()?))
}

/// All that is desired has been made, of the kinds that the cluster has.
fn optional(desired: &Desired, live: &Live) -> OptionalObjects {
    let mut found = OptionalObjects::default();
    for kind in OptionalKind::ALL {
        if live.absent_kinds.iter().any(|absent| absent == kind.name()) {
            found.absent.insert(kind, Absence::NotInstalled);
        } else {
            let made = desired.optional.get(&kind).into_iter().flatten();
            let made = made.cloned().map(accepted).map(Arc::new).collect();
            found.owned.insert(kind, made);
        }
    }
    found
}

/// Claims of which something is refused with this message.
fn refused(claims: impl Iterator<Item = String>, message: Option<&str>) -> Vec<Failure> {
    let error = |message| {
        let status = Status::failure(message, "Forbidden").with_code(403);
        ApplyError::Refused(Box::new(status))
    };
    claims
        .filter_map(|name| {
            Some(Failure {
                kind: "PersistentVolumeClaim".to_owned(),
                name,
                error: error(message?),
            })
        })
        .collect()
}

/// A Gateway has taken every route.
fn accepted(mut object: DynamicObject) -> DynamicObject {
    if object.data["spec"].get("parentRefs").is_some() {
        object.data["status"] =
            json!({"parents": [{"conditions": [{"type": "Accepted", "status": "True"}]}]});
    }
    object
}

pub(super) fn observed_by_controller(desired: &StatefulSet) -> StatefulSet {
    let mut stateful_set = desired.clone();
    let replicas = desired.spec.as_ref().and_then(|spec| spec.replicas);
    stateful_set.metadata.generation = Some(1);
    stateful_set.status = Some(StatefulSetStatus {
        observed_generation: Some(1),
        replicas: replicas.unwrap_or_default(),
        ready_replicas: replicas,
        available_replicas: replicas,
        ..StatefulSetStatus::default()
    });
    stateful_set
}

pub(super) fn running_pod(stateful_set: &StatefulSet, live: &Live) -> Result<Pod, Error> {
    let sidecar = match &live.sidecar_waits {
        Some((reason, message)) => json!({"waiting": {"reason": reason, "message": message}}),
        None => json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
    };
    let template = &stateful_set.spec.as_ref().ok_or("no spec")?.template;
    let mut pod: Pod = serde_json::from_value(json!({
        "metadata": template.metadata,
        "spec": template.spec,
        "status": {
            "hostIP": "192.0.2.1",
            "containerStatuses": [{
                "name": names::SERVER_CONTAINER, "image": "", "imageID": "", "restartCount": 0,
                "ready": true, "started": true, "state": {"running": {}},
            }],
            "initContainerStatuses": [{
                "name": names::SIDECAR_CONTAINER, "image": "", "imageID": "", "restartCount": 0,
                "ready": live.sidecar_waits.is_none(), "state": sidecar,
            }],
        },
    }))?;
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.extend(live.pod_annotations.clone());
    for form in [labels::ROLL_HASH, labels::ROLL_INPUTS] {
        let hash = annotations.entry(form.to_owned()).or_default();
        let parts = hash.split_whitespace().map(|part| {
            let name = part.split(':').next().unwrap_or_default();
            if live.pod_differs_in.iter().any(|differs| differs == name) {
                format!("{name}:000000000000")
            } else {
                part.to_owned()
            }
        });
        *hash = parts.collect::<Vec<_>>().join(" ");
    }
    Ok(pod)
}

/// The Services of the adapters, as the API server and a load balancer would complete them.
fn services(
    instance: &Instance,
    desired: &Desired,
    live: &Live,
) -> Result<Vec<Arc<Service>>, Error> {
    let of_adapters = desired
        .services
        .iter()
        .filter(|service| dittofs_operator_core::desired::adapter_of(&service.metadata).is_some())
        .cloned();
    let others = live
        .other_services
        .iter()
        .map(|adapter| other_service(instance, adapter));
    let mut services: Vec<Service> = of_adapters.collect();
    for service in others {
        services.push(service?);
    }
    for (service, number) in services.iter_mut().zip(1..) {
        complete(service, number, live)?;
    }
    Ok(services.into_iter().map(Arc::new).collect())
}

/// The Services of before that wait for others to have an address.
fn staying(observed: &Observed, instance: &Instance) -> Vec<Arc<Service>> {
    let all = observed.adapter_services.iter();
    let stays = |service: &&Arc<Service>| instance.exposure.stays(&service.name_any());
    all.filter(stays).cloned().collect()
}

fn complete(service: &mut Service, number: i32, live: &Live) -> Result<(), Error> {
    let spec = service.spec.as_mut().ok_or("no spec")?;
    let r#type = spec.type_.clone().unwrap_or_default();
    spec.cluster_ip = Some(format!("198.51.100.{number}"));
    if r#type != "ClusterIP" {
        for port in spec.ports.iter_mut().flatten() {
            port.node_port = Some(30000 + number);
        }
    }
    if r#type == "LoadBalancer" && !live.no_addresses {
        let ingress = json!({"loadBalancer": {"ingress": [{"ip": format!("203.0.113.{number}")}]}});
        service.status = Some(serde_json::from_value(ingress)?);
    }
    Ok(())
}

fn other_service(instance: &Instance, adapter: &str) -> Result<Service, Error> {
    let template = &instance.spec.adapter_services.name_template;
    let port = match &instance.adapters {
        Adapters::Known(known) => known
            .iter()
            .find(|known| known.published.r#type == adapter)
            .map_or(1, |known| known.published.port),
        Adapters::Unknown(_) => 1,
    };
    Ok(serde_json::from_value(json!({
        "metadata": {
            "name": names::adapter_service(template, &instance.name, adapter),
            "labels": {labels::ADAPTER: adapter},
        },
        "spec": {
            "type": instance.spec.adapter_services.r#type.as_str(),
            "ports": [{"name": adapter, "port": port}],
        },
    }))?)
}
