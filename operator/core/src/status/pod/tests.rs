use super::*;
use dittofs_shared::names;
use jiff::Timestamp;
use serde_json::{Value, json};

const PLACE: Place<'static> = Place {
    namespace: "storage",
    instance: "files",
};

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "files-0"},
        "spec": {
            "initContainers": [{"name": names::SIDECAR_CONTAINER, "image": "sidecar:1"}],
            "containers": [{
                "name": names::SERVER_CONTAINER, "image": "dittofs:1", "resources": {"limits": {"memory": "64Mi"}},
            }],
        },
        "status": status,
    }))
    .unwrap()
}

fn container(name: &str, state: &Value, last: &Value) -> Value {
    json!({
        "name": name, "image": "sha256:0123", "imageID": "", "ready": false, "restartCount": 2, "started": false,
        "state": state, "lastState": last,
    })
}

/// The status of a pod in which the server's container is in this state.
fn server(state: &Value, last: &Value) -> Value {
    json!({"phase": "Pending", "containerStatuses": [container(names::SERVER_CONTAINER, state, last)]})
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn ended(code: i32, reason: &str, message: &str, seconds: u32) -> Value {
    json!({"terminated": {
        "exitCode": code, "reason": reason, "message": message,
        "startedAt": "2026-01-01T00:00:00Z", "finishedAt": format!("2026-01-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60),
    }})
}

fn said_of(status: &Value) -> Option<String> {
    let pod = pod(status);
    of_status(&pod, pod.status.as_ref().unwrap(), &PLACE)
}

#[test]
fn the_two_messages_about_an_image_become_one() {
    let why = "failed to resolve reference \"dittofs:1\": not found";
    let quoting = format!("Back-off pulling image \"dittofs:1\": ErrImagePull: {why}");
    let expected = format!(
        "image dittofs:1 of container dittofs cannot be pulled: {why}. Correct spec.image, or spec.pod.imagePullSecrets if the registry \
         requires a login"
    );
    for state in [
        waits("ErrImagePull", why),
        waits("ImagePullBackOff", &quoting),
    ] {
        assert_eq!(said_of(&server(&state, &json!({}))), Some(expected.clone()));
    }
    let silent = waits("ImagePullBackOff", "Back-off pulling image \"dittofs:1\"");
    let said = said_of(&server(&silent, &json!({}))).unwrap();
    assert!(said.contains("cannot be pulled. Correct"), "{said}");
    let sidecar = container(
        names::SIDECAR_CONTAINER,
        &waits("ErrImagePull", why),
        &json!({}),
    );
    let said = said_of(&json!({"initContainerStatuses": [sidecar]})).unwrap();
    assert!(
        said.starts_with("image sidecar:1 of container sidecar")
            && said.contains("Correct spec.sidecar.image"),
        "{said}"
    );
}

#[test]
fn a_crash_loop_says_the_same_in_all_its_states() {
    let none = json!({});
    let log = "opened\n2026-01-01T00:00:01Z 12:00:01 dfs: no such key\n\n";
    let end = ended(1, "Error", log, 1);
    let expected = "container dittofs exited with code 1: dfs: no such key. It is restarted; `kubectl logs files-0 -c dittofs -n storage \
                    --previous` shows its log";
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    for status in [
        server(&end, &none),
        server(&waits("CrashLoopBackOff", "back-off 10s"), &end),
        server(&waits("CrashLoopBackOff", "back-off 5m0s"), &end),
        server(&running, &end),
    ] {
        assert_eq!(said_of(&status).as_deref(), Some(expected), "{status}");
    }
    // It has served before, and how it starts now is what matters.
    assert_eq!(
        said_of(&server(&running, &ended(1, "Error", log, 600))),
        None
    );
}

#[test]
fn what_to_do_depends_on_how_it_ended() {
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    for (end, word) in [
        (
            ended(137, "OOMKilled", "", 600),
            "its limit of 64Mi (OOMKilled): raise spec.resources.limits.memory",
        ),
        (
            ended(1, "Error", "write /data: no space left on device", 1),
            "no space left on device. A volume is full: increase the sizes in spec.storage",
        ),
    ] {
        let said = said_of(&server(&running, &end)).unwrap();
        assert!(said.contains(word), "{said}");
    }
    let id = "0123456789abcdef".repeat(4);
    let runtime = |why: &str| {
        let why = format!("OCI runtime create failed: {id}: {why}");
        server(
            &waits("CrashLoopBackOff", "back-off 10s"),
            &ended(128, "StartError", &why, 0),
        )
    };
    let low = said_of(&runtime(
        "container init was OOM-killed (memory limit too low?)",
    ))
    .unwrap();
    assert!(low.contains("raise spec.resources.limits.memory"), "{low}");
    assert_eq!(
        said_of(&runtime("exec: \"/app/dfs\": no such file or directory")).unwrap(),
        "container dittofs cannot be started: StartError: OCI runtime create failed: …: exec: \"/app/dfs\": no such file or directory"
    );
    let lost = server(&waits("CrashLoopBackOff", "back-off 10s"), &json!({}));
    assert!(said_of(&lost).unwrap().contains("exited with code unknown"));
}

#[test]
fn what_every_pod_waits_for_at_first_is_no_problem() {
    for reason in ["ContainerCreating", "PodInitializing"] {
        let status = server(&waits(reason, ""), &json!({}));
        assert_eq!(said_of(&status), None);
        let pod = pod(&status);
        let said = unexplained(pod.status.as_ref().unwrap(), &PLACE);
        assert_eq!(
            said,
            "the pod is being started: if that lasts, `kubectl describe pod files-0 -n storage` shows why"
        );
    }
    let running = server(&json!({"running": {}}), &json!({}));
    let mut running = pod(&running).status.unwrap();
    running.phase = Some("Running".to_owned());
    assert_eq!(
        unexplained(&running, &PLACE),
        "the pod is running but not ready yet"
    );
}

#[test]
fn the_scheduler_and_evictions_are_quoted_without_ballast() {
    let unscheduled = |message: &str| {
        json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
        ]})
    };
    for (status, expected) in [
        (
            unscheduled(
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 \
                 nodes are available: 1 Preemption is not helpful for scheduling.",
            ),
            "the pod cannot be scheduled: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. Correct \
             spec.pod.nodeSelector and spec.pod.affinity, or label a node",
        ),
        (
            unscheduled("no nodes available to schedule pods"),
            "the pod cannot be scheduled: no nodes available to schedule pods",
        ),
        (
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. "}),
            "the pod has failed and is recreated: Evicted: The node was low on resource: memory",
        ),
    ] {
        assert_eq!(said_of(&status).as_deref(), Some(expected), "{status}");
    }
}

#[test]
fn an_event_is_quoted_with_advice() {
    for (reason, note, expected) in [
        (
            "FailedMount",
            "MountVolume.SetUp failed for volume \"keys\" : secret \"keys\" not found",
            "a volume cannot be mounted: MountVolume.SetUp failed for volume \"keys\" : secret \"keys\" not found. Create it, or correct \
             the name",
        ),
        (
            "FailedCreatePodSandBox",
            "no address left",
            "the pod does not start: no address left",
        ),
        (
            "Unhealthy",
            "Readiness probe failed: status 503",
            "the server does not pass its check: Readiness probe failed: status 503",
        ),
    ] {
        let warning = Warning {
            kind: "Pod".to_owned(),
            name: "files-0".to_owned(),
            reason: reason.to_owned(),
            note: note.to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(of_event(&warning, &PLACE), expected);
    }
}
