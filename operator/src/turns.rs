//! How many sidecars are replaced at a time, over all instances, and that an image that fails is not tried everywhere.
//!
//! Whose sidecar is being replaced shows on the pods. In memory there is only what the cache does not show yet, and
//! who waits. Both may be lost: a new operator reconciles every instance.

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::PodSeen;
use crate::server::{InstanceRef, instance_at};
use dittofs_operator_core::brake::NamespacedName;

/// Sidecars that are replaced at a time.
const AT_A_TIME: usize = 10;

/// Whether a sidecar may be replaced now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may, and is counted from now on.
    Now,
    /// Its replacement has begun, which the cached pod does not show yet.
    Begun,
    /// Others come first, see [`Turns::next`].
    Later,
    /// This pod has tried the image without success.
    RefusedBy(String),
}

/// Whose sidecars are being replaced, and which instances wait for that.
#[derive(Debug, Default)]
pub struct Turns {
    /// Pods that were changed, or are about to be.
    taken: BTreeMap<NamespacedName, Taken>,
    /// Instances that wait.
    waiting: BTreeSet<NamespacedName>,
}

/// A change that the cached pod does not show yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    /// Uid of the pod: the next one has the same name.
    uid: String,
    /// The image that it gets.
    image: String,
}

impl Taken {
    /// Whether a pod of this name is another one, is being deleted, or shows the change.
    fn is_over(&self, pod: &PodSeen) -> bool {
        let facts = pod.facts.as_ref();
        pod.uid != self.uid || facts.is_none_or(|facts| facts.image == self.image)
    }
}

impl Turns {
    /// Asks for a turn for the pod of an instance. `pods`: all pods in the cache.
    pub fn take(
        &mut self,
        instance: &str,
        pod: &PodSeen,
        image: &str,
        pods: &[PodSeen],
        now: Timestamp,
    ) -> Turn {
        if let Some(other) = refused_by(pods, pod, image) {
            return Turn::RefusedBy(other.to_string());
        }
        let instance = NamespacedName {
            namespace: pod.place.namespace.clone(),
            name: instance.to_owned(),
        };
        let count = self.count(pods, now);
        let taken = Taken {
            uid: pod.uid.clone(),
            image: image.to_owned(),
        };
        if self.taken.get(&pod.place) == Some(&taken) {
            return Turn::Begun;
        }
        if count >= AT_A_TIME {
            self.waiting.insert(instance);
            return Turn::Later;
        }
        self.waiting.remove(&instance);
        self.taken.insert(pod.place.clone(), taken);
        Turn::Now
    }

    /// The cache shows this pod. What it shows of a change is no longer kept in memory.
    pub fn seen(&mut self, pod: &PodSeen) {
        if self
            .taken
            .get(&pod.place)
            .is_some_and(|taken| taken.is_over(pod))
        {
            self.taken.remove(&pod.place);
        }
    }

    /// Gives a turn back: the pod was not changed.
    pub fn give_back(&mut self, pod: &PodSeen) {
        self.taken.remove(&pod.place);
    }

    /// Whether any instance waits.
    pub fn has_queue(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The instances whose turn it is by now. They are no longer in the queue, and have to ask again.
    pub fn next(&mut self, pods: &[PodSeen], now: Timestamp) -> Vec<InstanceRef> {
        let free = AT_A_TIME.saturating_sub(self.count(pods, now));
        let next = std::iter::from_fn(|| self.waiting.pop_first()).take(free);
        next.map(|next| instance_at(&next)).collect()
    }

    /// Pods whose sidecar is being replaced. A turn that shows on its pod is no longer kept in memory.
    fn count(&mut self, pods: &[PodSeen], now: Timestamp) -> usize {
        let seen = pods.iter().map(|pod| (&pod.place, pod));
        let seen: BTreeMap<_, _> = seen.collect();
        self.taken
            .retain(|place, taken| seen.get(place).is_some_and(|pod| !taken.is_over(pod)));
        let replaced = seen.iter().filter(|(place, pod)| {
            let facts = pod.facts.as_ref();
            facts.is_some_and(|facts| facts.is_being_replaced(now))
                && !self.taken.contains_key(**place)
        });
        replaced.count() + self.taken.len()
    }
}

/// A pod that has tried the image without success, if that matters to this one. A failure in one namespace may be due
/// to its quotas, pull Secrets or memory limits, so that it holds up other namespaces only after a failure in a
/// second one.
fn refused_by<'a>(pods: &'a [PodSeen], pod: &PodSeen, image: &str) -> Option<&'a NamespacedName> {
    let refused = pods.iter().filter(|other| {
        let refused = other
            .facts
            .as_ref()
            .and_then(|facts| facts.refused.as_ref());
        refused.is_some_and(|refused| refused.image == image && refused.is_about_image())
    });
    let by: BTreeSet<_> = refused.map(|other| &other.place).collect();
    let own = by
        .iter()
        .find(|other| other.namespace == pod.place.namespace);
    let namespaces: BTreeSet<_> = by.iter().map(|other| &other.namespace).collect();
    own.or_else(|| by.first().filter(|_| namespaces.len() > 1))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_shared::{labels, names};
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    const OLD: &str = "sidecar:1";
    const NEW: &str = "sidecar:2";
    const NOW: &str = "2026-01-01T00:01:00Z";

    #[allow(clippy::needless_pass_by_value)] // `json!` makes values.
    fn pod(number: usize, annotations: Value) -> PodSeen {
        let pod = json!({
            "metadata": {"name": format!("files-{number}-0"), "uid": "first", "namespace": "n", "annotations": annotations},
            "spec": {"containers": [], "initContainers": [{"name": names::SIDECAR_CONTAINER, "image": OLD}]},
        });
        PodSeen::of(&serde_json::from_value::<Pod>(pod).unwrap())
    }

    fn quiet(number: usize) -> PodSeen {
        pod(number, json!({labels::SIDECAR_IMAGE: OLD}))
    }

    fn changed(number: usize, at: &str) -> PodSeen {
        let annotations = json!({
            labels::SIDECAR_IMAGE: NEW,
            labels::SIDECAR_PREVIOUS_IMAGE: OLD,
            labels::SIDECAR_REPLACED_AT: at,
        });
        pod(number, annotations)
    }

    fn take(turns: &mut Turns, number: usize, pods: &[PodSeen]) -> Turn {
        let instance = format!("files-{number}");
        turns.take(&instance, &pods[number], NEW, pods, NOW.parse().unwrap())
    }

    #[test]
    fn ten_are_replaced_at_a_time_and_the_next_when_one_is_done() {
        let mut turns = Turns::default();
        let mut pods: Vec<_> = (0..12).map(quiet).collect();
        for number in 0..10 {
            assert_eq!(take(&mut turns, number, &pods), Turn::Now, "{number}");
        }
        assert_eq!(take(&mut turns, 0, &pods), Turn::Begun);
        assert_eq!(take(&mut turns, 10, &pods), Turn::Later);
        assert_eq!(take(&mut turns, 11, &pods), Turn::Later);
        // The cache shows the changes.
        for (number, pod) in pods.iter_mut().enumerate().take(10) {
            *pod = changed(number, "2026-01-01T00:00:30Z");
        }
        let next = |turns: &mut Turns, pods: &[PodSeen]| {
            let next = turns.next(pods, NOW.parse().unwrap());
            next.into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert!(next(&mut turns, &pods).is_empty(), "none is done");
        // One of them has proved itself.
        pods[3] = pod(3, json!({labels::SIDECAR_IMAGE: NEW}));
        assert_eq!(next(&mut turns, &pods), ["files-10"]);
        assert_eq!(take(&mut turns, 10, &pods), Turn::Now);
        assert_eq!(take(&mut turns, 11, &pods), Turn::Later);
    }

    #[test]
    fn the_next_pod_of_the_same_name_has_a_turn_of_its_own() {
        let mut turns = Turns::default();
        let mut pods = [quiet(0)];
        assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
        // It was made from an older template, while nobody looked at the first one any more.
        "second".clone_into(&mut pods[0].uid);
        assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
        assert_eq!(take(&mut turns, 0, &pods), Turn::Begun);
    }

    #[test]
    fn a_change_that_was_seen_may_be_made_once_more() {
        let mut turns = Turns::default();
        let pods = [quiet(0)];
        assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
        turns.seen(&pods[0]);
        assert_eq!(take(&mut turns, 0, &pods), Turn::Begun);
        turns.seen(&changed(0, NOW));
        assert_eq!(take(&mut turns, 0, &pods), Turn::Now);
    }

    #[test]
    fn an_unused_turn_and_one_that_never_ends_hold_up_no_instance() {
        let mut turns = Turns::default();
        let mut pods: Vec<_> = (0..10)
            .map(|n| changed(n, "2025-12-31T23:00:00Z"))
            .collect();
        pods.extend((10..21).map(quiet));
        for number in 10..20 {
            assert_eq!(take(&mut turns, number, &pods), Turn::Now, "{number}");
        }
        assert_eq!(take(&mut turns, 20, &pods), Turn::Later);
        turns.give_back(&pods[12]);
        assert_eq!(take(&mut turns, 20, &pods), Turn::Now);
    }

    #[test]
    fn an_image_that_fails_is_not_tried_again_and_a_refusal_of_the_api_server_is_no_failure() {
        let refused = |image: &str, reason: &str| json!({labels::SIDECAR_REFUSED_IMAGE: image, labels::SIDECAR_REFUSED_REASON: reason});
        for (annotations, expected) in [
            (
                refused(NEW, "ErrImagePull"),
                Turn::RefusedBy("n/files-0-0".to_owned()),
            ),
            (refused("sidecar:3", "ErrImagePull"), Turn::Now),
            (
                refused(NEW, "the API server refused to change the pod: PodSecurity"),
                Turn::Now,
            ),
        ] {
            let mut turns = Turns::default();
            let pods = [pod(0, annotations), quiet(1)];
            assert_eq!(take(&mut turns, 1, &pods), expected);
        }
    }

    #[test]
    fn a_failure_in_one_namespace_holds_up_another_only_after_one_in_a_second() {
        let refused = json!({labels::SIDECAR_REFUSED_IMAGE: NEW, labels::SIDECAR_REFUSED_REASON: "ErrImagePull"});
        let in_namespace = |namespace: &str| {
            let mut pod = pod(0, refused.clone());
            namespace.clone_into(&mut pod.place.namespace);
            pod
        };
        let mut turns = Turns::default();
        let mut pods = vec![in_namespace("a"), quiet(1)];
        assert_eq!(take(&mut turns, 1, &pods), Turn::Now);
        turns.give_back(&pods[1]);
        pods.push(in_namespace("b"));
        assert_eq!(
            take(&mut turns, 1, &pods),
            Turn::RefusedBy("a/files-0-0".to_owned())
        );
    }

    #[test]
    fn a_replacement_in_the_future_takes_no_turn() {
        let mut turns = Turns::default();
        let mut pods: Vec<_> = (0..10)
            .map(|n| changed(n, "2036-01-01T00:00:00Z"))
            .collect();
        pods.push(quiet(10));
        assert_eq!(take(&mut turns, 10, &pods), Turn::Now);
    }
}
