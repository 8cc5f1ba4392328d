//! Law 3 on the API server: every field is changed on an instance with a pod, and the pod is recreated where the reference says so,
//! once, and nowhere else. The controller of the StatefulSet makes pods without any node, and the operator deletes them.

use dittofs_golden::fields::Change;
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::kubelet::Kubelet;
use dittofs_suite::percona::Percona;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::mutation::{base, begin, end, groups, looked_at};
use super::seen::Failed;
use super::seen_pods::{latest_pod, pod_deletions};

/// Instances that are walked over side by side: the other tests want the operator to themselves, too.
const AT_ONCE: usize = 4;

/// Without a pod there is nothing to recreate: a server that is stopped has none. And what cannot be changed is not changed.
fn can_be_walked(change: &Change) -> bool {
    let path = change.path.as_str();
    // A server that has stored settings of a directory has them for ever, so that the first time is seen once at most.
    ![
        "replicas",
        "storage.storageClassName",
        "identity.ldap.enabled",
        "identity.kerberos.enabled",
    ]
    .contains(&path)
}

/// Asks for a spec, and waits for what the operator waits for.
async fn ask(files: &Instance, spec: Value) -> Outcome {
    let needs_database = spec["percona"]["enabled"] == true;
    if needs_database {
        Percona::begins_anew(files).await?;
    }
    files.apply(spec).await?;
    if needs_database {
        Percona::serve(files).await?;
    }
    Ok(())
}

/// Another claim means another StatefulSet first, which takes the operator more than one look.
fn claim_that_is_due(server: &DittoServer) -> Option<String> {
    let conditions = server.status.as_ref().map(|status| &status.conditions);
    let due = conditions.into_iter().flatten().find(|condition| {
        condition.type_ == "StorageReady"
            && ["Pending", "ClaimMissing"].contains(&condition.reason.as_str())
    });
    due.map(|condition| condition.message.clone())
}

/// Waits until the pod is the one that the StatefulSet would make now. Returns its uid.
async fn settled_pod(files: &Instance, what: &str) -> Result<String, Failed> {
    looked_at(files, what).await?;
    let what = format!("a pod of {what}");
    let found = wait_for(&what, API_DEADLINE, || async {
        let server = files.api::<DittoServer>().get(&files.name).await;
        if let Some(claim) = claim_that_is_due(&server.map_err(|error| error.to_string())?) {
            return Err(claim);
        }
        latest_pod(files).await
    });
    Ok(found.await?)
}

/// What came of the walk over one group: changes, restarts, and what is wrong.
type Found = (usize, usize, Vec<String>);

async fn walk(
    scene: &Scene,
    number: usize,
    group: &str,
    changes: impl Iterator<Item = &Change>,
) -> Result<Found, Failed> {
    let mut base = base(scene, if group == "storage" { "" } else { group });
    let has_data = group.starts_with("identity");
    if has_data {
        base["storage"] = json!({"metadataSize": "1Gi"});
        // Its claims are bound, and no kubelet but the one that is played runs it.
        base["pod"]["nodeSelector"] = json!({"example.com/nowhere": "true"});
    }
    let files = begin(scene, &number.to_string(), base.clone()).await?;
    let _kubelet = Kubelet::play(&files.scene, Duration::ZERO, |_| true);
    if has_data {
        let bound = files.wait_condition("StorageReady", "True", None, POD_DEADLINE);
        bound.await?;
    }
    let mut uid = settled_pod(&files, "the beginning").await?;
    // One that had not started by then was replaced for every change of the template.
    let at_first = pod_deletions(&files.scene, files.scene.began)?;
    let (mut tried, mut restarts, mut wrong) = (0, 0, Vec::new());
    for change in changes {
        let before = change.prepared(&base);
        let after = change.applied_to(&before);
        if let Err(error) = ask(&files, before).await {
            wrong.push(format!(
                "{}: what it needs is refused: {error}",
                change.path
            ));
            continue;
        }
        let first = settled_pod(&files, &change.path).await?;
        restarts += usize::from(first != uid);
        if group == "storage" {
            // Volumes cannot shrink or go: what has been asked for stays.
            base = after.clone();
        }
        if let Err(error) = ask(&files, after).await {
            wrong.push(format!("{}: refused: {error}", change.path));
            continue;
        }
        uid = settled_pod(&files, &change.path).await?;
        tried += 1;
        let restarted = first != uid;
        restarts += usize::from(restarted);
        let parts = dittofs_golden::roll_parts(change)?;
        if restarted == parts.is_empty() {
            wrong.push(format!(
                "{}: the parts {parts:?} of the roll hash should change, and whether the pod is another one is {restarted}",
                change.path
            ));
        }
    }
    let deletions = pod_deletions(&files.scene, files.scene.began)? - at_first;
    if deletions != restarts {
        wrong.push(format!(
            "group {group:?}: {restarts} restarts were due, and the pod was deleted {deletions} times"
        ));
    }
    end(&files).await?;
    Ok((tried, restarts, wrong))
}

pub async fn a_pod_is_recreated_where_the_reference_says_so_and_nowhere_else(
    scene: Scene,
) -> Outcome {
    let began = Instant::now();
    let groups = groups()?;
    let walks = groups.iter().enumerate().map(|(number, (group, fields))| {
        let changes = fields
            .iter()
            .flatten()
            .filter(|change| can_be_walked(change));
        walk(&scene, number, group, changes)
    });
    let (mut tried, mut restarts, mut wrong) = (0, 0, Vec::new());
    let mut walks = stream::iter(walks).buffer_unordered(AT_ONCE);
    while let Some(found) = walks.next().await {
        match found {
            Ok((some, rolled, complaints)) => {
                tried += some;
                restarts += rolled;
                wrong.extend(complaints);
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    println!(
        "{tried} changes, {restarts} restarts, {:.0} s",
        began.elapsed().as_secs_f64()
    );
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
