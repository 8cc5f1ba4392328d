//! The schema, walked over: every field is changed, brought to its bounds, spoiled, deleted and put back on a living instance, which
//! must end as one that never had anything else. `fields.yaml` says what a change is, the schema says what is a bound or a mistake.

mod values;

use dittofs_golden::fields::{self, Change};
use dittofs_operator_core::reference;
use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::{Mode, wait_for};
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::percona::Percona;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, dump, ensure, grounds};
use futures::StreamExt as _;
use futures::stream;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use kube::core::Status;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::seen::Failed;

/// Instances that are walked over side by side.
const AT_ONCE: usize = 4;

/// What cannot be changed once there are claims. That a change of it is refused is part of the walk.
const FIXED: &str = "storage.storageClassName";

/// What would hide all else: what is paused does nothing, what is stopped has the claims of its past, and a pod that waits for a
/// restart by hand that of all changes.
const HIDING: [&str; 3] = ["paused", "replicas", "rollPolicy"];

/// A load balancer that nobody provides: the Services of before stay for its address, and their addresses are no fresh instance's.
const AWAITED: &str = "adapterServices.loadBalancerClass";

/// How long an instance may take to become like a fresh one: longer than the operator's delay after some failures.
const EQUAL_DEADLINE: Duration = Duration::from_mins(2);

/// What the paths of fields begin with that are walked over on one instance. The first one that fits counts.
const GROUPS: [&str; 16] = [
    "adapterServices.gateway",
    "adapterServices.overrides",
    "adapterServices",
    "controlPlane",
    "database",
    "identity.kerberos.machineAccount",
    "identity.kerberos",
    "identity.ldap",
    "identity",
    "metrics",
    "networkPolicy",
    "percona",
    "pod",
    "service",
    "storage",
    "",
];

/// The changes, by the group of their field.
pub fn groups() -> Result<BTreeMap<&'static str, Vec<Vec<Change>>>, Failed> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, changes) in fields::all()? {
        let group = GROUPS.iter().find(|group| path.starts_with(*group));
        groups
            .entry(*group.unwrap_or(&""))
            .or_default()
            .push(changes);
    }
    Ok(groups)
}

/// What every spec here has: a pod that is asked for and never runs, and no cloud that writes to the Services. A claim that
/// nobody fills cannot grow, so that where sizes change there is none.
pub fn base(scene: &Scene, group: &str) -> Value {
    let mut spec = json!({
        "image": scene.world.server_image,
        "storage": {"metadataSize": "1Gi", "storageClassName": "nowhere"},
        "adapterServices": {"type": "ClusterIP"},
    });
    if group == "storage" {
        spec["storage"] = json!({"metadataSize": "1Gi"});
        spec["replicas"] = 0.into();
    }
    spec
}

/// An instance in a namespace of its own, with the Secrets that the changes name, and those that the operator would make.
pub async fn begin(scene: &Scene, suffix: &str, spec: Value) -> Result<Instance, Failed> {
    let files = grounds::instance(scene, suffix).await?;
    files.apply(spec).await?;
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", 1445)])
        .await?;
    Ok(files)
}

/// Removes the namespace of an instance, and does not wait for it.
pub async fn end(files: &Instance) -> Outcome {
    let namespaces: Api<Namespace> = Api::all(files.scene.client.clone());
    namespaces
        .delete(&files.scene.namespace, &DeleteParams::background())
        .await?;
    Ok(())
}

/// Waits until the operator has looked at the spec as it is now.
pub async fn looked_at(files: &Instance, what: &str) -> Outcome {
    files
        .wait_status(
            &format!("the operator to look at {what}"),
            API_DEADLINE,
            |server| {
                let seen = server.status.as_ref().and_then(|s| s.observed_generation);
                if seen == server.metadata.generation {
                    Ok(())
                } else {
                    Err(format!("{seen:?} of {:?}", server.metadata.generation))
                }
            },
        )
        .await?;
    Ok(())
}

/// Server-side apply of a value of another type than the schema's is answered with 500.
fn is_refusal(status: &Status) -> bool {
    (400..500).contains(&status.code)
        || status
            .message
            .starts_with("failed to create typed patch object")
}

/// One instance that is walked over.
struct Walk {
    files: Instance,
    group: &'static str,
    /// What was accepted last.
    spec: Value,
    operations: usize,
    comparisons: usize,
    wrong: Vec<String>,
}

impl Walk {
    /// Asks for a spec. Returns what the API server said against it.
    async fn ask(&mut self, what: &str, spec: Value) -> Result<Option<String>, Failed> {
        self.operations += 1;
        match self.files.apply(spec.clone()).await {
            Ok(_) => {
                self.spec = spec;
                if let Err(error) = looked_at(&self.files, what).await {
                    self.wrong.push(format!("stuck: {error}"));
                }
                Ok(None)
            }
            Err(error) => match error.downcast_ref::<kube::Error>() {
                Some(kube::Error::Api(status)) if is_refusal(status) => {
                    Ok(Some(status.message.clone()))
                }
                _ => Err(error),
            },
        }
    }

    /// Everything that can be done to one field, and then it is put back.
    async fn field(&mut self, changes: &[Change], schema: &Value) -> Outcome {
        let base = self.spec.clone();
        for change in changes {
            let path = &change.path;
            let before = change.prepared(&base);
            let after = change.applied_to(&before);
            for (what, spec) in [("what it needs", &before), ("a change", &after)] {
                let refusal = self.ask(&format!("{path}: {what}"), spec.clone()).await?;
                let is_due = path == FIXED && what == "a change";
                if refusal.is_some() != is_due {
                    self.wrong
                        .push(format!("{path}: what is said of {what}: {refusal:?}"));
                }
            }
            for value in values::at_the_bounds(schema) {
                let mut spec = after.clone();
                fields::set(&mut spec, path, value.clone());
                // Other rules may have something against it, and then say so.
                self.ask(&format!("{path}: {value}"), spec).await?;
            }
            for value in values::mistakes(schema) {
                let mut spec = after.clone();
                fields::set(&mut spec, path, value.clone());
                match self.ask(&format!("{path}: {value}"), spec).await? {
                    None => self.wrong.push(format!("{path}: {value} is accepted")),
                    Some(refusal) => self.judge(path, &value, &refusal),
                }
            }
            let mut without = after;
            fields::take(&mut without, path);
            self.ask(&format!("{path}: deleted"), without).await?;
            self.ask(&format!("{path}: put back"), base.clone()).await?;
        }
        Ok(())
    }

    /// A refusal has to name the field, by its last word at least: some rules belong to what the field is in.
    fn judge(&mut self, path: &str, value: &Value, refusal: &str) {
        let last = path.rsplit('.').next().unwrap_or(path);
        if !refusal.contains(last.trim_end_matches("[]")) {
            self.wrong.push(format!(
                "{path}: {value} is refused without naming it: {refusal}"
            ));
        }
    }

    /// Compares with an instance that never had another spec.
    async fn compare(&mut self) -> Outcome {
        self.comparisons += 1;
        let number = self.files.scene.namespace.rsplit('-').next();
        let suffix = format!("{}-fresh-{}", number.unwrap_or_default(), self.comparisons);
        let fresh = begin(&self.files.scene, &suffix, beside(&self.spec)).await?;
        if self.spec["percona"]["enabled"] == true {
            // As much as there is of it by now: neither may be waiting for its database.
            Percona::serve(&self.files).await?;
            Percona::serve(&fresh).await?;
        }
        let equal = wait_for("both to be equal", EQUAL_DEADLINE, || async {
            let walked = dump::of(&self.files).await?;
            let fresh = dump::of(&fresh).await?;
            dump::difference(&fresh, &walked)
        })
        .await;
        if let Err(error) = equal {
            self.wrong.push(format!(
                "group {:?} differs from a fresh instance (- fresh, + walked) with {}: {error}",
                self.group, self.spec
            ));
        }
        end(&fresh).await
    }

    /// All fields, one by one, and then all of them together.
    async fn all(&mut self, fields: &[Vec<Change>], schemas: &BTreeMap<String, Value>) -> Outcome {
        let base = self.spec.clone();
        for changes in fields {
            if let Some(change) = changes.first() {
                self.field(changes, &schemas[&change.path]).await?;
            }
        }
        self.compare().await?;
        let together = fields.iter().flatten().filter(|change| {
            let path = change.path.as_str();
            !HIDING.contains(&path) && path != FIXED && path != AWAITED
        });
        for change in together {
            let spec = change.applied_to(&change.prepared(&self.spec));
            self.ask(&format!("{} among others", change.path), spec)
                .await?;
        }
        self.compare().await?;
        if self.ask("everything put back", base).await?.is_none() {
            self.compare().await?;
        }
        Ok(())
    }
}

/// The same spec for another instance: a node port is there once in a cluster.
fn beside(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Some(port) = spec.pointer_mut("/adapterServices/overrides/smb/nodePort") {
        *port = (port.as_u64().unwrap_or_default() - 1).into();
    }
    spec
}

async fn walk(
    scene: &Scene,
    number: usize,
    group: &'static str,
    fields: &[Vec<Change>],
    schemas: &BTreeMap<String, Value>,
) -> Result<Walk, Failed> {
    let spec = base(scene, group);
    let files = begin(scene, &number.to_string(), spec.clone()).await?;
    let mut walk = Walk {
        files,
        group,
        spec,
        operations: 0,
        comparisons: 0,
        wrong: Vec::new(),
    };
    walk.all(fields, schemas)
        .await
        .map_err(|error| format!("group {group:?}: {error}"))?;
    end(&walk.files).await?;
    Ok(walk)
}

/// What the operator has logged, wherever it runs.
fn log(scene: &Scene) -> Result<String, Failed> {
    let cluster = &scene.world.cluster;
    if cluster.mode() == Mode::ControlPlane {
        return Ok(std::fs::read_to_string(cluster.log(OPERATOR))?);
    }
    let deployment = format!("deployment/{OPERATOR}");
    let output = cluster
        .kubectl(["-n", NAMESPACE, "logs", &deployment])
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub async fn every_field_leads_back_to_where_it_came_from(scene: Scene) -> Outcome {
    let began = Instant::now();
    let groups = groups()?;
    let leaves = reference::fields::of("spec").into_iter();
    let schemas: BTreeMap<_, _> = leaves.map(|field| (field.path, field.schema)).collect();
    let walks = groups
        .iter()
        .enumerate()
        .map(|(number, (group, fields))| walk(&scene, number, group, fields, &schemas));
    let mut wrong = Vec::new();
    let (mut operations, mut comparisons) = (0, 0);
    let mut walks = stream::iter(walks).buffer_unordered(AT_ONCE);
    while let Some(walk) = walks.next().await {
        match walk {
            Ok(walk) => {
                operations += walk.operations;
                comparisons += walk.comparisons;
                wrong.extend(walk.wrong);
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    println!(
        "{operations} operations on {} fields of {} instances, {comparisons} comparisons with fresh ones, {:.0} s",
        groups.values().map(Vec::len).sum::<usize>(),
        groups.len(),
        began.elapsed().as_secs_f64()
    );
    ensure!(
        !log(&scene)?.contains("panicked"),
        "the operator has panicked"
    );
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
