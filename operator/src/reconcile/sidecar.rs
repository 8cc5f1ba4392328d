//! Carries out what was decided about the sidecar of a running pod.

use k8s_openapi::api::core::v1::Pod;
use std::time::Duration;

use super::Pass;
use crate::apply::{self, Applied, Failure};
use crate::context::Context;
use crate::fleet::PodSeen;
use crate::lock::lock;
use crate::turns::Turn;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::renewal::{self, Edit, Refused, Renewal};
use dittofs_operator_core::roll::{Roll, Waits};

/// A reconcile that comes too early would have to be repeated.
const SLACK: Duration = Duration::from_millis(200);

/// When the decision may change without any event.
pub(super) fn requeue_after(instance: &Instance, renewal: &Renewal) -> Duration {
    let known = &instance.sidecar;
    let pod = known.pod.as_ref();
    let absence = pod.and_then(|pod| pod.left_of_absence(known.at));
    let sooner = renewal.requeue_after().into_iter().chain(absence).min();
    sooner.map_or(Duration::MAX, |sooner| sooner + SLACK)
}

/// Does what can be done now, and returns what to report. Nothing is done to a pod that is about to be recreated.
pub(super) async fn renew(
    context: &Context,
    pass: &Pass,
    roll: &Roll,
    applied: &mut Applied,
) -> Renewal {
    let renewal = carry_out(context, pass, roll, applied).await;
    // Whatever came of this one, the next may begin.
    let mut turns = lock(&context.turns);
    if turns.has_queue() {
        let pods = lock(&context.fleet).pods(&context.caches);
        for instance in turns.next(&pods, pass.instance.sidecar.at) {
            context.wake.ask(instance);
        }
    }
    renewal
}

async fn carry_out(context: &Context, pass: &Pass, roll: &Roll, applied: &mut Applied) -> Renewal {
    let instance = &pass.instance;
    let decided = renewal::decide(&instance.sidecar, &pass.desired.sidecar_contract);
    let Some(pod) = pass.observed.own_pod() else {
        return decided;
    };
    lock(&context.turns).seen(&PodSeen::of(pod));
    let is_put_off = instance.spec.paused || context.has_changed(&pass.observed.server);
    if is_put_off || is_imminent(roll) {
        return decided;
    }
    match decided {
        Renewal::Replace(edit) => replace(context, instance, pod, edit, applied).await,
        Renewal::PutBack(edit, refused) => {
            match apply::edit_pod(&context.client, pod, &edit).await {
                Ok(change) => {
                    applied.changes.extend(change);
                    Renewal::Refused(refused)
                }
                Err(failure) => failed(failure, Renewal::PutBack(edit, refused), applied),
            }
        }
        Renewal::Settle(edit) => match apply::edit_pod(&context.client, pod, &edit).await {
            Ok(_) => Renewal::Current,
            Err(failure) => failed(failure, Renewal::Settle(edit), applied),
        },
        waits => waits,
    }
}

/// Whether the pod is about to be made anew, without waiting for anybody's turn or word.
fn is_imminent(roll: &Roll) -> bool {
    matches!(
        roll,
        Roll::Now { .. }
            | Roll::Pending {
                waits_for: Waits::Controller,
                ..
            }
    )
}

async fn replace(
    context: &Context,
    instance: &Instance,
    pod: &Pod,
    edit: Edit,
    applied: &mut Applied,
) -> Renewal {
    let seen = PodSeen::of(pod);
    match turn(context, instance, &seen) {
        Turn::Now => {}
        Turn::Begun => return Renewal::begun(),
        Turn::Later => return Renewal::WaitsForOthers,
        Turn::RefusedBy(other) => return Renewal::RefusedElsewhere(other),
    }
    match apply::edit_pod(&context.client, pod, &edit).await {
        Ok(change) => {
            applied.changes.extend(change);
            Renewal::begun()
        }
        Err(failure) => {
            lock(&context.turns).give_back(&seen);
            if failure.error.is_refusal() {
                return refused(context, instance, pod, &failure).await;
            }
            failed(failure, Renewal::Replace(edit), applied)
        }
    }
}

/// Nothing is forgotten between the look at the pods and the turn.
fn turn(context: &Context, instance: &Instance, seen: &PodSeen) -> Turn {
    let known = &instance.sidecar;
    let mut turns = lock(&context.turns);
    let pods = lock(&context.fleet).pods(&context.caches);
    turns.take(&instance.name, seen, &known.requested, &pods, known.at)
}

/// PodSecurity and admission policies evaluate the pod again. An image that they refuse is not tried again.
async fn refused(context: &Context, instance: &Instance, pod: &Pod, failure: &Failure) -> Renewal {
    let said = failure.error.message();
    let refused = Refused {
        image: instance.sidecar.requested.clone(),
        reason: format!("{}: {said}", Refused::BY_API_SERVER),
    };
    match apply::edit_pod(&context.client, pod, &Edit::refuse(&refused)).await {
        Ok(_) => Renewal::Refused(refused),
        Err(_) => Renewal::Forbidden(said),
    }
}

/// The server is not affected.
fn failed(failure: Failure, decided: Renewal, applied: &mut Applied) -> Renewal {
    let is_outdated = failure.error.is_conflict() || failure.error.is_not_found();
    if failure.error.is_refusal() {
        return Renewal::Forbidden(failure.error.message());
    }
    if is_outdated {
        applied.overtaken();
    } else {
        applied.failures.push(failure);
    }
    decided
}
