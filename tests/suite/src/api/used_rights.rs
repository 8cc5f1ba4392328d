//! Every right that the operator and the sidecars have is used by some test: what none of them needs, nobody needs.

use dittofs_rig::audit::{Entry, Mark};
use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_shared::names;
use dittofs_suite::instance::Instance;
use dittofs_suite::world::{self, Scene};
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::Api;
use std::collections::BTreeSet;

use super::seen::{Failed, wait_object, without_pod};

/// Verb, and resource with subresource and group: `patch dittoservers/status.dittofs.dittofs.com`.
type Rights = BTreeSet<String>;

const FORBIDDEN: u16 = 403;
const CREATED: u16 = 201;
const INSTANCE: &str = "files";

fn granted(rules: &[PolicyRule]) -> Rights {
    let mut rights = Rights::new();
    for rule in rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    rights.insert(right(verb, resource, group));
                }
            }
        }
    }
    rights
}

fn right(verb: &str, resource: &str, group: &str) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{verb} {resource}{dot}{group}")
}

/// What a request has needed. Server-side apply needs a second right where it creates.
fn needed(entry: &Entry) -> Rights {
    let path = entry.uri.strip_prefix("/apis/");
    let group = path.and_then(|path| path.split('/').next());
    let mut resource = entry.resource.clone();
    if !entry.subresource.is_empty() {
        resource = format!("{resource}/{}", entry.subresource);
    }
    let right = |verb: &str| right(verb, &resource, group.unwrap_or_default());
    let is_made = entry.verb == "patch" && entry.code == CREATED;
    let made = is_made.then(|| right("create"));
    made.into_iter().chain([right(&entry.verb)]).collect()
}

/// Whatever was not refused, by all accounts that fit.
fn used(entries: &[Entry], fits: impl Fn(&Entry) -> bool) -> Rights {
    let requests = entries.iter().filter(|entry| {
        entry.is_request() && entry.code != FORBIDDEN && !entry.resource.is_empty() && fits(entry)
    });
    requests.flat_map(needed).collect()
}

/// With the resource, a right to one of the two ConfigMaps is told by what its name ends with.
fn of_config_map(verb: &str, name: &str) -> Option<String> {
    let kinds = [names::adapters(INSTANCE), names::sidecar(INSTANCE)];
    let ends = kinds.iter().filter_map(|kind| kind.strip_prefix(INSTANCE));
    let mut known = ends.filter(|end| name.ends_with(*end));
    known.next().map(|end| format!("{verb} configmaps *{end}"))
}

async fn of_the_operator(scene: &Scene) -> Result<Rights, Failed> {
    let cluster: Api<ClusterRole> = Api::all(scene.client.clone());
    let mut rules = Vec::new();
    for name in [OPERATOR.to_owned(), format!("{OPERATOR}-kinds")] {
        rules.extend(cluster.get(&name).await?.rules.into_iter().flatten());
    }
    let own: Api<Role> = Api::namespaced(scene.client.clone(), NAMESPACE);
    let leader = own.get(&format!("{OPERATOR}-leader")).await?;
    rules.extend(leader.rules.into_iter().flatten());
    Ok(granted(&rules))
}

async fn of_a_sidecar(scene: &Scene) -> Result<Rights, Failed> {
    let files = Instance::create(scene, INSTANCE, without_pod()).await?;
    let name = names::sidecar(INSTANCE);
    let role = wait_object::<Role>(&files, &name, "is there", |_| Ok(())).await?;
    let mut rights = Rights::new();
    for rule in role.rules.into_iter().flatten() {
        let names = rule.resource_names.unwrap_or_default();
        for verb in &rule.verbs {
            rights.extend(names.iter().filter_map(|name| of_config_map(verb, name)));
        }
    }
    Ok(rights)
}

fn are_used(who: &str, granted: &Rights, used: &Rights) -> Outcome {
    let unused: Vec<_> = granted.difference(used).collect();
    println!(
        "{who} uses {} of {} rights",
        granted.len() - unused.len(),
        granted.len()
    );
    ensure!(
        !granted.is_empty() && unused.is_empty(),
        "no test has {who} use these rights: {unused:#?}"
    );
    Ok(())
}

/// To be run after all other tests.
pub async fn every_right_is_used_by_some_test(scene: Scene) -> Outcome {
    let mut entries = Vec::new();
    for audit in world::audits() {
        entries.extend(audit.since(Mark::BEGINNING)?);
    }
    let operators = format!("system:serviceaccount:{NAMESPACE}:{OPERATOR}");
    let all = used(&entries, |entry| entry.user.starts_with(&operators));
    let granted = of_the_operator(&scene).await?;
    are_used("the operator", &granted, &all)?;
    let of_sidecars = entries.iter().filter(|entry| {
        let account = names::sidecar("");
        entry.is_request() && entry.code != FORBIDDEN && entry.user.ends_with(&account)
    });
    let used: Rights = of_sidecars
        .filter_map(|entry| of_config_map(&entry.verb, &entry.name))
        .collect();
    let granted = of_a_sidecar(&scene).await?;
    are_used("a sidecar", &granted, &used)
}
