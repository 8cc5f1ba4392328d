//! Pure: whether the server pod must be recreated, and why.
//!
//! The template of the StatefulSet is always what we want now, and a pod gets it whenever it is next recreated. The
//! operator itself recreates a pod only when something differs that a running server cannot take up.

use dittofs_shared::labels;
use dittofs_shared::server::{PodSettings, RollPolicy};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Affinity, Pod, Toleration, TopologySpreadConstraint};
use kube::ResourceExt as _;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

use crate::instance::{Digest, Instance};
use crate::observe::digest;

/// What is to be done about the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roll {
    /// There is no pod, or it is on its way out: the StatefulSet takes care.
    NoPod,
    /// The pod is as it should be.
    Current,
    /// The pod must be recreated, and may be.
    Now(String),
    /// The pod must be recreated, and something must happen first.
    Pending {
        /// What has changed.
        changed: String,
        /// What must happen first.
        waits_for: Waits,
    },
}

/// What a roll waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The user: `rollPolicy` is Manual.
    User,
    /// The controller of the StatefulSet: it would make the pod from the old template.
    Controller,
}

/// Hashes over all that a running server must be restarted for, each with its name: `image:1f2e… config:9c0d…`.
/// They are taken from what was asked for, not from the rendered template: an upgrade of the operator that renders
/// something differently restarts nobody. For the same reason a part that is added one day must be left out while its
/// fields are not set: the pods of today do not have it.
pub fn roll_hash(instance: &Instance, config: &str, secrets: &Digest) -> String {
    let spec = &instance.spec;
    let security = (&spec.security_context, &spec.pod_security_context);
    let mut parts = vec![
        part("image", &spec.image),
        part("config", &config),
        secrets_part(instance, secrets),
        part("resources", &spec.resources),
        part("security", &security),
        volumes_part(instance),
        part("grace", &spec.termination_grace_period_seconds),
    ];
    let scheduling = Scheduling::of(&spec.pod);
    if scheduling != Scheduling::of(&PodSettings::default()) {
        parts.push(part("scheduling", &scheduling));
    }
    let pod = &spec.pod;
    if !pod.env.is_empty() || !pod.env_from.is_empty() {
        parts.push(part("env", &(&pod.env, &pod.env_from)));
    }
    parts.join(" ")
}

/// Secrets that somebody names are left out while nobody does.
fn secrets_part(instance: &Instance, secrets: &Digest) -> String {
    let jwt = &instance.secrets.jwt;
    let signing_key = (&secrets.signing_key, &jwt.name, &jwt.key);
    let cluster = instance.percona.as_ref();
    let connection = cluster.and_then(|cluster| cluster.connection.as_ref().ok());
    match (&secrets.others, connection) {
        (None, None) => part("secrets", &signing_key),
        (Some(others), None) => part("secrets", &(signing_key, others)),
        (others, Some(connection)) => part("secrets", &(signing_key, others, connection)),
    }
}

/// Volumes of the user's own are left out while there are none.
fn volumes_part(instance: &Instance) -> String {
    let has_contents = instance.spec.storage.content_size.is_some();
    let pod = &instance.spec.pod;
    if pod.volumes.is_empty() && pod.volume_mounts.is_empty() {
        return part("volumes", &has_contents);
    }
    part("volumes", &(has_contents, &pod.volumes, &pod.volume_mounts))
}

/// Hash over the configuration, as the roll hash has it.
pub fn config_hash(config: &str) -> String {
    digest_of(&config)
}

/// What says where the pod may run. How its images are fetched concerns the next pod only. Written as the spec writes it,
/// without what is not set: the pods of today carry hashes of that.
#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Scheduling<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    node_selector: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tolerations: &'a [Toleration],
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity: Option<&'a Affinity>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    topology_spread_constraints: &'a [TopologySpreadConstraint],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
}

impl<'a> Scheduling<'a> {
    fn of(pod: &'a PodSettings) -> Self {
        Self {
            node_selector: &pod.node_selector,
            tolerations: &pod.tolerations,
            affinity: pod.affinity.as_ref(),
            topology_spread_constraints: &pod.topology_spread_constraints,
            priority_class_name: pod.priority_class_name.as_deref(),
        }
    }
}

fn part(name: &str, value: &impl Serialize) -> String {
    format!("{name}:{}", digest_of(value))
}

fn digest_of(value: &impl Serialize) -> String {
    // These types have string keys only, so that they cannot fail to serialise.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    digest(&bytes)[..12].to_owned()
}

/// Decides about the pod.
pub fn decide(policy: RollPolicy, stateful_set: Option<&StatefulSet>, pod: Option<&Pod>) -> Roll {
    let (Some(stateful_set), Some(pod)) = (stateful_set, pod) else {
        return Roll::NoPod;
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return Roll::NoPod;
    }
    let template = stateful_set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let wanted = |key: &str| {
        template
            .and_then(|meta| meta.annotations.as_ref()?.get(key))
            .map_or("", String::as_str)
    };
    let has = |key: &str| pod.annotations().get(key).map_or("", String::as_str);
    // A StatefulSet that was made again does not know of the restarts before.
    let asked = wanted(labels::RESTARTED_AT);
    let restart = !asked.is_empty() && asked != has(labels::RESTARTED_AT);
    let changed = differences(wanted(labels::ROLL_HASH), has(labels::ROLL_HASH));
    if changed.is_empty() && !restart {
        return Roll::Current;
    }
    let changed = if restart {
        "a restart was asked for".to_owned()
    } else {
        format!("{} changed", changed.join(", "))
    };
    let observed = stateful_set
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    let leaving = stateful_set.metadata.deletion_timestamp.is_some();
    if leaving || observed != stateful_set.metadata.generation {
        return Roll::Pending {
            changed,
            waits_for: Waits::Controller,
        };
    }
    if policy == RollPolicy::Manual && !restart {
        return Roll::Pending {
            changed,
            waits_for: Waits::User,
        };
    }
    Roll::Now(changed)
}

/// Names of the parts that differ, or that only one side has.
fn differences(wanted: &str, has: &str) -> Vec<String> {
    let parts = |hash: &str| -> BTreeMap<String, String> {
        let parts = hash
            .split_whitespace()
            .filter_map(|part| part.split_once(':'));
        parts
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let (wanted, has) = (parts(wanted), parts(has));
    let names: BTreeSet<_> = wanted.keys().chain(has.keys()).collect();
    let differs = |name: &&String| wanted.get(*name) != has.get(*name);
    names.into_iter().filter(differs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stateful_set(hash: &str, restarted: Option<&str>, generations: (i64, i64)) -> StatefulSet {
        let mut annotations = json!({ labels::ROLL_HASH: hash });
        if let Some(restarted) = restarted {
            annotations[labels::RESTARTED_AT] = restarted.into();
        }
        serde_json::from_value(json!({
            "metadata": {"generation": generations.0},
            "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}}},
            "status": {"observedGeneration": generations.1, "replicas": 1},
        }))
        .unwrap()
    }

    fn pod(hash: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {"annotations": {labels::ROLL_HASH: hash}}}))
            .unwrap()
    }

    #[test]
    fn the_decision_follows_the_hashes_the_policy_and_the_controller() {
        use RollPolicy::{Automatic, Manual};
        let same = stateful_set("image:1 config:1", None, (2, 2));
        let other = stateful_set("image:2 config:1", None, (2, 2));
        let unseen = stateful_set("image:2 config:1", None, (3, 2));
        let restarted = stateful_set("image:1 config:1", Some("now"), (2, 2));
        let live = pod("image:1 config:1");
        let changed = || "image changed".to_owned();
        let restart = || "a restart was asked for".to_owned();
        for (policy, set, expected) in [
            (Automatic, &same, Roll::Current),
            (Manual, &same, Roll::Current),
            (Automatic, &other, Roll::Now(changed())),
            (
                Manual,
                &other,
                Roll::Pending {
                    changed: changed(),
                    waits_for: Waits::User,
                },
            ),
            (
                Automatic,
                &unseen,
                Roll::Pending {
                    changed: changed(),
                    waits_for: Waits::Controller,
                },
            ),
            (Manual, &restarted, Roll::Now(restart())),
        ] {
            assert_eq!(decide(policy, Some(set), Some(&live)), expected);
        }
        assert_eq!(decide(Automatic, Some(&other), None), Roll::NoPod);
    }

    #[test]
    fn every_part_that_differs_is_named_on_whichever_side_it_is() {
        for (wanted, has, expected) in [
            ("a:1 b:1", "a:1 b:1", &[][..]),
            ("a:2 b:1", "a:1 b:2", &["a", "b"]),
            ("a:1 b:1", "a:1", &["b"]),
            ("a:1", "a:1 b:1", &["b"]),
            ("a:1", "", &["a"]),
        ] {
            assert_eq!(differences(wanted, has), expected, "{wanted} and {has}");
        }
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_left_alone() {
        let mut live = pod("image:1");
        live.metadata.deletion_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
        );
        let set = stateful_set("image:2", None, (1, 1));
        assert_eq!(
            decide(RollPolicy::Automatic, Some(&set), Some(&live)),
            Roll::NoPod
        );
    }
}
