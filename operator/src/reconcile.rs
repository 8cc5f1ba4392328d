//! The driver: observe, parse, desire, apply, tell. Nothing is decided here.

use dittofs_shared::server::DittoServer;
use futures::{Stream, StreamExt as _};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource as _, ResourceExt as _};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::apply::{self, Applied, ApplyError};
use crate::brake::Brake;
use crate::desired::Desired;
use crate::events;
use crate::instance::{Defaults, Instance, PerconaCluster};
use crate::metrics::{Metrics, Outcome};
use crate::observe::{self, ObserveError, Observed};
use crate::roll;
use crate::status::{self, View};
use crate::turns;
use crate::watch::{Requests, Server, Stores};
use crate::wish;

/// Secrets are not watched, so that nobody needs the right to list them. They are read on every look and at least
/// this often.
const SECRETS_REREAD: Duration = Duration::from_mins(10);
/// The same, while one of them keeps the server from being started as asked.
const SECRETS_AWAITED: Duration = Duration::from_secs(30);
/// The same, while all that is missing is the Secret of a database that is ready.
const CONNECTION_AWAITED: Duration = Duration::from_secs(5);
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
    pub brake: Brake,
    /// Asks for looks at other instances.
    pub requests: Requests,
    /// Looks that failed in a row, by instance: only to grow the delay, and lost without harm.
    pub failures: Mutex<HashMap<ObjectRef<Server>, u32>>,
}

/// Why a look at an instance failed. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something could not be read.
    #[error("{0}: {source}", source = source_of(.0))]
    Observe(#[from] ObserveError),
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
        context,
        store,
        requests,
        config,
    );
    // An instance that was deleted meanwhile ends as an error that says nothing.
    looks.for_each(|_| async {}).await;
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
        if let Some(last) = status::deleting(server.status.as_ref()) {
            write_status(client, server, &last).await?;
        }
        // Owner references take care of the rest, with or without us.
        return Ok(Action::await_change());
    }
    if server
        .status
        .as_ref()
        .is_none_or(|status| status.conditions.is_empty())
    {
        let first = status::first(server.meta().generation, jiff::Timestamp::now());
        write_status(client, server, &first).await?;
    }
    let Look {
        observed,
        instance,
        desired,
        mut applied,
    } = Box::pin(make(server, context)).await?;
    let roll = roll::decide(
        instance.spec.roll_policy,
        observed.stateful_set.as_deref(),
        observed.pod.as_deref(),
    );
    let roll = turns::act_on(roll, &observed, context, &mut applied).await;
    context.metrics.applied(&applied);
    let view = View {
        instance: &instance,
        generation: server.meta().generation,
        failures: &applied.failures,
        refused_growth: &applied.refused_growth,
        roll: &roll,
        config_hash: desired.config_hash.as_deref(),
        stateful_set: observed.stateful_set.as_deref(),
        pod: observed.pod.as_deref(),
        adapter_services: &observed.adapter_services,
        optional: &observed.optional,
        wish: wish::of(server),
        previous: server.status.as_ref(),
    };
    tell(server, context, &view, &applied).await?;
    match applied.failures.first() {
        Some(failure) => Err(Error::Apply(failure.to_string())),
        None => Ok(Action::requeue(
            next_look(&instance).min(turns::longest_wait(&roll)),
        )),
    }
}

/// Secrets are not watched: one that is awaited is looked for more often.
fn next_look(instance: &Instance) -> Duration {
    let cluster = instance.percona.as_ref();
    let longest = if instance.startable().is_ok() {
        SECRETS_REREAD
    } else if cluster.is_some_and(PerconaCluster::waits_for_secret) {
        CONNECTION_AWAITED
    } else {
        SECRETS_AWAITED
    };
    longest.mul_f64(rand::random_range(0.9..1.0))
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
        let anew = wish::of(server).is_some();
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
    let notices = events::notices(applied, server.status.as_ref(), &told);
    if server.status.as_ref() != Some(&told) {
        write_status(&context.client, server, &told).await?;
    }
    events::publish(&context.client, server, notices).await;
    Ok(())
}

async fn write_status(
    client: &Client,
    server: &DittoServer,
    status: &dittofs_shared::server::DittoServerStatus,
) -> Result<(), ApplyError> {
    let namespace = server.namespace().unwrap_or_default();
    match apply::write_status(client, &namespace, &server.name_any(), status).await {
        // Deleted meanwhile: there is nobody left to tell.
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}
