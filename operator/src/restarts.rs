//! Restarts: recreates a pod when that is due and it is its turn, and requests a reconcile of the instances that are
//! next.

use std::time::{Duration, Instant};

use crate::apply::{self, Applied, Failure};
use crate::context::Context;
use crate::lock::lock;
use crate::server::instance_at;
use dittofs_operator_core::brake::{Granted, NamespacedName, Queue};
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::pod_status;
use dittofs_operator_core::roll::{Roll, Waits};

/// An instance that waits is reconciled when it is its turn. This is for what causes no event, such as a deleted
/// instance.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// When to reconcile again at the latest, because of what the restart waits for.
pub fn requeue_after(roll: &Roll) -> Duration {
    if waits_for_turn(roll) {
        MAX_WAIT
    } else {
        Duration::MAX
    }
}

fn waits_for_turn(roll: &Roll) -> bool {
    matches!(
        roll,
        Roll::Pending {
            waits_for: Waits::Turn(_),
            ..
        }
    )
}

/// Recreates the pod if that is due and allowed. Returns what to report.
pub async fn restart_if_due(
    roll: Roll,
    observed: &Observed,
    context: &Context,
    applied: &mut Applied,
) -> Roll {
    let place = NamespacedName::of(&observed.server);
    // The StatefulSet controller has not observed a template yet that has just been written: its next event leads to
    // another reconcile.
    let server = &observed.server;
    let is_put_off = server.spec.paused || applied.template_changed || context.has_changed(server);
    let roll = match roll {
        Roll::Now { changed, in_turn } if !is_put_off => {
            recreate(changed, in_turn, &place, observed, context, applied).await
        }
        roll => roll,
    };
    if !waits_for_turn(&roll) {
        lock(&context.brake).leave(&place);
    }
    request_next(context);
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
    // A deletion that was not answered may have begun: its turn stays taken.
    let mut is_new = false;
    if in_turn {
        // The status must say that it has served. Otherwise a new leader would not wait for it to come back.
        let status = observed.server.status.as_ref();
        let is_known = status.is_some_and(|status| status.first_ready_at.is_some());
        if !is_known {
            return pending(changed, Waits::Controller);
        }
        match ask(context, place, uid) {
            Ok(granted) => is_new = granted == Granted::Now,
            Err(queue) => return pending(changed, Waits::Turn(queue)),
        }
    }
    let is_up_to_date = is_up_to_date(context, observed).await;
    if is_new && !matches!(is_up_to_date, Ok(true)) {
        lock(&context.brake).give_back(place);
    }
    match is_up_to_date {
        Ok(true) => {}
        // What is newer leads to another reconcile as soon as the watch brings it.
        Ok(false) => return pending(changed, Waits::Controller),
        Err(failure) => {
            applied.failures.push(failure);
            return Roll::Now { changed, in_turn };
        }
    }
    // A server that has never run may have come up since.
    let unchanged = !pod_status::has_started(pod);
    match apply::recreate_pod(&context.client, pod, unchanged, &changed).await {
        Ok(change) => applied.changes.push(change),
        Err(failure) if unchanged && failure.error.is_conflict() => {
            lock(&context.brake).give_back(place);
            applied.overtaken();
        }
        Err(failure) => {
            // Without an answer the pod may be terminating, and another pod or none shows that it was.
            if failure.error.is_answer() && !failure.error.is_replaced() {
                lock(&context.brake).give_back(place);
            }
            applied.failures.push(failure);
        }
    }
    Roll::Now { changed, in_turn }
}

/// Whether the restart is decided by the `DittoServer` and the StatefulSet as they are now. A watch may lag, and an API server may answer
/// from an old cache: a pod that is made anew from what was before would have to be made anew once more, again and again.
async fn is_up_to_date(context: &Context, observed: &Observed) -> Result<bool, Failure> {
    let server = apply::is_current(&context.client, &observed.server).await?;
    let Some(set) = observed.stateful_set.as_deref().filter(|_| server) else {
        return Ok(false);
    };
    apply::is_current(&context.client, set).await
}

fn ask(context: &Context, place: &NamespacedName, pod: &str) -> Result<Granted, Queue> {
    let states = lock(&context.fleet).states(&context.caches);
    lock(&context.brake).ask(place, pod, &states, Instant::now())
}

fn pending(changed: String, waits_for: Waits) -> Roll {
    Roll::Pending { changed, waits_for }
}

/// Called at the end of every reconcile, and so after every change of a pod.
fn request_next(context: &Context) {
    if !lock(&context.brake).has_queue() {
        return;
    }
    let states = lock(&context.fleet).states(&context.caches);
    for place in lock(&context.brake).next(&states, Instant::now()) {
        context.wake.ask(instance_at(&place));
    }
}
