//! The driver: observe, evaluate, apply, report. Nothing is decided here.
#![expect(
    clippy::disallowed_methods,
    reason = "the driver passes the time to what it calls"
)]

mod apart;
mod converge;
mod report;
mod rest;
mod schedule;
mod sidecar;
mod troubled;

use dittofs_shared::crd::DittoServer;
use futures::{Stream, StreamExt as _};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::Store;
use kube::{Resource as _, ResourceExt as _};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::apply::{self, Applied, ApplyError};
use crate::context::Context;
use crate::lock::lock;
use crate::metrics::Outcome;
use crate::other_operator::Search;
use crate::read::ReadError;
use crate::restarts;
use crate::secrets::KnownSecrets;
use crate::server::{InstanceRef, Place, Server};
use crate::wake::Causes;
use converge::{Converged, Extent, Pass, converge, is_new};
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::pod_status;
use dittofs_operator_core::roll;
use dittofs_operator_core::status::{self, View};
use report::{report, view};
use rest::Beginning;

/// Requests for the same instance within this time become one reconcile: what another controller writes at once. See
/// [`crate::wake`] for those that come faster than that for longer.
const DEBOUNCE: Duration = Duration::from_millis(2);
/// When an instance is reconciled again that waits for an event.
const FAR: Duration = Duration::from_hours(24 * 365);

/// Why a reconcile failed. It is retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The status could not be written.
    #[error("cannot write the status: {0}")]
    Status(#[from] ApplyError),
    /// Some objects could not be written. The status says which.
    #[error("{0}")]
    Apply(String),
}

/// Reconciles instances on request, several concurrently, until the requests end.
pub async fn run(
    context: Arc<Context>,
    places: Store<Place>,
    requests: impl Stream<Item = InstanceRef>,
    concurrency: u16,
) {
    let config = controller::Config::default()
        .debounce(DEBOUNCE)
        .concurrency(concurrency);
    let requests = requests.map(Ok::<_, Infallible>);
    let outcomes = controller::applier(
        |place, context| Box::pin(reconcile_if_needed(place, context)),
        |place, error, context| retry(&place, error, &context),
        Arc::clone(&context),
        places,
        requests,
        config,
    );
    outcomes
        .for_each_concurrent(None, |outcome| async {
            // There is no such instance: it was deleted meanwhile, or only the label of an object names it.
            if let Err(controller::Error::ObjectNotFound(gone)) = outcome {
                let namespace = gone.namespace.as_deref().unwrap_or_default();
                let instance = InstanceRef::new(&gone.name).within(namespace);
                if context.namespaces.admit(&instance) {
                    apart::gone(&context, namespace, &gone.name).await;
                } else {
                    context.wake.set_aside(&instance);
                }
            }
        })
        .await;
}

async fn reconcile_if_needed(place: Arc<Place>, context: Arc<Context>) -> Result<Action, Error> {
    let instance = InstanceRef::from_obj(&*place);
    if !context.namespaces.admit(&instance) {
        context.wake.set_aside(&instance);
        return Ok(Action::await_change());
    }
    let causes = match context.wake.begin(&instance, Instant::now()) {
        Ok(causes) => causes,
        Err(due) => return Ok(Action::requeue(due.duration_since(Instant::now()))),
    };
    let (namespace, name) = (place.namespace().unwrap_or_default(), place.name_any());
    let servers = &context.caches.servers;
    let Some(server) = servers.get(&namespace, &name) else {
        // It was deleted after this reconcile had been scheduled.
        if !servers.has(&namespace, &name) {
            apart::gone(&context, &namespace, &name).await;
        }
        return Ok(Action::await_change());
    };
    let after = reconcile(&server, &context, &instance, causes).await?;
    context.wake.due(&instance, Instant::now() + after);
    // The answer to our status may have shown a change whose event never comes, because a list has replaced it.
    if server
        .valid()
        .is_some_and(|server| context.has_changed(server))
    {
        context.wake.ask(instance);
    }
    Ok(Action::requeue(after))
}

/// Returns when to reconcile again.
async fn reconcile(
    server: &Server,
    context: &Context,
    instance: &InstanceRef,
    causes: Causes,
) -> Result<Duration, Error> {
    let began = Instant::now();
    let result = match server {
        Server::Valid(server) => {
            if causes.is_whole {
                lock(&context.secrets).forget(instance);
            }
            let secrets = lock(&context.secrets).of(instance, began);
            let beginning = Beginning::of(context, instance, began);
            let known = (causes, secrets);
            Box::pin(reconcile_valid(server, context, instance, beginning, known)).await
        }
        Server::TooLarge { status, bytes, .. } => {
            apart::too_large(server, status.as_deref(), *bytes, context).await
        }
        Server::Invalid { error, .. } => {
            tracing::error!(
                %instance,
                error,
                "cannot parse this DittoServer: its objects are left unchanged until it is corrected"
            );
            Ok(FAR)
        }
    };
    let outcome = if result.is_ok() {
        Outcome::Success
    } else {
        Outcome::Error
    };
    context.metrics.reconciled(outcome, began.elapsed());
    if result.is_ok() {
        lock(&context.retries).succeeded(instance);
    }
    result
}

fn retry(place: &Arc<Place>, error: &Error, context: &Arc<Context>) -> Action {
    let instance = InstanceRef::from_obj(&**place);
    let (failures, delay) = lock(&context.retries).failed(instance.clone());
    tracing::warn!(%instance, %error, failures, "reconcile failed; retrying in {delay:.1?}");
    context.wake.retry(&instance, Instant::now() + delay);
    Action::requeue(delay)
}

async fn reconcile_valid(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
    beginning: Beginning,
    (causes, mut secrets): (Causes, KnownSecrets),
) -> Result<Duration, Error> {
    if server.meta().deletion_timestamp.is_some() {
        return apart::deleting(server, context).await;
    }
    let known = (causes, &mut secrets);
    if let Some(left) = beginning.left(server, context, place, known).await? {
        lock(&context.secrets).update(place, Some(secrets), Instant::now());
        return Ok(schedule::at_rest(left));
    }
    let search = Search::new(server, &context.client, &context.caches);
    if search.is_found().await? {
        return apart::leave_alone(server, context, &search).await;
    }
    let mut converged = Box::pin(converge(server, context, place, &mut secrets)).await?;
    let mut applied = std::mem::take(&mut converged.applied);
    let uid = server.uid().unwrap_or_default();
    let begun = lock(&context.begun).take(place, &uid);
    applied.changes.splice(..0, begun);
    if converged.extent == Extent::Begun {
        lock(&context.begun).put(place, uid, applied.changes);
        lock(&context.secrets).update(place, Some(secrets), Instant::now());
        return Ok(Duration::ZERO);
    }
    let done = (converged, applied);
    Box::pin(conclude(server, context, place, beginning, done, secrets)).await
}

/// Restarts and renews what is due, and reports.
async fn conclude(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
    beginning: Beginning,
    (converged, mut applied): (Converged, Applied),
    secrets: KnownSecrets,
) -> Result<Duration, Error> {
    let pass = &converged.pass;
    let (observed, instance) = (&pass.observed, &pass.instance);
    let roll = roll::decide(
        instance.spec.roll_policy,
        observed.stateful_set.as_deref(),
        observed.own_pod(),
    );
    let roll = restarts::restart_if_due(roll, observed, context, &mut applied).await;
    let renewal = sidecar::renew(context, pass, &roll, &mut applied).await;
    context.metrics.applied(&applied);
    let view = view(server, &converged, &applied, &roll, &renewal);
    let (warnings, look_again) = troubled::look(context, &view).await;
    let view = View {
        warnings: &warnings,
        ..view
    };
    let reported = report(server, context, place, &view, &applied).await?;
    let secrets = Some(secrets).filter(|_| !may_lack_secret(instance, observed));
    let own = restarts::requeue_after(&roll)
        .min(sidecar::requeue_after(instance, &renewal))
        .min(look_again)
        .min(status::changes_in(&view).unwrap_or(FAR))
        .min(reported.due_in.unwrap_or(FAR));
    if reported.is_in_order && secrets.is_some() {
        let due = applied.due_in.map_or(own, |due| due.min(own));
        beginning.in_order(context, place, observed, due);
    }
    lock(&context.secrets).update(place, secrets, Instant::now());
    if let Some(failure) = applied.failures.first() {
        return Err(Error::Apply(failure.to_string()));
    }
    Ok(schedule::requeue_after(instance, applied.due_in).min(own))
}

/// Whoever deletes a pod may have changed a Secret before, and a pod that has not started may wait for one.
fn may_lack_secret(instance: &Instance, observed: &Observed) -> bool {
    let pod = observed.pod.as_deref();
    let is_suspect = pod.is_some_and(|pod| {
        pod.metadata.deletion_timestamp.is_some()
            || (pod.status.is_some() && !pod_status::has_started(pod))
    });
    is_suspect || schedule::awaits_secret(instance)
}

/// Gives a new instance its first conditions, which say that nothing is known yet, and lets other new ones go before what follows.
async fn ensure_status(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
) -> Result<(), ApplyError> {
    if is_new(server) {
        context.wake.is_new(place, Instant::now());
        let first = status::first(server, jiff::Timestamp::now());
        apply::write_status(&context.client, &context.caches.servers, server, &first).await?;
    }
    Ok(())
}
