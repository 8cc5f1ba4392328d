//! Restarts, one turn at a time: recreates a pod when it has to be and it is its turn, and wakes those who are next.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::names;
use kube::runtime::reflector::ObjectRef;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::apply::{self, Applied};
use crate::reconcile::Context;
use crate::watch::{Server, Stores};
use dittofs_operator_core::brake::{Brake, InstanceState, NamespacedName, Queue};
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::pod_status;
use dittofs_operator_core::roll::{Roll, Waits};

/// Whoever waits is woken when it is its turn. This is for what nobody sees, such as an instance that is gone.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// When to look again at the latest, because of what the restart waits for.
pub fn longest_wait(roll: &Roll) -> Duration {
    match roll {
        Roll::Pending {
            waits_for: Waits::Turn(_),
            ..
        } => LONGEST_WAIT,
        _ => Duration::MAX,
    }
}

/// Recreates the pod if it may be. Returns what is to be told of it.
pub async fn act_on(
    roll: Roll,
    observed: &Observed,
    context: &Context,
    applied: &mut Applied,
) -> Roll {
    let place = NamespacedName::of(&observed.server);
    // A template that was only just written is not yet known to the controller of the StatefulSet: its next event
    // brings us back here.
    let is_quiet = observed.server.spec.paused || applied.template_changed;
    let roll = match roll {
        Roll::Now { changed, in_turn } if !is_quiet => {
            recreate(changed, in_turn, &place, observed, context, applied).await
        }
        roll => roll,
    };
    if longest_wait(&roll) == Duration::MAX {
        locked(&context.brake).leave(&place);
    }
    wake_next(context);
    roll
}

async fn recreate(
    changed: String,
    in_turn: bool,
    place: &NamespacedName,
    observed: &Observed,
    context: &Context,
    applied: &mut Applied,
) -> Roll {
    let Some(pod) = observed.own_pod() else {
        return Roll::NoPod;
    };
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    if in_turn {
        // That it has served must be known to whoever comes after us, or nobody would wait for it to come back.
        let status = observed.server.status.as_ref();
        let is_known = status.is_some_and(|status| status.first_ready_at.is_some());
        if !is_known {
            return pending(changed, Waits::Controller);
        }
        if let Err(queue) = ask(&context.brake, place, uid, &context.stores) {
            return pending(changed, Waits::Turn(queue));
        }
    }
    // A server that has never run may have come up since.
    let unchanged = !pod_status::has_started(pod);
    match apply::recreate_pod(&context.client, pod, unchanged, &changed).await {
        Ok(change) => applied.changes.push(change),
        // Its next event brings us back here.
        Err(failure) if unchanged && failure.error.is_conflict() => {
            locked(&context.brake).give_back(place);
        }
        Err(failure) => {
            // Without an answer the pod may be on its way out.
            if failure.error.is_answer() {
                locked(&context.brake).give_back(place);
            }
            applied.failures.push(failure);
        }
    }
    Roll::Now { changed, in_turn }
}

fn ask(
    brake: &Mutex<Brake>,
    place: &NamespacedName,
    pod: &str,
    stores: &Stores,
) -> Result<(), Queue> {
    locked(brake).ask(place, pod, &look_around(stores), Instant::now())
}

/// Nothing panics while it is held.
fn locked(brake: &Mutex<Brake>) -> MutexGuard<'_, Brake> {
    brake.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every instance in the cache.
fn look_around(stores: &Stores) -> Vec<InstanceState> {
    let servers = stores.servers.state();
    let servers = servers.iter().filter_map(|server| server.0.as_ref().ok());
    let servers = servers.filter(|server| server.metadata.deletion_timestamp.is_none());
    let see = |server: &DittoServer| {
        let place = NamespacedName::of(server);
        let set = ObjectRef::new(&place.name).within(&place.namespace);
        let pod = ObjectRef::new(&names::pod(&place.name)).within(&place.namespace);
        let (set, pod) = (stores.stateful_sets.get(&set), stores.pods.get(&pod));
        InstanceState::of(server, set.as_deref(), pod.as_deref())
    };
    servers.map(see).collect()
}

fn object(place: &NamespacedName) -> ObjectRef<Server> {
    ObjectRef::new(&place.name).within(&place.namespace)
}

fn pending(changed: String, waits_for: Waits) -> Roll {
    Roll::Pending { changed, waits_for }
}

/// Every look ends here, so that every change of a pod does.
fn wake_next(context: &Context) {
    if !locked(&context.brake).has_queue() {
        return;
    }
    let seen = look_around(&context.stores);
    for place in locked(&context.brake).next(&seen, Instant::now()) {
        // The receiver is gone only while everything is being dropped.
        let _ = context.requests.unbounded_send(object(&place));
    }
}
