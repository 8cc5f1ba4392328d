//! Operators that share a cluster: each has its own instances, and nobody touches what another one has.

use dittofs_rig::audit::{Entry, Mark};
use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_rig::installation::NAMESPACE;
use dittofs_rig::shard::{self, Shard};
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::configuration::is_refused;
use super::seen::{
    Failed, Version, good, lines, of_instance, settled, version, wait_observed, without_pod, write,
};

const A: &str = "dittofs-operator-a";
const B: &str = "dittofs-operator-b";
pub const TEAMS: &str = "dittofs-operator-teams";

fn start(scene: &Scene, account: &'static str) -> Result<Shard, Failed> {
    let world = &scene.world;
    Ok(Shard::start(&world.cluster, &world.programs, account)?)
}

/// What an operator has asked for.
pub fn requests_of(scene: &Scene, account: &str, since: Mark) -> Result<Vec<Entry>, Failed> {
    let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
    let mut entries = scene.world.cluster.audit().requests_since(since)?;
    entries.retain(|entry| entry.user == user && entry.user_agent.starts_with("dittofs-operator/"));
    Ok(entries)
}

/// What an operator has written about an instance.
fn writes_about(
    scene: &Scene,
    account: &str,
    instance: &str,
    since: Mark,
) -> Result<Vec<Entry>, Failed> {
    let mut entries = requests_of(scene, account, since)?;
    entries.retain(|entry| {
        entry.is_write() && entry.namespace == scene.namespace && entry.name.starts_with(instance)
    });
    Ok(entries)
}

async fn label(instance: &Instance, shard: &str) -> Outcome {
    let patch = json!({"metadata": {"labels": {"shard": shard}}});
    write::<DittoServer>(instance, "somebody", &instance.name, patch).await?;
    Ok(())
}

async fn collect<K>(instance: &Instance, all: &mut BTreeMap<String, Version>) -> Outcome
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    for object in of_instance::<K>(instance).await? {
        all.insert(
            format!("{} {}", K::kind(&()), object.name_any()),
            version(&object),
        );
    }
    Ok(())
}

/// Versions of all that belongs to an instance.
async fn belongings(instance: &Instance) -> Result<BTreeMap<String, Version>, Failed> {
    let mut all = BTreeMap::new();
    collect::<StatefulSet>(instance, &mut all).await?;
    collect::<Service>(instance, &mut all).await?;
    collect::<NetworkPolicy>(instance, &mut all).await?;
    collect::<ConfigMap>(instance, &mut all).await?;
    collect::<ServiceAccount>(instance, &mut all).await?;
    collect::<Role>(instance, &mut all).await?;
    collect::<RoleBinding>(instance, &mut all).await?;
    Ok(all)
}

/// An operator reads the Secrets of an instance whenever it looks at it.
async fn wait_looked(scene: &Scene, account: &str, instance: &str, since: Mark) -> Outcome {
    let what = format!("{account} to look at {instance}");
    wait_for(&what, API_DEADLINE, || async {
        let requests = requests_of(scene, account, since).map_err(|error| error.to_string())?;
        let looked = requests
            .iter()
            .any(|entry| entry.resource == "secrets" && entry.name.starts_with(instance));
        if looked {
            Ok(())
        } else {
            Err(lines(&requests))
        }
    })
    .await?;
    Ok(())
}

async fn exposed(scene: &Scene, name: &str, shard: &str) -> Result<Instance, Failed> {
    let instance = Instance::create(scene, name, without_pod()).await?;
    label(&instance, shard).await?;
    instance.publish(good()).await?;
    let [nfs, smb] = [format!("{name}-nfs"), format!("{name}-smb")];
    instance
        .wait_services(&[(&nfs, 12049), (&smb, 1445)], API_DEADLINE)
        .await?;
    Ok(instance)
}

/// An instance goes from one operator to the other, to nobody, and back, by its label alone.
pub async fn an_instance_changes_operators_by_its_label(scene: Scene) -> Outcome {
    shard::install(&scene.world.cluster, "a")?;
    shard::install(&scene.world.cluster, "b")?;
    let _rest = Substitute::none(&scene);
    let beginning = scene.world.cluster.audit().mark()?;
    let _a = start(&scene, A)?;
    let _b = start(&scene, B)?;
    let files = exposed(&scene, "files", "a").await?;
    let other = exposed(&scene, "other", "b").await?;
    wait_observed(&files).await?;
    settled(&scene).await?;
    let before = belongings(&files).await?;
    ensure!(before.len() > 8, "{before:?}");

    let moved = scene.world.cluster.audit().mark()?;
    label(&files, "b").await?;
    wait_looked(&scene, B, "files", moved).await?;
    settled(&scene).await?;
    let after = belongings(&files).await?;
    ensure!(before == after, "before {before:#?}\nafter {after:#?}");

    files.moves_smb().await?;
    settled(&scene).await?;
    for (account, instance, since) in [(A, "other", beginning), (A, "files", moved)] {
        let writes = writes_about(&scene, account, instance, since)?;
        ensure!(
            writes.is_empty(),
            "{account} has written to {instance}, which is another's:\n{}",
            lines(&writes)
        );
    }
    let writes: Vec<_> = writes_about(&scene, B, "files", beginning)?
        .into_iter()
        .filter(|entry| entry.request_received < moved_at(&scene, moved))
        .collect();
    ensure!(writes.is_empty(), "{B} was early:\n{}", lines(&writes));
    for account in [A, B] {
        is_refused(&scene, account, "files-sidecar").await?;
    }
    nobody_has_it(&scene, &files, &other).await?;
    belongings(&other).await?;
    Ok(())
}

/// The time of the first request after a mark.
fn moved_at(scene: &Scene, mark: Mark) -> jiff::Timestamp {
    let requests = scene.world.cluster.audit().requests_since(mark);
    let first = requests
        .iter()
        .flatten()
        .map(|entry| entry.request_received);
    first.min().unwrap_or(jiff::Timestamp::MAX)
}

/// An instance of no operator is left as it is, until one has it again.
async fn nobody_has_it(scene: &Scene, files: &Instance, other: &Instance) -> Outcome {
    let left = scene.world.cluster.audit().mark()?;
    label(files, "nobody").await?;
    // Whoever has heard of this change of the other one has heard before that it has lost this one.
    other.change(json!({"logging": {"level": "DEBUG"}})).await?;
    wait_looked(scene, B, "other", left).await?;
    settled(scene).await?;
    let mark = scene.world.cluster.audit().mark()?;
    files
        .api::<Service>()
        .delete("files-nfs", &DeleteParams::default())
        .await?;
    files.publish(Vec::new()).await?;
    settled(scene).await?;
    for account in [A, B] {
        let writes = writes_about(scene, account, "files", mark)?;
        ensure!(writes.is_empty(), "{account}:\n{}", lines(&writes));
    }
    files.publish(good()).await?;
    label(files, "a").await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn team(scene: &Scene, namespace: &str) -> Result<Scene, Failed> {
    let made = Namespace {
        metadata: kube::core::ObjectMeta {
            name: Some(namespace.to_owned()),
            ..kube::core::ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    // One of this name may still be on its way out.
    wait_for(&format!("namespace {namespace}"), API_DEADLINE, || async {
        let made = namespaces.create(&PostParams::default(), &made).await;
        made.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    Ok(Scene {
        namespace: namespace.to_owned(),
        ..scene.clone()
    })
}

fn with_monitor() -> Value {
    let mut spec = without_pod();
    let monitor = json!({"metrics": {"enabled": true, "serviceMonitor": {"enabled": true}}});
    merge(&mut spec, monitor);
    spec
}

/// An operator of two namespaces, with rights in these only, asks for nothing outside of them.
pub async fn an_operator_of_some_namespaces_needs_no_rights_in_others(scene: Scene) -> Outcome {
    let (first, second) = (team(&scene, "team-a").await?, team(&scene, "team-b").await?);
    shard::install(&scene.world.cluster, "namespaces")?;
    ForeignCrds::ensure()?
        .install(&scene.client, &[Kind::ServiceMonitor])
        .await?;
    let _rest = Substitute::none(&scene);
    let mark = scene.world.cluster.audit().mark()?;
    let teams = start(&scene, TEAMS)?;
    let outside = Instance::create(&scene, "files", without_pod()).await?;
    for place in [&first, &second] {
        let files = Instance::create(place, "files", with_monitor()).await?;
        files.publish(good()).await?;
        files
            .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
            .await?;
        files
            .wait_condition("MetricsReady", "True", None, API_DEADLINE)
            .await?;
    }
    settled(&first).await?;
    let known = ["team-a", "team-b", NAMESPACE];
    let strange: Vec<_> = requests_of(&scene, TEAMS, mark)?
        .into_iter()
        .filter(|entry| {
            let inside = known.contains(&entry.namespace.as_str());
            entry.code == 403 || !(inside || entry.resource == "customresourcedefinitions")
        })
        .collect();
    ensure!(strange.is_empty(), "it has asked for\n{}", lines(&strange));
    let untouched = outside.api::<DittoServer>().get("files").await?;
    ensure!(untouched.status.is_none(), "{:?}", untouched.status);
    drop(teams);
    without_a_look_at_kinds(&scene, &first).await?;
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    for namespace in ["team-a", "team-b"] {
        namespaces
            .delete(namespace, &DeleteParams::background())
            .await?;
    }
    Ok(())
}

/// Without the right to look which kinds there are, those of others count as absent, and all else works.
async fn without_a_look_at_kinds(scene: &Scene, place: &Scene) -> Outcome {
    let bindings: Api<ClusterRoleBinding> = Api::all(scene.client.clone());
    bindings
        .delete("dittofs-operator-kinds-teams", &DeleteParams::default())
        .await?;
    let _teams = start(scene, TEAMS)?;
    let blind = Instance::create(place, "blind", with_monitor()).await?;
    blind.publish(vec![adapter("nfs", 12049)]).await?;
    blind
        .wait_services(&[("blind-nfs", 12049)], API_DEADLINE)
        .await?;
    let told = blind
        .wait_condition(
            "MetricsReady",
            "False",
            Some("ServiceMonitorUnavailable"),
            API_DEADLINE,
        )
        .await?;
    let conditions = told.status.unwrap_or_default().conditions;
    let says = |word: &str| conditions.iter().any(|found| found.message.contains(word));
    ensure!(says("may not read ServiceMonitor"), "{conditions:?}");
    Ok(())
}

/// What cannot be a scope ends the operator at its start, with the reason.
pub async fn a_scope_that_is_none_is_refused_at_the_start(scene: Scene) -> Outcome {
    for (argument, word) in [
        ("--selector=a b", "--selector \"a b\""),
        ("--selector=shard in a", "--selector \"shard in a\""),
        ("--namespace=Team A", "a namespace has 1 to 63"),
    ] {
        let mut operator = scene.world.cluster.program(&scene.world.programs.operator);
        operator.args(["run", "--listen=127.0.0.1:0", argument]);
        let output = operator.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && said.contains(word),
            "{argument}: {} {said}",
            output.status
        );
    }
    Ok(())
}
