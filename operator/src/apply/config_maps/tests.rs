use super::*;
use serde_json::{Value, json};

const NEW: &str = "files-config-new";
const OLD: &str = "files-config-old";

fn spec(config: &str) -> Value {
    json!({"containers": [], "volumes": [{"name": "config", "configMap": {"name": config}}]})
}

fn stateful_set(config: &str, replicas: i32, observed: i64) -> StatefulSet {
    serde_json::from_value(json!({
        "metadata": {"name": "files", "generation": 2},
        "spec": {"selector": {}, "replicas": replicas, "template": {"spec": spec(config)}},
        "status": {"replicas": replicas, "observedGeneration": observed},
    }))
    .unwrap()
}

fn pod(name: &str, config: &str) -> Arc<Pod> {
    let pod = json!({"metadata": {"name": name}, "spec": spec(config)});
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn config(name: &str, created: &str) -> Arc<ConfigMap> {
    let config = json!({"metadata": {"name": name, "creationTimestamp": created}});
    Arc::new(serde_json::from_value(config).unwrap())
}

fn configs() -> [Arc<ConfigMap>; 3] {
    [
        config("files-config", "2026-01-01T00:00:00Z"),
        config(OLD, "2026-01-01T01:00:00Z"),
        config(NEW, "2026-01-01T02:00:00Z"),
    ]
}

/// Names of what is unused, and whether it will be deleted.
fn evaluate(set: Option<&StatefulSet>, pods: &[Arc<Pod>]) -> (Vec<String>, bool) {
    let configs = configs();
    let seen = Seen {
        wanted: NEW.to_owned(),
        pod: "files-0".to_owned(),
        stateful_set: set,
        pods,
        configs: &configs,
    };
    let unused = seen
        .unused()
        .iter()
        .map(|config| config.name_any())
        .collect();
    (unused, seen.settled_since().is_some())
}

#[test]
fn what_a_pod_or_the_template_mounts_stays_and_nothing_goes_before_the_pod_is_right() {
    let set = stateful_set(NEW, 1, 2);
    let behind = stateful_set(NEW, 1, 1);
    let before = stateful_set(OLD, 1, 2);
    let stopped = stateful_set(NEW, 0, 2);
    let right = || pod("files-0", NEW);
    for (what, set, pods, unused, settled) in [
        (
            "all is right",
            Some(&set),
            vec![right()],
            &["files-config", OLD][..],
            true,
        ),
        (
            "the pod has the old one",
            Some(&set),
            vec![pod("files-0", OLD)],
            &["files-config"],
            false,
        ),
        (
            "the pod has the first one",
            Some(&set),
            vec![pod("files-0", "files-config")],
            &[OLD],
            false,
        ),
        (
            "another pod has the old one",
            Some(&set),
            vec![right(), pod("x", OLD)],
            &["files-config"],
            true,
        ),
        (
            "no pod yet",
            Some(&set),
            vec![],
            &["files-config", OLD],
            false,
        ),
        (
            "the controller is behind",
            Some(&behind),
            vec![right()],
            &["files-config", OLD],
            false,
        ),
        (
            "the template is the old one",
            Some(&before),
            vec![right()],
            &["files-config"],
            false,
        ),
        (
            "no StatefulSet",
            None,
            vec![right()],
            &["files-config", OLD],
            false,
        ),
        (
            "stopped",
            Some(&stopped),
            vec![],
            &["files-config", OLD],
            true,
        ),
        (
            "about to stop",
            Some(&stopped),
            vec![pod("files-0", OLD)],
            &["files-config"],
            true,
        ),
    ] {
        let (seen, is_settled) = evaluate(set, &pods);
        assert_eq!(seen, unused, "{what}");
        assert_eq!(is_settled, settled, "{what}");
    }
}

#[test]
fn the_wait_begins_with_the_last_change() {
    let since = |set: &StatefulSet| {
        let configs = configs();
        let seen = Seen {
            wanted: NEW.to_owned(),
            pod: "files-0".to_owned(),
            stateful_set: Some(set),
            pods: &[],
            configs: &configs,
        };
        seen.settled_since().unwrap().to_string()
    };
    let mut set = stateful_set(NEW, 0, 2);
    assert_eq!(since(&set), "2026-01-01T02:00:00Z");
    for (manager, time, expected) in [
        (
            labels::OPERATOR_MANAGER,
            "2026-01-01T03:00:00Z",
            "2026-01-01T03:00:00Z",
        ),
        (
            labels::OPERATOR_MANAGER,
            "2026-01-01T01:00:00Z",
            "2026-01-01T02:00:00Z",
        ),
        (
            "kube-controller-manager",
            "2026-01-01T03:00:00Z",
            "2026-01-01T02:00:00Z",
        ),
    ] {
        let entry = json!([{"manager": manager, "time": time}]);
        set.metadata.managed_fields = serde_json::from_value(entry).unwrap();
        assert_eq!(since(&set), expected, "{manager} {time}");
    }
    let [created, now] = ["2026-01-01T02:00:00Z", "2026-01-01T02:04:00Z"];
    let [created, now] = [created.parse().unwrap(), now.parse().unwrap()];
    let minutes = Duration::from_mins;
    assert_eq!(left(created, minutes(10), now), minutes(6));
    assert_eq!(left(created, minutes(4), now), Duration::ZERO);
    assert_eq!(left(created, minutes(1), now), Duration::ZERO);
}
