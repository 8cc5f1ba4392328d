//! Which objects have Events that may say why something does not come about, and when to look at them again: an Event
//! requests no reconcile.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Service;
use kube::{Resource, ResourceExt as _};
use std::time::Duration;

use super::{ConditionStatus, ConditionType, Reason, View, adapters, find, pod, server, storage};
use crate::warnings::Subject;

/// Whatever takes no longer than this is no trouble: a new pod is scheduled and its volumes are mounted meanwhile.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);
/// Shortest and longest time between two looks at Events.
const SOON: SignedDuration = SignedDuration::from_secs(10);
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// Events of so many objects are read.
const MOST: usize = 4;

/// What is in trouble.
#[derive(Debug, PartialEq, Eq)]
pub struct Troubled {
    /// The objects whose Events are to be read.
    pub subjects: Vec<Subject>,
    /// When to look again.
    pub again: Duration,
}

/// What is in trouble, and not explained by its own status. `None`: nothing.
pub fn troubled(view: &View<'_>, now: Timestamp) -> Option<Troubled> {
    if server::is_stopped(view) {
        return None;
    }
    let found: Vec<_> = pods(view, now)
        .into_iter()
        .chain(claims(view, now))
        .chain(services(view, now))
        .collect();
    let lasting = found.iter().map(|(_, since)| now.duration_since(*since));
    let again = lasting.map(again).min()?;
    let due = found
        .into_iter()
        .filter(|(_, since)| now.duration_since(*since) >= PATIENCE);
    Some(Troubled {
        subjects: due.map(|(subject, _)| subject).take(MOST).collect(),
        again: again.unsigned_abs(),
    })
}

/// The longer it has lasted, the less likely it changes now.
fn again(lasting: SignedDuration) -> SignedDuration {
    if lasting < PATIENCE {
        PATIENCE - lasting
    } else {
        (lasting / 4).clamp(SOON, LATE)
    }
}

/// Since when a condition is not True.
fn since(view: &View<'_>, r#type: ConditionType, now: Timestamp) -> Timestamp {
    let known = view.previous.and_then(|previous| find(previous, r#type));
    let known = known.filter(|known| known.status != ConditionStatus::True.as_str());
    known.map_or(now, |known| known.last_transition_time.0)
}

fn subject<K: Resource<DynamicType = ()>>(kind: &'static str, object: &K) -> Option<Subject> {
    Some(Subject {
        kind,
        name: object.name_any(),
        uid: object.uid()?,
    })
}

/// The pod, or what should have created it.
fn pods(view: &View<'_>, now: Timestamp) -> Option<(Subject, Timestamp)> {
    if server::stateful_set(view).reason != Reason::PodNotReady {
        return None;
    }
    let subject = match view.pod {
        Some(pod) if pod.metadata.deletion_timestamp.is_some() => None,
        Some(pod) if pod::is_explained(view, pod) => None,
        Some(pod) => subject("Pod", pod),
        None => subject("StatefulSet", view.stateful_set?),
    };
    Some((subject?, since(view, ConditionType::StatefulSetReady, now)))
}

fn claims(view: &View<'_>, now: Timestamp) -> impl Iterator<Item = (Subject, Timestamp)> {
    let since = since(view, ConditionType::StorageReady, now);
    storage::unexplained(view).filter_map(move |claim| {
        let found = claim.found.as_deref()?;
        Some((subject("PersistentVolumeClaim", found)?, since))
    })
}

fn services(view: &View<'_>, now: Timestamp) -> impl Iterator<Item = (Subject, Timestamp)> {
    adapters::without_address(view).filter_map(move |service: &Service| {
        let created = service.metadata.creation_timestamp.as_ref();
        let since = created.map_or(now, |created| created.0);
        Some((subject("Service", service)?, since))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_follows_after_10_s_and_later_after_a_minute() {
        for (lasting, expected) in [
            (0, 5),
            (4, 1),
            (5, 10),
            (60, 15),
            (120, 30),
            (240, 60),
            (100_000, 60),
        ] {
            let next = again(SignedDuration::from_secs(lasting));
            assert_eq!(next, SignedDuration::from_secs(expected), "{lasting}");
        }
    }
}
