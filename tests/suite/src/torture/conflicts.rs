//! The first write of an object of each kind is answered with a conflict, as if another client had been faster: the operator looks at what
//! is there, and goes on.

use dittofs_rig::proxy::Rule;
use dittofs_suite::instance::merge;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, grounds};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

use super::lane::{Lane, NAMES};
use super::scenarios::{base, create};
use super::settings::Tally;
use crate::api::seen::Failed;

/// Sooner than an instance is looked at without a reason.
const SOON: Duration = Duration::from_secs(20);

/// The plural of each kind that an instance has, and the name of an object, or of all of them.
const OBJECTS: [(&str, &str); 12] = [
    ("configmaps", "files-sidecar"),
    ("serviceaccounts", "files-sidecar"),
    ("roles", "files-sidecar"),
    ("rolebindings", "files-sidecar"),
    ("services", "files-headless"),
    ("networkpolicies", "files-baseline"),
    ("poddisruptionbudgets", "files"),
    ("statefulsets", "files"),
    ("tcproutes", "files-nfs"),
    ("udproutes", "files-nfs-portmap-udp"),
    ("perconapgclusters", "files-postgres"),
    (
        "secrets",
        "files-jwt-secret files-admin-bootstrap-credentials files-sidecar-credentials",
    ),
];

/// With an object of this kind.
fn spec(plural: &str) -> Value {
    let mut spec = base();
    let gateway = json!({
        "gateway": {"parentRefs": [{"name": "edge"}]},
        "overrides": {"nfs": {"discoveryPorts": ["Portmapper"]}},
    });
    // A server waits for its database, which nobody makes here.
    let database = json!({"enabled": plural == "perconapgclusters"});
    let more = json!({"percona": database, "adapterServices": gateway});
    merge(&mut spec, more);
    spec
}

async fn conflict(scene: &Scene, lane: &Lane, plural: &str, name: &str) -> Outcome {
    let suffix = plural.get(..8).unwrap_or(plural);
    let files = match plural {
        "secrets" => grounds::without_secrets(scene, suffix).await?,
        _ => grounds::instance(scene, suffix).await?,
    };
    let mut run = lane.begin(files.clone())?;
    // Secrets are created and never applied: their names are in the bodies.
    let object = match plural {
        "secrets" => "/secrets?".to_owned(),
        _ => format!("/{plural}/{name}?"),
    };
    run.rule(Rule::RefuseOnce(object.clone(), StatusCode::CONFLICT));
    create(&files, spec(plural)).await?;
    dittofs_rig::wait_for(&format!("{plural} {name} to be made"), SOON, || async {
        let mut words = vec!["get", plural, "-o", "name"];
        words.extend(name.split(' '));
        let output = files.scene.kubectl(&words).output();
        let output = output.map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(told)
    })
    .await?;
    run.rest().await?;
    let audit = scene.world.cluster.audit();
    let requests = audit.requests_in(&files.scene.namespace, files.scene.began)?;
    let looked = requests.iter().any(|entry| {
        entry.verb == "get"
            && entry.resource == plural
            && entry.user_agent.starts_with("dittofs-operator/")
    });
    ensure!(looked, "{plural} {name} was not looked at");
    let writes = run.writes();
    let writes = writes
        .iter()
        .filter(|written| written.target.contains(&object));
    let made = name.split(' ').count();
    ensure!(
        writes.count() >= made,
        "{plural} {name} was not written again"
    );
    Ok(())
}

async fn all(scene: &Scene, lane: &Lane, tally: &mut Tally) -> Result<(), Failed> {
    for (plural, name) in OBJECTS {
        let outcome = conflict(scene, lane, plural, name).await;
        tally.plans += 1;
        tally.faults += 1;
        let violation = outcome.err().map(|error| format!("{plural}: {error}"));
        tally.violations.extend(violation);
    }
    Ok(())
}

pub async fn a_conflict_with_any_kind_is_looked_into(scene: Scene) -> Outcome {
    let lane = Lane::open(&scene, NAMES[0]).await?;
    let mut tally = Tally::default();
    all(&scene, &lane, &mut tally).await?;
    tally.tell("a conflict with the first write of each kind", "")
}
