//! Whatever stands in the published state, it opens at most adapter ports of its own instance, and takes nothing away.

use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::Reports;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use serde_json::{Value, json};

use super::seen::{both_exposed, doors, good, pod_never_runs, wait_event};

/// The data of a published state in which `adapters` says this.
fn data(adapters: &str) -> Value {
    let server = ServerState {
        status: ServerStatus::Reachable,
        since: jiff::Timestamp::UNIX_EPOCH,
        message: None,
    };
    let mut data = json!(
        PublishedState {
            server,
            adapters: None,
            reports: Reports::default(),
        }
        .encode()
    );
    data["adapters"] = json!(adapters);
    data
}

fn list(adapters: &[Adapter]) -> Value {
    data(&json!(adapters).to_string())
}

/// What is published, the reason of the condition and of the Event, and a word that both say.
fn impossible_adapters() -> Vec<(Value, &'static str, &'static str)> {
    let smb_on = |port: i64| list(&[adapter("nfs", 12049), adapter("smb", port)]);
    let and = |more: Adapter| list(&[good(), vec![more]].concat());
    let reason = "AdapterNotExposed";
    vec![
        (
            smb_on(8080),
            reason,
            "port 8080 is reserved for the REST API",
        ),
        (
            smb_on(8081),
            reason,
            "port 8081 is reserved for the sidecar",
        ),
        (smb_on(0), reason, "port 0 is not between"),
        (smb_on(70_000), reason, "port 70000"),
        (smb_on(-1), reason, "port -1"),
        (smb_on(i64::MAX), reason, "port 9223372036854775807"),
        (and(adapter("webdav", 9999)), reason, "webdav"),
        (and(adapter("../../nfs", 9999)), reason, "../../nfs"),
        (and(adapter("", 9999)), reason, "adapter type \"\""),
    ]
}

fn unusable_states() -> Vec<(Value, &'static str, &'static str)> {
    let many: Vec<_> = (0..17)
        .map(|n| adapter(&format!("a{n}"), 2000 + n))
        .collect();
    let mut other_schema = list(&good());
    other_schema["schema"] = json!("v2");
    let mut no_schema = list(&[]);
    no_schema["schema"].take();
    let mut no_server = list(&[]);
    no_server["server"].take();
    let mut bad_server = list(&[]);
    bad_server["server"] = json!("{\"status\":\"fine\"}");
    let reason = "PublishedStateUnusable";
    vec![
        (list(&many), reason, "17 adapters"),
        (
            list(&[adapter("nfs", 1), adapter("nfs", 2)]),
            reason,
            "listed twice",
        ),
        (data("{"), reason, "\"adapters\" is invalid"),
        (
            data("[{\"type\":\"nfs\",\"port\":\"x\"}]"),
            reason,
            "\"adapters\" is invalid",
        ),
        (data(&" ".repeat(70_000)), reason, "70000 bytes"),
        (other_schema, reason, "schema is \"v2\""),
        (no_schema, reason, "schema is \"\""),
        (no_server, reason, "key \"server\" is missing"),
        (bad_server, reason, "\"server\" is invalid"),
    ]
}

fn without_nulls(mut data: Value) -> Value {
    if let Some(data) = data.as_object_mut() {
        data.retain(|_, value| !value.is_null());
    }
    data
}

/// After each bad state a good one, so that every bad one must be told anew.
async fn change_nothing(scene: &Scene, rows: Vec<(Value, &str, &str)>) -> Outcome {
    let files = both_exposed(scene, "files", pod_never_runs()).await?;
    for (published, reason, word) in rows {
        files
            .wait_condition("AdaptersReady", "True", None, API_DEADLINE)
            .await?;
        let before = doors(&files).await?;
        files.publish_data(without_nulls(published)).await?;
        let server = files
            .wait_condition("AdaptersReady", "False", Some(reason), API_DEADLINE)
            .await?;
        let status = server.status.unwrap_or_default();
        let told = status.conditions.iter().any(|condition| {
            condition.type_ == "AdaptersReady" && condition.message.contains(word)
        });
        ensure!(
            told,
            "AdaptersReady does not say {word:?}: {:?}",
            status.conditions
        );
        wait_event(&files, reason, word).await?;
        let after = doors(&files).await?;
        ensure!(before == after, "{word}: {before:?} became {after:?}");
        files.publish(good()).await?;
    }
    Ok(())
}

pub async fn impossible_adapters_open_nothing_and_change_nothing(scene: Scene) -> Outcome {
    change_nothing(&scene, impossible_adapters()).await
}

pub async fn a_state_that_cannot_be_read_changes_nothing(scene: Scene) -> Outcome {
    change_nothing(&scene, unusable_states()).await
}

pub async fn impossible_adapters_get_nothing_to_begin_with(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let bad = [
        adapter("nfs", 8080),
        adapter("smb", 70_000),
        adapter("webdav", 9999),
    ];
    files.publish_data(list(&bad)).await?;
    files
        .wait_condition(
            "AdaptersReady",
            "False",
            Some("AdapterNotExposed"),
            API_DEADLINE,
        )
        .await?;
    for word in ["nfs: port 8080", "smb: port 70000", "webdav"] {
        wait_event(&files, "AdapterNotExposed", word).await?;
    }
    let all: Vec<_> = doors(&files).await?.into_keys().collect();
    ensure!(
        all == ["NetworkPolicy files-baseline", "Service files-headless"],
        "there are {all:?}"
    );
    Ok(())
}
