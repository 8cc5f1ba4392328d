//! ConfigMaps with a configuration that no pod starts with.
//!
//! Every content has a ConfigMap of its own, and a pod keeps the one that it was created with. An old one is deleted
//! when nothing can mount it again: the StatefulSet controller has observed the template, the pod mounts the desired
//! configuration, and the StatefulSet has not changed for a while. A controller whose cache lags behind could still
//! create a pod from the template before, and with `OnDelete` no controller replaces a pod that waits for its
//! ConfigMap.

use dittofs_shared::{labels, names};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodSpec};
use kube::ResourceExt as _;
use std::sync::Arc;
use std::time::Duration;

use super::Applied;
use super::request::Delete;
use super::write::Writer;
use crate::watch::Caches;
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::generation::is_observed;

/// Deletes those that are due, and records when the others are.
pub(super) async fn prune(
    writer: &Writer<'_>,
    caches: &Caches,
    desired: &Desired,
    applied: &mut Applied,
) {
    // While the server cannot be started as requested, the desired configuration is unknown.
    let Some(hash) = &desired.config_hash else {
        return;
    };
    let instance = writer.instance;
    let (namespace, wanted) = (&instance.namespace, names::config(&instance.name, hash));
    let mut configs = writer.owned(&caches.config_maps);
    configs.retain(|config| names::is_config(&instance.name, &config.name_any()));
    if configs.iter().all(|config| config.name_any() == wanted) {
        return;
    }
    // What is kept for a pod is deleted with the DittoServer, too.
    for config in configs.iter().filter(|config| config.name_any() != wanted) {
        applied.record(writer.adopt(&(), &**config).await);
    }
    let mut sets = writer.owned(&caches.stateful_sets);
    sets.retain(|set| set.name_any() == instance.name);
    let pods = caches.pods.of_instance(namespace, &instance.name);
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
        return applied.due_within(left);
    }
    for config in unused {
        let delete = Delete::new(&caches.config_maps, &**config, "no pod mounts it");
        match writer.delete(delete).await {
            Ok(change) => applied.changes.extend(change),
            // It does no harm meanwhile.
            Err(failure) => tracing::warn!(
                namespace,
                "cannot delete ConfigMap {}, which no pod mounts: {}",
                failure.name,
                failure.error
            ),
        }
    }
}

/// What was observed of an instance.
struct Seen<'a> {
    /// The configuration that the next pod starts with.
    wanted: String,
    /// Name of the pod.
    pod: String,
    stateful_set: Option<&'a StatefulSet>,
    /// The pods of the instance.
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

    /// Since when the StatefulSet and its pod have been as desired. `None`: they are not.
    fn settled_since(&self) -> Option<Timestamp> {
        let set = self.stateful_set?;
        if !is_observed(set) || set.metadata.deletion_timestamp.is_some() {
            return None;
        }
        mounts(self.template()?, &self.wanted).then_some(())?;
        if set.spec.as_ref()?.replicas != Some(0) {
            let pod = self.pods.iter().find(|pod| pod.name_any() == self.pod)?;
            mounts(pod.spec.as_ref()?, &self.wanted).then_some(())?;
        }
        let mut configs = self.configs.iter();
        let wanted = configs.find(|config| config.name_any() == self.wanted)?;
        let created = wanted.metadata.creation_timestamp.as_ref()?.0;
        Some(last_change(set).map_or(created, |changed| created.max(changed)))
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

/// When the operator last changed an object, as the API server has recorded it.
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
mod tests;
