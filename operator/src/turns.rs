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
        let mut under_way = self.under_way(pods, now);
        under_way.remove(&pod.place);
        let taken = Taken {
            uid: pod.uid.clone(),
            image: image.to_owned(),
        };
        if self.taken.get(&pod.place) == Some(&taken) {
            return Turn::Begun;
        }
        if under_way.len() >= AT_A_TIME {
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
        let free = AT_A_TIME.saturating_sub(self.under_way(pods, now).len());
        let next = std::iter::from_fn(|| self.waiting.pop_first()).take(free);
        next.map(|next| instance_at(&next)).collect()
    }

    /// Pods whose sidecar is being replaced. A turn that shows on its pod is no longer kept in memory.
    fn under_way(&mut self, pods: &[PodSeen], now: Timestamp) -> BTreeSet<NamespacedName> {
        let seen: BTreeMap<_, _> = pods.iter().map(|pod| (&pod.place, pod)).collect();
        self.taken
            .retain(|place, taken| seen.get(place).is_some_and(|pod| !taken.is_over(pod)));
        let replaced = seen.values().filter(|pod| {
            let facts = pod.facts.as_ref();
            facts.is_some_and(|facts| facts.is_being_replaced(now))
        });
        let replaced = replaced.map(|pod| pod.place.clone());
        replaced.chain(self.taken.keys().cloned()).collect()
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
mod tests;
