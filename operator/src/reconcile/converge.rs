//! Applies what is desired, and what follows from that.

use dittofs_shared::crd::DittoServer;
use kube::ResourceExt as _;

use super::{Error, ensure_status};
use crate::apply::{self, Applied};
use crate::context::Context;
use crate::observe;
use crate::read::ReadError;
use crate::secrets::KnownSecrets;
use crate::server::Server;
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::secrets::generated_names;

/// How often one reconcile applies what follows from what it has just written, such as what has to be deleted when its
/// successor exists. Events lead to whatever is left.
const ROUNDS: usize = 4;

/// Whether no operator has looked at it yet.
pub(super) fn is_new(server: &DittoServer) -> bool {
    let conditions = server.status.as_ref().map(|status| &status.conditions);
    conditions.is_none_or(Vec::is_empty)
}

/// What a reconcile has observed, and what it has concluded from that.
pub(super) struct Pass {
    pub observed: Observed,
    pub instance: Instance,
    pub desired: Desired,
}

impl Pass {
    async fn begin(
        server: &DittoServer,
        context: &Context,
        secrets: &mut KnownSecrets,
    ) -> Result<Self, ReadError> {
        let (stores, client) = (&context.stores, &context.client);
        let observed = observe::observe(server, stores, client, secrets).await?;
        let instance = Instance::parse(&observed, &context.defaults);
        Ok(Self {
            desired: Desired::of(&instance),
            observed,
            instance,
        })
    }
}

/// Whether it is still what it was when the reconcile began. If not, an event leads to another reconcile.
fn is_current(server: &DittoServer, context: &Context) -> bool {
    let (namespace, name) = (server.namespace().unwrap_or_default(), server.name_any());
    let cached = context.stores.servers.get(&namespace, &name);
    let now = cached.as_deref().and_then(Server::valid);
    now.is_some_and(|now| {
        now.metadata.deletion_timestamp.is_none()
            && now.metadata.uid == server.metadata.uid
            && now.metadata.generation == server.metadata.generation
    })
}

/// Writes whatever differs, and what follows from that, unless the instance is paused.
pub(super) async fn converge(
    server: &DittoServer,
    context: &Context,
    secrets: &mut KnownSecrets,
) -> Result<(Pass, Applied), Error> {
    let (client, stores) = (&context.client, &context.stores);
    if is_new(server) && !server.spec.paused {
        // The API server says so when one of them exists.
        for name in generated_names(&server.name_any()) {
            secrets.learn(name, None);
        }
    }
    let mut pass = Pass::begin(server, context, secrets).await?;
    if server.spec.paused {
        return Ok((pass, Applied::default()));
    }
    let parts = (&pass.instance, &pass.desired);
    let prepared = apply::prepare(client, stores, &pass.observed, parts, secrets);
    let (mut applied, first) = tokio::join!(prepared, ensure_status(server, context));
    first?;
    secrets.forget_missing();
    let unprepared = std::mem::take(&mut applied.failures);
    let mut is_outdated = is_new(server) || !applied.changes.is_empty();
    let mut force = reconcile_request::of(server).is_some();
    for _ in 0..ROUNDS {
        if !is_current(server, context) {
            break;
        }
        if is_outdated {
            pass = Pass::begin(server, context, secrets).await?;
        }
        let (instance, desired) = (&pass.instance, &pass.desired);
        let round = Box::pin(apply::apply(client, stores, instance, desired, force)).await;
        is_outdated = !round.changes.is_empty();
        let is_complete = !is_outdated || !round.failures.is_empty();
        applied = applied.followed_by(round);
        if is_complete {
            break;
        }
        force = false;
    }
    applied.failures.splice(..0, unprepared);
    if is_outdated {
        pass = Pass::begin(server, context, secrets).await?;
    }
    Ok((pass, applied))
}
