//! What must hold of every run, whatever the faults.

use dittofs_rig::audit::Mark;
use dittofs_rig::proxy::plan::Written;
use dittofs_suite::Outcome;
use dittofs_suite::dump::{self, Dump};
use dittofs_suite::instance::Instance;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::ResourceExt as _;
use serde_json::Value;
use std::collections::BTreeMap;

use super::scenarios::Scenario;
use crate::api::seen::{Failed, of_instance, operator_writes};
use crate::api::seen_pods::pod_deletions;

/// The Services are those of before, unless the scenario is meant to cost them.
pub async fn services(
    files: &Instance,
    scenario: &Scenario,
    before: &BTreeMap<String, String>,
) -> Outcome {
    let after = identities(files).await?;
    for (name, uid) in before {
        if scenario.takes_away(name) {
            continue;
        }
        if let Some(other) = after.get(name)
            && other != uid
        {
            return Err(format!("Service {name} is another one: its address is lost").into());
        }
    }
    Ok(())
}

/// Every deletion says which object it means.
pub fn deletions(writes: &[Written]) -> Outcome {
    let mut deletions = writes.iter().filter(|write| write.method == "DELETE");
    let careless = deletions.find(|write| !names_a_uid(&write.body));
    if let Some(careless) = careless {
        return Err(format!(
            "{} is deleted whatever it is by then: {}",
            careless.target, careless.body
        )
        .into());
    }
    Ok(())
}

/// The pod is as the template in the end, and was not restarted for nothing.
pub async fn pod(files: &Instance, scenario: &Scenario, began: Mark) -> Outcome {
    scenario.wait_pod(files, scenario.sidecar()).await?;
    let restarts = pod_deletions(&files.scene, began)?;
    if restarts > scenario.restarts() {
        return Err(format!("the pod was deleted {restarts} times").into());
    }
    Ok(())
}

/// A Secret is made once, and never written to again: what is in it would be lost.
pub fn secrets(files: &Instance, scenario: &Scenario) -> Outcome {
    let mut writes = operator_writes(&files.scene, files.scene.began)?;
    writes.retain(|entry| entry.resource == "secrets" && entry.code < 300);
    if let Some(change) = writes.iter().find(|entry| entry.verb != "create") {
        return Err(format!("Secret {}: {}", change.name, change.verb).into());
    }
    let mut names: Vec<_> = writes.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    match twice {
        Some(pair) if !scenario.starts_anew() => {
            Err(format!("Secret {} was made twice", pair[0]).into())
        }
        _ => Ok(()),
    }
}

/// All objects, with the names of the keys of Secrets, which are chosen by chance.
pub async fn objects(files: &Instance, scenario: &Scenario) -> Result<Dump, Failed> {
    let mut objects = dump::of(files).await?;
    if scenario.makes_secrets {
        // What a server is restarted for depends on their contents.
        for text in objects.values_mut() {
            let lines = text.lines().filter(|line| !line.contains("/roll-"));
            *text = lines.collect::<Vec<_>>().join("\n");
        }
    }
    for secret in of_instance::<Secret>(files).await? {
        let name = secret.name_any();
        // It is salted with the uid of the instance.
        let name = name.split_once("-database-").map_or(&*name, |(it, _)| it);
        let keys: Vec<_> = secret.data.iter().flat_map(BTreeMap::keys).collect();
        let owners = secret.owner_references().iter().map(|owner| &owner.kind);
        let text = format!("{keys:?}, of {:?}", owners.collect::<Vec<_>>());
        objects.insert(format!("Secret {name}"), text);
    }
    Ok(objects)
}

/// The Services of an instance by name, with their uids: addresses hang on them.
pub async fn identities(files: &Instance) -> Result<BTreeMap<String, String>, Failed> {
    let services = of_instance::<Service>(files).await?;
    let pair = |service: &Service| (service.name_any(), service.uid().unwrap_or_default());
    Ok(services.iter().map(pair).collect())
}

/// Whether the body of a deletion says which object it means.
fn names_a_uid(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let uid = body.pointer("/preconditions/uid");
    uid.and_then(Value::as_str)
        .is_some_and(|uid| !uid.is_empty())
}
