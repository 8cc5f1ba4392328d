//! Configurations of the server that no pod starts with any more.
//!
//! Every content has a ConfigMap of its own, and a pod keeps the one that it was made with. An old one is deleted when
//! nothing can ask for it again: the controller of StatefulSets has seen the template, the pod mounts the configuration
//! that is wanted now, and the StatefulSet has been as it is for a while. A controller whose copy lags behind could still make a
//! pod from the template before, and with `OnDelete` nobody would replace a pod that waits for its ConfigMap.

use dittofs_shared::{labels, names};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodSpec};
use kube::ResourceExt as _;
use std::sync::Arc;
use std::time::Duration;

use super::Applied;
use super::write::Writer;
use crate::desired::Desired;
use crate::instance::Instance;
use crate::watch::Stores;

/// Deletes what may go, and notes when the rest may.
pub(super) async fn take_away(
    writer: &Writer<'_>,
    stores: &Stores,
    instance: &Instance,
    desired: &Desired,
    applied: &mut Applied,
) {
    // While the server cannot be started as asked, it is not known what is wanted.
    let Some(hash) = &desired.config_hash else {
        return;
    };
    let (namespace, wanted) = (&instance.namespace, names::config(&instance.name, hash));
    let mut configs = writer.owned(&stores.config_maps, namespace);
    configs.retain(|config| names::is_config(&instance.name, &config.name_any()));
    if configs.iter().all(|config| config.name_any() == wanted) {
        return;
    }
    let mut sets = writer.owned(&stores.stateful_sets, namespace);
    sets.retain(|set| set.name_any() == instance.name);
    let pods = stores
        .pods
        .state_filter(|pod| pod.namespace().as_ref() == Some(namespace));
    let seen = Seen {
        wanted,
        pod: names::pod(&instance.name),
        stateful_set: sets.first().map(|set| &**set),
        pods: &pods,
        configs: &configs,
    };
    let unused = seen.unused();
    let Some(since) = seen.settled_since().filter(|_| !unused.is_empty()) else {
        return;
    };
    let left = left(since, instance.keep_unused_config, Timestamp::now());
    if !left.is_zero() {
        applied.due_in = Some(left);
        return;
    }
    for config in unused {
        let reason = "no pod mounts it any more".to_owned();
        match writer.delete(&**config, reason).await {
            Ok(change) => applied.changes.extend(change),
            // It is in nobody's way.
            Err(failure) => tracing::warn!(
                namespace,
                name = failure.name,
                "an unused configuration could not be deleted: {}",
                failure.error
            ),
        }
    }
}

/// What there is of an instance.
struct Seen<'a> {
    /// The configuration that the next pod starts with.
    wanted: String,
    /// Name of the pod.
    pod: String,
    stateful_set: Option<&'a StatefulSet>,
    /// All pods of the namespace that may be of an instance.
    pods: &'a [Arc<Pod>],
    /// The configurations of the instance.
    configs: &'a [Arc<ConfigMap>],
}

impl<'a> Seen<'a> {
    /// Configurations that neither a pod nor the template mounts.
    fn unused(&self) -> Vec<&'a Arc<ConfigMap>> {
        let pods = self.pods.iter().map(|pod| pod.spec.as_ref());
        let specs: Vec<_> = pods.chain([self.template()]).flatten().collect();
        let mut unused: Vec<_> = self
            .configs
            .iter()
            .filter(|config| {
                let name = config.name_any();
                name != self.wanted && !specs.iter().any(|spec| mounts(spec, &name))
            })
            .collect();
        unused.sort_by_key(|config| config.name_any());
        unused
    }

    /// Since when the StatefulSet and its pod have been as they are wanted. `None`: they are not.
    fn settled_since(&self) -> Option<Timestamp> {
        let set = self.stateful_set?;
        let observed = set.status.as_ref()?.observed_generation;
        if observed != set.metadata.generation || set.metadata.deletion_timestamp.is_some() {
            return None;
        }
        mounts(self.template()?, &self.wanted).then_some(())?;
        if set.spec.as_ref()?.replicas != Some(0) {
            let pod = self.pods.iter().find(|pod| pod.name_any() == self.pod)?;
            mounts(pod.spec.as_ref()?, &self.wanted).then_some(())?;
        }
        let mut configs = self.configs.iter();
        let wanted = configs.find(|config| config.name_any() == self.wanted)?;
        let made = wanted.metadata.creation_timestamp.as_ref()?.0;
        Some(last_change(set).map_or(made, |changed| made.max(changed)))
    }

    fn template(&self) -> Option<&'a PodSpec> {
        self.stateful_set?.spec.as_ref()?.template.spec.as_ref()
    }
}

fn mounts(spec: &PodSpec, config: &str) -> bool {
    let mut volumes = spec.volumes.iter().flatten();
    volumes.any(|volume| {
        let source = volume.config_map.as_ref();
        source.is_some_and(|source| source.name == config)
    })
}

/// When this operator, or one before it, has changed an object: the API server notes it down.
fn last_change(set: &StatefulSet) -> Option<Timestamp> {
    let writers = set.metadata.managed_fields.iter().flatten();
    let ours = writers.filter(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    ours.filter_map(|entry| Some(entry.time.as_ref()?.0)).max()
}

/// How long until the moment is that long ago.
fn left(since: Timestamp, keep: Duration, now: Timestamp) -> Duration {
    let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    let left = keep.saturating_sub(now.duration_since(since));
    left.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
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

    fn config(name: &str, made: &str) -> Arc<ConfigMap> {
        let config = json!({"metadata": {"name": name, "creationTimestamp": made}});
        Arc::new(serde_json::from_value(config).unwrap())
    }

    fn configs() -> [Arc<ConfigMap>; 3] {
        [
            config("files-config", "2026-01-01T00:00:00Z"),
            config(OLD, "2026-01-01T01:00:00Z"),
            config(NEW, "2026-01-01T02:00:00Z"),
        ]
    }

    /// Names of what is unused, and whether it may go in the end.
    fn judge(set: Option<&StatefulSet>, pods: &[Arc<Pod>]) -> (Vec<String>, bool) {
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
            let (seen, is_settled) = judge(set, &pods);
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
        let [made, now] = ["2026-01-01T02:00:00Z", "2026-01-01T02:04:00Z"];
        let [made, now] = [made.parse().unwrap(), now.parse().unwrap()];
        let minutes = Duration::from_mins;
        assert_eq!(left(made, minutes(10), now), minutes(6));
        assert_eq!(left(made, minutes(4), now), Duration::ZERO);
        assert_eq!(left(made, minutes(1), now), Duration::ZERO);
    }
}
