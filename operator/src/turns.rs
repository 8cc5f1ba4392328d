//! How many sidecars are replaced at a time, over all instances, and that nobody follows into a failure.
//!
//! What counts is seen on the pods. Only what the copies of the pods do not show yet is kept here, and who waits: both may be
//! lost, since a new operator looks at every instance.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::watch::Server;
use dittofs_operator_core::renewal::PodFacts;

/// Sidecars that are replaced at a time.
const AT_A_TIME: usize = 10;

/// Namespace and name.
type Name = (String, String);

/// Whether a sidecar may be replaced now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may, and is counted from now on.
    Now,
    /// It has begun, which the copy of the pod does not show yet.
    Begun,
    /// Others come first. It is called when it may be tried again.
    Later,
    /// This pod has tried the image in vain.
    RefusedBy(String),
}

/// Who replaces a sidecar, and who waits for that.
#[derive(Debug)]
pub struct Turns {
    inside: Mutex<Inside>,
    calls: UnboundedSender<ObjectRef<Server>>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Pods that were changed, or are about to be, with the image that they get.
    taken: BTreeMap<Name, String>,
    /// Instances that wait.
    waiting: BTreeSet<Name>,
}

impl Turns {
    /// Nobody has a turn. Those who waited are called on the stream.
    pub fn new() -> (Self, UnboundedReceiver<ObjectRef<Server>>) {
        let (calls, called) = unbounded();
        let inside = Mutex::default();
        (Self { inside, calls }, called)
    }

    /// Asks for a turn for the pod of an instance. `pods`: the copies of all pods.
    pub fn take(
        &self,
        instance: &str,
        pod: &Pod,
        image: &str,
        pods: &[Arc<Pod>],
        now: Timestamp,
    ) -> Turn {
        if let Some((namespace, name)) = refused_by(pods, pod, image) {
            return Turn::RefusedBy(format!("{namespace}/{name}"));
        }
        let mut inside = self.lock();
        let instance = (pod.namespace().unwrap_or_default(), instance.to_owned());
        let count = inside.count(pods, now);
        if inside
            .taken
            .get(&name_of(pod))
            .is_some_and(|taken| taken == image)
        {
            return Turn::Begun;
        }
        if count >= AT_A_TIME {
            inside.waiting.insert(instance);
            return Turn::Later;
        }
        inside.waiting.remove(&instance);
        inside.taken.insert(name_of(pod), image.to_owned());
        Turn::Now
    }

    /// The pod was not changed after all.
    pub fn give_back(&self, pod: &Pod) {
        self.lock().taken.remove(&name_of(pod));
    }

    /// Calls as many of those who wait as may begin.
    pub fn pass_on(&self, pods: impl FnOnce() -> Vec<Arc<Pod>>, now: Timestamp) {
        let mut inside = self.lock();
        if inside.waiting.is_empty() {
            return;
        }
        let free = AT_A_TIME.saturating_sub(inside.count(&pods(), now));
        for _ in 0..free {
            let Some((namespace, name)) = inside.waiting.pop_first() else {
                return;
            };
            // The receiver is gone only while everything is being dropped.
            let _ = self
                .calls
                .unbounded_send(ObjectRef::new(&name).within(&namespace));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Pods whose sidecar is being replaced. A turn that shows on its pod is not kept in mind any longer.
    fn count(&mut self, pods: &[Arc<Pod>], now: Timestamp) -> usize {
        let facts = pods.iter().map(|pod| (name_of(pod), PodFacts::of(pod)));
        let facts: BTreeMap<_, _> = facts.collect();
        self.taken.retain(|name, image| match facts.get(name) {
            Some(Some(facts)) => facts.image != *image,
            _ => false,
        });
        let replaced = facts.iter().filter(|(name, facts)| {
            let seen = facts.as_ref();
            seen.is_some_and(|facts| facts.is_being_replaced(now))
                && !self.taken.contains_key(*name)
        });
        replaced.count() + self.taken.len()
    }
}

/// A pod that has tried the image in vain, if that means something to this one. What goes wrong in one namespace may be due to its
/// quotas, its pull Secrets or its memory limits, so that it holds up others only when it has gone wrong in a second one, too.
fn refused_by(pods: &[Arc<Pod>], pod: &Pod, image: &str) -> Option<Name> {
    let refused = pods.iter().filter(|other| {
        let refused = PodFacts::of(other).and_then(|facts| facts.refused);
        refused.is_some_and(|refused| refused.image == image && refused.is_about_image())
    });
    let by: BTreeSet<_> = refused.map(|other| name_of(other)).collect();
    let own = by
        .iter()
        .find(|(namespace, _)| pod.namespace().as_ref() == Some(namespace));
    let namespaces: BTreeSet<_> = by.iter().map(|(namespace, _)| namespace).collect();
    own.or_else(|| by.first().filter(|_| namespaces.len() > 1))
        .cloned()
}

fn name_of(pod: &Pod) -> Name {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_shared::{labels, names};
    use serde_json::{Value, json};

    const OLD: &str = "sidecar:1";
    const NEW: &str = "sidecar:2";
    const NOW: &str = "2026-01-01T00:01:00Z";

    #[allow(clippy::needless_pass_by_value)] // `json!` makes values.
    fn pod(number: usize, annotations: Value) -> Arc<Pod> {
        let pod = json!({
            "metadata": {"name": format!("files-{number}-0"), "namespace": "n", "annotations": annotations},
            "spec": {"containers": [], "initContainers": [{"name": names::SIDECAR_CONTAINER, "image": OLD}]},
        });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn quiet(number: usize) -> Arc<Pod> {
        pod(number, json!({labels::SIDECAR_IMAGE: OLD}))
    }

    fn changed(number: usize, at: &str) -> Arc<Pod> {
        let annotations = json!({
            labels::SIDECAR_IMAGE: NEW,
            labels::SIDECAR_PREVIOUS_IMAGE: OLD,
            labels::SIDECAR_REPLACED_AT: at,
        });
        pod(number, annotations)
    }

    fn take(turns: &Turns, number: usize, pods: &[Arc<Pod>]) -> Turn {
        let instance = format!("files-{number}");
        turns.take(&instance, &pods[number], NEW, pods, NOW.parse().unwrap())
    }

    #[test]
    fn ten_have_a_turn_and_the_next_one_when_one_of_them_is_done() {
        let (turns, mut called) = Turns::new();
        let mut pods: Vec<_> = (0..12).map(quiet).collect();
        for number in 0..10 {
            assert_eq!(take(&turns, number, &pods), Turn::Now, "{number}");
        }
        assert_eq!(take(&turns, 0, &pods), Turn::Begun);
        assert_eq!(take(&turns, 10, &pods), Turn::Later);
        assert_eq!(take(&turns, 11, &pods), Turn::Later);
        // The copies show what was done.
        for (number, pod) in pods.iter_mut().enumerate().take(10) {
            *pod = changed(number, "2026-01-01T00:00:30Z");
        }
        turns.pass_on(|| pods.clone(), NOW.parse().unwrap());
        assert!(called.try_recv().is_err(), "nobody is done");
        // One of them has proved itself.
        pods[3] = pod(3, json!({labels::SIDECAR_IMAGE: NEW}));
        turns.pass_on(|| pods.clone(), NOW.parse().unwrap());
        assert_eq!(called.try_recv().unwrap().name, "files-10");
        assert!(called.try_recv().is_err(), "one only");
        assert_eq!(take(&turns, 10, &pods), Turn::Now);
        assert_eq!(take(&turns, 11, &pods), Turn::Later);
    }

    #[test]
    fn a_turn_that_was_not_used_and_one_that_never_ends_hold_up_nobody() {
        let (turns, _called) = Turns::new();
        let mut pods: Vec<_> = (0..10)
            .map(|n| changed(n, "2025-12-31T23:00:00Z"))
            .collect();
        pods.extend((10..21).map(quiet));
        for number in 10..20 {
            assert_eq!(take(&turns, number, &pods), Turn::Now, "{number}");
        }
        assert_eq!(take(&turns, 20, &pods), Turn::Later);
        turns.give_back(&pods[12]);
        assert_eq!(take(&turns, 20, &pods), Turn::Now);
    }

    #[test]
    fn nobody_follows_into_a_failure_and_what_one_namespace_forbids_is_none() {
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
            let (turns, _called) = Turns::new();
            let pods = [pod(0, annotations), quiet(1)];
            assert_eq!(take(&turns, 1, &pods), expected);
        }
    }

    #[test]
    fn what_goes_wrong_in_one_namespace_holds_up_another_only_when_it_does_in_a_second_one() {
        let refused = json!({labels::SIDECAR_REFUSED_IMAGE: NEW, labels::SIDECAR_REFUSED_REASON: "ErrImagePull"});
        let in_namespace = |namespace: &str| {
            let mut pod = Pod::clone(&pod(0, refused.clone()));
            pod.metadata.namespace = Some(namespace.to_owned());
            Arc::new(pod)
        };
        let (turns, _called) = Turns::new();
        let mut pods = vec![in_namespace("a"), quiet(1)];
        assert_eq!(take(&turns, 1, &pods), Turn::Now);
        turns.give_back(&pods[1]);
        pods.push(in_namespace("b"));
        assert_eq!(
            take(&turns, 1, &pods),
            Turn::RefusedBy("a/files-0-0".to_owned())
        );
    }

    #[test]
    fn a_replacement_that_is_yet_to_come_takes_no_turn() {
        let (turns, _called) = Turns::new();
        let mut pods: Vec<_> = (0..10)
            .map(|n| changed(n, "2036-01-01T00:00:00Z"))
            .collect();
        pods.push(quiet(10));
        assert_eq!(take(&turns, 10, &pods), Turn::Now);
    }
}
