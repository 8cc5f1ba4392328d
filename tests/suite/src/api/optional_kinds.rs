//! Kinds that the cluster may be without: they come, they go, and objects of them are kept like all others.

use dittofs_operator_core::optional::OptionalKind;
use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_rig::wait_for;
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::secrets::nudge;
use super::seen::{Failed, lines, operator_writes, settled, version, without_pod};

const NAME: &str = "files-metrics";
const KIND: OptionalKind = OptionalKind::ServiceMonitor;

fn with_monitor() -> Value {
    let mut spec = without_pod();
    let monitor = json!({"enabled": true, "interval": "30s", "labels": {"release": "main"}});
    merge(
        &mut spec,
        json!({"metrics": {"enabled": true, "serviceMonitor": monitor}}),
    );
    spec
}

fn monitors(scene: &Scene) -> Api<DynamicObject> {
    Api::namespaced_with(scene.client.clone(), &scene.namespace, &KIND.resource())
}

async fn wait_told(files: &Instance, status: &str, reason: &str) -> Outcome {
    files
        .wait_condition("MetricsReady", status, Some(reason), API_DEADLINE)
        .await?;
    Ok(())
}

/// Waits until something holds of the ServiceMonitor; `check` says what it sees instead.
async fn wait_monitor(
    scene: &Scene,
    what: &str,
    check: impl Fn(Option<&DynamicObject>) -> Result<(), String>,
) -> Result<Option<DynamicObject>, Failed> {
    let api = monitors(scene);
    let what = format!("ServiceMonitor {what}");
    let found = wait_for(&what, API_DEADLINE, || async {
        let found = api.get_opt(NAME).await.map_err(|error| error.to_string())?;
        check(found.as_ref()).map(|()| found)
    });
    Ok(found.await?)
}

async fn wait_interval(scene: &Scene, interval: &str) -> Result<DynamicObject, Failed> {
    let found = wait_monitor(scene, interval, |found| {
        let found = found.ok_or("there is none")?;
        let seen = &found.data["spec"]["endpoints"][0]["interval"];
        if seen == interval {
            Ok(())
        } else {
            Err(format!("the interval is {seen}"))
        }
    });
    Ok(found.await?.ok_or("there is none")?)
}

async fn by_hand(scene: &Scene, patch: Value) -> Outcome {
    let parameters = PatchParams {
        field_manager: Some("somebody".to_owned()),
        ..PatchParams::default()
    };
    monitors(scene)
        .patch(NAME, &parameters, &Patch::Merge(patch))
        .await?;
    Ok(())
}

fn asked_for_monitors(scene: &Scene, since: dittofs_rig::audit::Mark) -> Outcome {
    let mut asked = scene.world.cluster.audit().requests_since(since)?;
    asked.retain(|entry| {
        entry.user_agent.starts_with("dittofs-operator/") && entry.resource == "servicemonitors"
    });
    ensure!(
        asked.is_empty(),
        "asked for what is not there:\n{}",
        lines(&asked)
    );
    Ok(())
}

/// The whole life of a kind: absent, installed, removed, installed again, under one running operator.
pub async fn a_kind_is_used_while_it_is_there(scene: Scene) -> Outcome {
    let definitions = ForeignCrds::ensure()?;
    let files = Instance::create(&scene, "files", with_monitor()).await?;
    wait_told(&files, "False", "ServiceMonitorUnavailable").await?;
    let mark = scene.world.cluster.audit().mark()?;
    nudge(&files, 1).await?;
    settled(&scene).await?;
    asked_for_monitors(&scene, mark)?;

    definitions
        .install(&scene.client, &[Kind::ServiceMonitor])
        .await?;
    let made = wait_interval(&scene, "30s").await?;
    wait_told(&files, "True", "ServiceMonitorMade").await?;
    ensure!(
        made.labels().get("release").is_some_and(|it| it == "main")
            && made.owner_references().len() == 1,
        "{:?}",
        made.metadata
    );

    ForeignCrds::remove(&scene.client, &[Kind::ServiceMonitor]).await?;
    wait_told(&files, "False", "ServiceMonitorUnavailable").await?;
    files
        .change(json!({"metrics": {"serviceMonitor": {"interval": "45s"}}}))
        .await?;
    wait_told(&files, "False", "ServiceMonitorUnavailable").await?;

    definitions
        .install(&scene.client, &[Kind::ServiceMonitor])
        .await?;
    wait_interval(&scene, "45s").await?;
    wait_told(&files, "True", "ServiceMonitorMade").await
}

/// Drift, foreign fields, quiet and prune are as with every other kind.
pub async fn an_object_of_such_a_kind_is_kept_like_any_other(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", with_monitor()).await?;
    let made = wait_interval(&scene, "30s").await?;
    wait_told(&files, "True", "ServiceMonitorMade").await?;

    by_hand(
        &scene,
        json!({"metadata": {"labels": {"example.com/mine": "1"}}}),
    )
    .await?;
    by_hand(
        &scene,
        json!({"spec": {"endpoints": [{"port": "metrics", "path": "/metrics", "interval": "5s"}]}}),
    )
    .await?;
    let healed = wait_interval(&scene, "30s").await?;
    ensure!(
        healed.uid() == made.uid() && healed.labels().contains_key("example.com/mine"),
        "{:?}",
        healed.metadata
    );

    settled(&scene).await?;
    let at_rest = wait_interval(&scene, "30s").await?;
    let mark = scene.world.cluster.audit().mark()?;
    by_hand(
        &scene,
        json!({"metadata": {"labels": {"example.com/mine": "2"}}}),
    )
    .await?;
    settled(&scene).await?;
    let writes = operator_writes(&scene, mark)?;
    ensure!(
        writes.is_empty() && at_rest.uid() == made.uid(),
        "it has written:\n{}",
        lines(&writes)
    );

    monitors(&scene)
        .delete(NAME, &DeleteParams::default())
        .await?;
    let again = wait_interval(&scene, "30s").await?;
    ensure!(
        version(&again).0 != version(&made).0,
        "it was not made again"
    );

    files
        .change(json!({"metrics": {"serviceMonitor": {"enabled": false}}}))
        .await?;
    wait_monitor(&scene, "to go", |found| match found {
        None => Ok(()),
        Some(found) => Err(format!("{:?} is there", found.metadata.name)),
    })
    .await?;
    wait_told(&files, "True", "ServiceOnly").await
}

/// One of the same name that is not ours stays as it is, and the condition says whose it is.
pub async fn a_foreign_object_of_such_a_kind_is_not_touched(scene: Scene) -> Outcome {
    let metadata = ObjectMeta {
        name: Some(NAME.to_owned()),
        ..ObjectMeta::default()
    };
    let body = json!({"spec": {
        "selector": {"matchLabels": {"app": "theirs"}}, "endpoints": [{"port": "web"}],
    }});
    let theirs = monitors(&scene)
        .create(&PostParams::default(), &KIND.object(metadata, body))
        .await?;
    let files = Instance::create(&scene, "files", with_monitor()).await?;
    files
        .wait_condition("Ready", "False", Some("ApplyFailed"), API_DEADLINE)
        .await?;
    let now = monitors(&scene).get(NAME).await?;
    ensure!(version(&now) == version(&theirs), "{:?}", now.metadata);
    files
        .change(json!({"metrics": {"serviceMonitor": {"enabled": false}}}))
        .await?;
    wait_told(&files, "True", "ServiceOnly").await?;
    settled(&scene).await?;
    let now = monitors(&scene).get(NAME).await?;
    ensure!(version(&now) == version(&theirs), "{:?}", now.metadata);
    Ok(())
}
