//! The driver: observe, evaluate, apply, report. Nothing is decided here.
#![expect(
    clippy::disallowed_methods,
    reason = "the driver passes the time to what it calls"
)]

mod apart;
mod schedule;
mod sidecar;

use dittofs_shared::crd::DittoServer;
use futures::{Stream, StreamExt as _};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource as _};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::apply::{self, Applied, ApplyError};
use crate::context::{Context, lock};
use crate::metrics::Outcome;
use crate::observe;
use crate::other_operator::Search;
use crate::read::ReadError;
use crate::restarts;
use crate::watch::GuardedDittoServer;
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::events as reported;
use dittofs_operator_core::events::password_reset;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::roll;
use dittofs_operator_core::status::{self, View};

/// Requests for the same instance within this time become one reconcile.
const DEBOUNCE: Duration = Duration::from_millis(20);

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
    requests: impl Stream<Item = ObjectRef<GuardedDittoServer>>,
    concurrency: u16,
) {
    let store = context.stores.servers.clone();
    let config = controller::Config::default()
        .debounce(DEBOUNCE)
        .concurrency(concurrency);
    let requests = requests.map(Ok::<_, Infallible>);
    let outcomes = controller::applier(
        |server, context| Box::pin(reconcile(server, context)),
        |server, error, context| retry(&server, error, &context),
        Arc::clone(&context),
        store,
        requests,
        config,
    );
    outcomes
        .for_each_concurrent(None, |outcome| async {
            // There is no such instance: it was deleted meanwhile, or only the label of an object names it.
            if let Err(controller::Error::ObjectNotFound(instance)) = outcome {
                let namespace = instance.namespace.as_deref().unwrap_or_default();
                apart::release(&context, namespace, &instance.name).await;
            }
        })
        .await;
}

async fn reconcile(
    server: Arc<GuardedDittoServer>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let began = Instant::now();
    let result = match &server.0 {
        Ok(server) => Box::pin(reconcile_valid(server, &context)).await,
        Err(invalid) => {
            tracing::error!(
                name = invalid.metadata.name,
                namespace = invalid.metadata.namespace,
                error = invalid.error,
                "cannot parse this DittoServer: its objects are left unchanged until it is corrected"
            );
            Ok(Action::await_change())
        }
    };
    let outcome = if result.is_ok() {
        Outcome::Success
    } else {
        Outcome::Error
    };
    context.metrics.reconciled(outcome, began.elapsed());
    if result.is_ok() {
        lock(&context.retries).succeeded(&ObjectRef::from_obj(&*server));
    }
    result
}

fn retry(server: &Arc<GuardedDittoServer>, error: &Error, context: &Arc<Context>) -> Action {
    let instance = ObjectRef::from_obj(&**server);
    let (failures, delay) = lock(&context.retries).failed(instance.clone());
    tracing::warn!(%instance, %error, failures, "reconcile failed; retrying in {delay:.1?}");
    Action::requeue(delay)
}

async fn reconcile_valid(server: &DittoServer, context: &Context) -> Result<Action, Error> {
    if server.meta().deletion_timestamp.is_some() {
        return apart::deleting(server, context).await;
    }
    let search = Search::new(server, &context.client, &context.stores);
    if search.is_found().await? {
        return apart::leave_alone(server, context, &search).await;
    }
    ensure_status(server, &context.client).await?;
    let (pass, mut applied) = Box::pin(apply_desired(server, context)).await?;
    let Pass {
        observed,
        instance,
        desired,
    } = &pass;
    let roll = roll::decide(
        instance.spec.roll_policy,
        observed.stateful_set.as_deref(),
        observed.own_pod(),
    );
    let roll = restarts::restart_if_due(roll, observed, context, &mut applied).await;
    let renewal = sidecar::renew(context, &pass, &roll, &mut applied).await;
    context.metrics.applied(&applied);
    let view = View {
        instance,
        generation: server.meta().generation,
        failures: &applied.failures,
        refused_growth: &applied.refused_growth,
        refused_owners: &applied.refused_owners,
        roll: &roll,
        renewal: &renewal,
        config_hash: desired.config_hash.as_deref(),
        stateful_set: observed.stateful_set.as_deref(),
        pod: observed.pod.as_deref(),
        adapter_services: &observed.adapter_services,
        optional: &observed.optional,
        reconcile_request: reconcile_request::of(server),
        previous: server.status.as_ref(),
    };
    report(server, context, &view, &applied).await?;
    match applied.failures.first() {
        Some(failure) => Err(Error::Apply(failure.to_string())),
        None => Ok(Action::requeue(
            schedule::requeue_after(instance, applied.due_in)
                .min(restarts::requeue_after(&roll))
                .min(sidecar::requeue_after(instance, &renewal)),
        )),
    }
}

/// Gives a new instance its first conditions.
async fn ensure_status(server: &DittoServer, client: &Client) -> Result<(), ApplyError> {
    let conditions = server.status.as_ref().map(|status| &status.conditions);
    if conditions.is_none_or(Vec::is_empty) {
        let first = status::first(server, jiff::Timestamp::now());
        apply::write_status(client, server, &first).await?;
    }
    Ok(())
}

/// What a reconcile has observed, and what it has concluded from that.
struct Pass {
    observed: Observed,
    instance: Instance,
    desired: Desired,
}

impl Pass {
    async fn begin(server: &DittoServer, context: &Context) -> Result<Self, ReadError> {
        let observed = observe::observe(server, &context.stores, &context.client).await?;
        let instance = Instance::parse(&observed, &context.defaults);
        Ok(Self {
            desired: Desired::of(&instance),
            observed,
            instance,
        })
    }
}

/// Writes whatever differs, unless the instance is paused.
async fn apply_desired(server: &DittoServer, context: &Context) -> Result<(Pass, Applied), Error> {
    let (client, stores) = (&context.client, &context.stores);
    let mut pass = Pass::begin(server, context).await?;
    let mut applied = Applied::default();
    if !server.spec.paused {
        let force = reconcile_request::of(server).is_some();
        applied = apply::create_secrets(client, &pass.observed, &pass.desired.secrets).await;
        if !applied.changes.is_empty() {
            pass = Pass::begin(server, context).await?;
        }
        let (instance, desired) = (&pass.instance, &pass.desired);
        applied.extend(apply::apply(client, stores, instance, desired, force).await);
    }
    Ok((pass, applied))
}

async fn report(
    server: &DittoServer,
    context: &Context,
    view: &View<'_>,
    applied: &Applied,
) -> Result<(), Error> {
    let status = status::of(view, jiff::Timestamp::now());
    let mut notices = reported::notices(
        &applied.changes,
        &applied.failures,
        server.status.as_ref(),
        &status,
    );
    let resets = &view.instance.api_access.reset;
    notices.extend(password_reset::notices(server, resets, &status));
    if server.status.as_ref() != Some(&status) {
        apply::write_status(&context.client, server, &status).await?;
    }
    context.events.publish(server, notices).await;
    Ok(())
}
