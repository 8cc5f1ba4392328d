//! The driver: observe, parse, desire, apply, tell. Nothing is decided here.

mod apart;
mod schedule;
mod sidecar;

use dittofs_shared::crd::DittoServer;
use futures::{Stream, StreamExt as _};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource as _, ResourceExt as _};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::apply::{self, Applied, ApplyError};
use crate::events;
use crate::metrics::{Metrics, Outcome};
use crate::observe::{self, ObserveError};
use crate::other_operator::{ReadError, Search};
use crate::restarts;
use crate::turns::Turns;
use crate::watch::{Requests, Server, Stores};
use dittofs_operator_core::brake::Brake;
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::events as reported;
use dittofs_operator_core::events::password_reset;
use dittofs_operator_core::instance::{Defaults, Instance};
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::roll;
use dittofs_operator_core::status::{self, View};

/// Requests for the same instance within this time become one look.
const DEBOUNCE: Duration = Duration::from_millis(20);
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// What a look at an instance needs.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// Copies of what belongs to us.
    pub stores: Stores,
    /// What the operator decides for all instances.
    pub defaults: Defaults,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// How many servers may be out of service at a time.
    pub brake: Mutex<Brake>,
    /// Asks for looks at other instances.
    pub requests: Requests,
    /// Looks that failed in a row, by instance: only to grow the delay, and lost without harm.
    pub failures: Mutex<HashMap<ObjectRef<Server>, u32>>,
    /// Who may replace a sidecar.
    pub turns: Turns,
}

/// Why a look at an instance failed. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something could not be read.
    #[error("{0}: {source}", source = source_of(.0))]
    Observe(#[from] ObserveError),
    /// It is not known who looks after the instance.
    #[error(transparent)]
    OtherOperator(#[from] ReadError),
    /// The status could not be written.
    #[error("the status could not be written: {0}")]
    Status(#[from] ApplyError),
    /// Some objects could not be written. The status says which.
    #[error("{0}")]
    Apply(String),
}

fn source_of(error: &ObserveError) -> String {
    use std::error::Error as _;
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// Looks at instances as they are asked for, several at a time, until the requests end.
pub async fn run(
    context: Arc<Context>,
    requests: impl Stream<Item = ObjectRef<Server>>,
    concurrency: u16,
) {
    let store = context.stores.servers.clone();
    let config = controller::Config::default()
        .debounce(DEBOUNCE)
        .concurrency(concurrency);
    let requests = requests.map(Ok::<_, Infallible>);
    let looks = controller::applier(
        |server, context| Box::pin(look(server, context)),
        |server, error, context| retry(&server, error, &context),
        Arc::clone(&context),
        store,
        requests,
        config,
    );
    looks
        .for_each_concurrent(None, |outcome| async {
            // Nothing to look at: it was deleted meanwhile, or an object that bears our label names it.
            if let Err(controller::Error::ObjectNotFound(instance)) = outcome {
                let namespace = instance.namespace.as_deref().unwrap_or_default();
                apart::release(&context, namespace, &instance.name).await;
            }
        })
        .await;
}

async fn look(server: Arc<Server>, context: Arc<Context>) -> Result<Action, Error> {
    let began = Instant::now();
    let result = match &server.0 {
        Ok(server) => Box::pin(reconcile(server, &context)).await,
        Err(invalid) => {
            tracing::error!(
                name = invalid.metadata.name,
                namespace = invalid.metadata.namespace,
                error = invalid.error,
                "this DittoServer cannot be read and is left as it is: correct it"
            );
            Ok(Action::await_change())
        }
    };
    let outcome = if result.is_ok() {
        Outcome::Success
    } else {
        Outcome::Error
    };
    context.metrics.pass(outcome, began.elapsed());
    if result.is_ok() {
        context
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&ObjectRef::from_obj(&*server));
    }
    result
}

fn retry(server: &Arc<Server>, error: &Error, context: &Arc<Context>) -> Action {
    let instance = ObjectRef::from_obj(&**server);
    let mut failures = context
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let count = failures.entry(instance.clone()).or_default();
    let delay = SHORTEST_RETRY
        .saturating_mul(1 << (*count).min(10))
        .min(LONGEST_RETRY);
    *count = count.saturating_add(1);
    let jitter = rand::random_range(0.8..1.2);
    tracing::warn!(instance = %instance, %error, failures = *count, "trying again in {delay:?}");
    Action::requeue(delay.mul_f64(jitter))
}

async fn reconcile(server: &DittoServer, context: &Context) -> Result<Action, Error> {
    let client = &context.client;
    if server.meta().deletion_timestamp.is_some() {
        return apart::deleting(server, context).await;
    }
    let search = Search::new(server, client, &context.stores);
    if search.is_found().await? {
        return apart::leave_alone(server, context, &search).await;
    }
    greet(server, client).await?;
    let Look {
        observed,
        instance,
        desired,
        mut applied,
    } = Box::pin(make(server, context)).await?;
    let roll = roll::decide(
        instance.spec.roll_policy,
        observed.stateful_set.as_deref(),
        observed.own_pod(),
    );
    let roll = restarts::act_on(roll, &observed, context, &mut applied).await;
    let look = (&observed, &instance, &desired);
    let renewal = sidecar::renew(context, look, &roll, &mut applied).await;
    context.metrics.applied(&applied);
    let view = View {
        instance: &instance,
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
    tell(server, context, &view, &applied).await?;
    match applied.failures.first() {
        Some(failure) => Err(Error::Apply(failure.to_string())),
        None => Ok(Action::requeue(
            schedule::next_look(&instance, applied.due_in)
                .min(restarts::longest_wait(&roll))
                .min(sidecar::next_look(&instance, &renewal)),
        )),
    }
}

/// The first word to a new instance.
async fn greet(server: &DittoServer, client: &Client) -> Result<(), ApplyError> {
    let conditions = server.status.as_ref().map(|status| &status.conditions);
    if conditions.is_none_or(Vec::is_empty) {
        let first = status::first(server, jiff::Timestamp::now());
        write_status(client, server, &first).await?;
    }
    Ok(())
}

/// What a look has found, and what it has made of it.
struct Look {
    observed: Observed,
    instance: Instance,
    desired: Desired,
    applied: Applied,
}

/// Writes whatever differs, unless the instance is paused.
async fn make(server: &DittoServer, context: &Context) -> Result<Look, Error> {
    let Context {
        client,
        stores,
        defaults,
        ..
    } = context;
    let mut observed = observe::observe(server, stores, client).await?;
    let mut instance = Instance::parse(&observed, defaults);
    let mut desired = Desired::of(&instance);
    let mut applied = Applied::default();
    if !server.spec.paused {
        let anew = reconcile_request::of(server).is_some();
        applied = apply::make_secrets(client, &observed, &desired.secrets).await;
        if !applied.changes.is_empty() {
            observed = observe::observe(server, stores, client).await?;
            instance = Instance::parse(&observed, defaults);
            desired = Desired::of(&instance);
        }
        applied.extend(apply::apply(client, stores, &instance, &desired, anew).await);
    }
    Ok(Look {
        observed,
        instance,
        desired,
        applied,
    })
}

async fn tell(
    server: &DittoServer,
    context: &Context,
    view: &View<'_>,
    applied: &Applied,
) -> Result<(), Error> {
    let told = status::of(view, jiff::Timestamp::now());
    let mut notices = reported::notices(
        &applied.changes,
        &applied.failures,
        server.status.as_ref(),
        &told,
    );
    let resets = &view.instance.way_in.reset;
    notices.extend(password_reset::notices(server, resets, &told));
    if server.status.as_ref() != Some(&told) {
        write_status(&context.client, server, &told).await?;
    }
    events::publish(&context.client, server, notices).await;
    Ok(())
}

async fn write_status(
    client: &Client,
    server: &DittoServer,
    status: &dittofs_shared::crd::DittoServerStatus,
) -> Result<(), ApplyError> {
    let namespace = server.namespace().unwrap_or_default();
    match apply::write_status(client, &namespace, &server.name_any(), status).await {
        // Deleted meanwhile: there is nobody left to tell.
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}
